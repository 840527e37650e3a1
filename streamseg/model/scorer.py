"""A loaded model behind the core's `Scorer`: members, calibration and behaviour clusters, run in fixed padded tiles.

Arrives: packed states (N, S) and features (N, F). Leaves: `Scores`. A row's result depends on that row alone, bit for
bit: every product has `TILE` rows, or a part of them that was seen to make no difference. Knows nothing of files,
windows or customers.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from streamseg.core.features import FEATURES
from streamseg.core.scores import Float32Array, Float64Array, Scores
from streamseg.model.behaviours import UNGROUPED, Behaviours, axes, distances
from streamseg.model.blend import Blend, Outlook
from streamseg.model.calibrate import Calibration
from streamseg.model.forecaster import Forecasts
from streamseg.model.network import TILE
from streamseg.model.worth import value_interval

GRAIN: Final = 16
"""Rows that a product may be filled up to instead of a whole tile, if that changes no bit."""
BLOCK: Final = 8 * TILE
"""Rows that make the whole way together: what is kept of them on it stays in the processor's cache."""


class ModelScorer:
    """Implements `core.scores.Scorer`. All calls come from one thread, in which torch runs single-threaded."""

    def __init__(self, blend: Blend, *, calibration: Calibration, behaviours: Behaviours, digest: str) -> None:
        for network in blend.networks:
            network.eval().requires_grad_(False)
        self._blend = blend
        self._calibration = calibration
        self._behaviours = behaviours
        self._digest = digest
        # More threads cut a tile differently, and the worker has one scoring thread. Process-wide, and meant so.
        torch.set_num_threads(1)
        self._grain = _grain_of(blend)

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
        # Grad mode is thread-local: it must be switched here, in the thread that calls, and not where it was loaded.
        with torch.inference_mode():
            return np.concatenate([self._blend.advance(*block).numpy() for block in _blocks(state, x, self._grain)])[
                : len(x)
            ]

    def score(self, state: Float32Array, x: Float32Array) -> Scores:
        """Step over the running window and forecast the churn horizon: (N, S), (N, F) -> N scores."""
        outlook = self._expect(state, x)
        served = self._calibration.apply(Forecasts(outlook.none, outlook.days, outlook.value))
        factor = self._calibration.level * self._calibration.value_level
        low, high = value_interval(served.none, served.value, outlook.square * factor**2)
        distance = distances(self._behaviours, axes(served.none, served.count, served.value))
        n = len(x)
        return Scores(
            churn_probability=served.none[:n],
            expected_outcomes=served.count[:n],
            expected_value=served.value[:n],
            value_low=low[:n],
            value_high=high[:n],
            behaviour_distance=distance[:n],
        )

    def risk(self, state: Float32Array, x: Float32Array) -> Float64Array:
        """(N,) `churn_probability` of `score`, to the bit, without what else it tells."""
        return self._calibration.probability(self._expect(state, x).none)[: len(x)]

    def _expect(self, state: Float32Array, x: Float32Array) -> Outlook:
        """Of the rows and what fills the last block up."""
        with torch.inference_mode():
            told = [self._blend.expect(*block, self.horizon_days) for block in _blocks(state, x, self._grain)]
        return Outlook(*map(np.concatenate, zip(*told, strict=True)))

    def next_types(self, state: Float32Array, x: Float32Array) -> Float64Array:
        """P(type of the next touchpoint): (N, S), (N, F) -> (N, T) by code; asked for apart, the event path needs none.

        Raises:
            ValueError: If the model has no network.
        """
        with torch.inference_mode():
            said = [self._blend.next_types(*block) for block in _blocks(state, x, self._grain)]
        return np.concatenate(said)[: len(x)]


def unfinished(blend: Blend, calibration: Calibration) -> ModelScorer:
    """A scorer that is measured and never served: without behaviours, and without a version."""
    return ModelScorer(blend, calibration=calibration, behaviours=UNGROUPED, digest="0" * 64)


def _blocks(state: Float32Array, x: Float32Array, grain: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut N rows into blocks, at least one; the last one is filled up with zeros to a multiple of `grain`."""
    for start in range(0, max(len(x), 1), BLOCK):
        rows = [columns[start : start + BLOCK] for columns in (state, x)]
        # Not cut before the forms are closed: numpy computes the end of an array in another way than its middle.
        padding = -len(rows[1]) % grain or grain * (not len(rows[1]))
        one, other = (np.concatenate((part, np.zeros((padding, part.shape[1]), np.float32))) for part in rows)
        yield torch.from_numpy(one), torch.from_numpy(other)


def _grain_of(blend: Blend) -> int:
    """The least rows of a product: `GRAIN` where this machine's products give a row the same bits in fewer of them."""
    random = np.random.default_rng(0)
    state, x = (
        torch.from_numpy(random.random((TILE, width), np.float32)) for width in (blend.state_size, len(FEATURES))
    )
    with torch.inference_mode():
        after, outlook = blend.advance(state, x), np.column_stack(blend.expect(state, x, 1.0))
        for rows in range(GRAIN, TILE, GRAIN):
            fewer = blend.advance(state[:rows], x[:rows]), blend.expect(state[:rows], x[:rows], 1.0)
            if not torch.equal(fewer[0], after[:rows]) or not np.array_equal(np.column_stack(fewer[1]), outlook[:rows]):
                return TILE
    return GRAIN
