"""A loaded model behind the core's `Scorer`: members, calibration and behaviour clusters, run in fixed padded tiles.

Arrives: packed states (N, S) and features (N, F). Leaves: `Scores`. A row's result depends on that row alone, bit for
bit: every call of a member sees `TILE` rows, whatever N is. Knows nothing of files, windows or customers.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from streamseg.core.scores import Float32Array, Float64Array, Scores
from streamseg.model.behaviours import UNGROUPED, Behaviours, axes, distances
from streamseg.model.blend import TILE, Blend, Tile
from streamseg.model.calibrate import Calibration
from streamseg.model.forecaster import Forecasts
from streamseg.model.worth import value_interval


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
        calibration = replace(self._calibration, horizon_days=horizon_days)
        return ModelScorer(self._blend, calibration=calibration, behaviours=self._behaviours, digest=self._digest)

    def advance(self, state: Float32Array, x: Float32Array) -> Float32Array:
        """Fold one closed window into each state: (N, S), (N, F) -> (N, S)."""
        # Grad mode is thread-local: it must be switched here, in the thread that calls, and not where it was loaded.
        with torch.inference_mode():
            stepped = [self._blend.advance(*tile).numpy() for tile in _tiles(state, x)]
        return np.concatenate(stepped)[: len(x)]

    def score(self, state: Float32Array, x: Float32Array) -> Scores:
        """Step over the running window and forecast the churn horizon: (N, S), (N, F) -> N scores."""
        with torch.inference_mode():
            outlook = self._blend.expect(_tiles(state, x), self.horizon_days)
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

    def next_types(self, state: Float32Array, x: Float32Array) -> Float64Array:
        """P(type of the next touchpoint): (N, S), (N, F) -> (N, T) by code; asked for apart, the event path needs none.

        Raises:
            ValueError: If the model has no network.
        """
        with torch.inference_mode():
            return self._blend.next_types(_tiles(state, x))[: len(x)]


def unfinished(blend: Blend, calibration: Calibration) -> ModelScorer:
    """A scorer that is measured and never served: without behaviours, and without a version."""
    return ModelScorer(blend, calibration=calibration, behaviours=UNGROUPED, digest="0" * 64)


def _tiles(state: Float32Array, x: Float32Array) -> list[Tile]:
    """Cut N rows into tiles of exactly `TILE`, at least one, the last one padded with zeros."""
    n = len(x)
    padded = max(1, -(-n // TILE)) * TILE
    states = np.zeros((padded, state.shape[1]), np.float32)
    inputs = np.zeros((padded, x.shape[1]), np.float32)
    states[:n], inputs[:n] = state, x
    # Not cut after the forms are closed: numpy, too, computes the end of an array in another way than its middle.
    return [
        (torch.from_numpy(states[start : start + TILE]), torch.from_numpy(inputs[start : start + TILE]))
        for start in range(0, padded, TILE)
    ]
