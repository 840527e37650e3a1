"""A loaded model behind the core's `Scorer`: members, calibration and behaviour clusters.

Arrives: packed states (N, S) and features (N, F). Leaves: `Scores`. A row's result depends on that row alone, bit for
bit, since every loop behind it goes through each row by itself. Knows nothing of files, windows or customers.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Final

import numpy as np

from streamseg.core.scores import Float32Array, Float64Array, Scores
from streamseg.core.windows import Int64Array
from streamseg.model.behaviours import UNGROUPED, Behaviours, axes, distances
from streamseg.model.blend import Blend, Outlook
from streamseg.model.calibrate import Calibration
from streamseg.model.forecaster import Forecasts
from streamseg.model.worth import value_interval

BLOCK: Final = 2_048
"""Rows that make the whole way together: what is kept of them on it stays in the processor's cache."""


class ModelScorer:
    """Implements `core.scores.Scorer`."""

    def __init__(self, blend: Blend, *, calibration: Calibration, behaviours: Behaviours, digest: str) -> None:
        self._blend = blend
        self._calibration = calibration
        self._behaviours = behaviours
        self._digest = digest

    @property
    def version(self) -> str:
        """First 12 hexadecimal digits of the artefact's SHA-256."""
        return self._digest[:12]

    @property
    def model_key(self) -> int:
        """First 63 bits of the SHA-256, above 0."""
        return max(int(self._digest[:16], 16) >> 1, 1)

    @property
    def blend(self) -> Blend:
        """The members."""
        return self._blend

    @property
    def calibration(self) -> Calibration:
        """The map from what the members say to the scores."""
        return self._calibration

    @property
    def behaviours(self) -> tuple[str, ...]:
        """Names of the K behaviour clusters."""
        return self._behaviours.names

    @property
    def state_size(self) -> int:
        """S."""
        return self._blend.state_size

    @property
    def average(self) -> Float32Array:
        """(F,) mean of each feature over the training data."""
        return self._blend.average

    @property
    def horizon_days(self) -> float:
        """Days over which churn is forecast, from the instant of the score."""
        return self._calibration.horizon_days

    def over(self, horizon_days: float) -> ModelScorer:
        """The same model asked about another horizon; its calibration is extrapolated."""
        other = copy(self)
        other._calibration = replace(self._calibration, horizon_days=horizon_days)
        return other

    def advance(self, state: Float32Array, x: Float32Array) -> Float32Array:
        """Fold one closed window into each state: (N, S), (N, F) -> (N, S)."""
        return self.catch_up(state, x, np.array([len(x)]))

    def catch_up(self, state: Float32Array, x: Float32Array, joined: Int64Array) -> Float32Array:
        """Fold W closed windows into N states, from old to new: (N, S), (R, F), (W,) -> (N, S)."""
        return self._blend.advance(state, x, joined)

    def score(self, state: Float32Array, x: Float32Array) -> Scores:
        """Step over the running window and forecast the churn horizon: (N, S), (N, F) -> N scores."""
        outlook = self._expect(state, x)
        served = self._calibration.apply(Forecasts(outlook.none, outlook.days, outlook.value))
        factor = self._calibration.level * self._calibration.value_level
        low, high = value_interval(served.none, served.value, outlook.square * factor**2)
        return Scores(
            churn_probability=served.none,
            expected_outcomes=served.count,
            expected_value=served.value,
            value_low=low,
            value_high=high,
            behaviour_distance=distances(self._behaviours, axes(served.none, served.count, served.value)),
        )

    def risk(self, state: Float32Array, x: Float32Array) -> Float64Array:
        """(N,) `churn_probability` of `score`, to the bit, without what else it tells."""
        return self._calibration.probability(self._expect(state, x).none)

    def _expect(self, state: Float32Array, x: Float32Array) -> Outlook:
        told = [
            self._blend.expect(state[start : start + BLOCK], x[start : start + BLOCK], self.horizon_days)
            for start in range(0, max(len(x), 1), BLOCK)
        ]
        return Outlook(*map(np.concatenate, zip(*told, strict=True)))

    def next_types(self, state: Float32Array, x: Float32Array) -> Float64Array:
        """P(type of the next touchpoint): (N, S), (N, F) -> (N, T) by code; asked for apart, the event path needs none.

        Raises:
            ValueError: If the model has no network.
        """
        return self._blend.next_types(state, x)


def unfinished(blend: Blend, calibration: Calibration) -> ModelScorer:
    """A scorer that is measured and never served: without behaviours, and without a version."""
    return ModelScorer(blend, calibration=calibration, behaviours=UNGROUPED, digest="0" * 64)
