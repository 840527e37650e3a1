"""A loaded model behind the core's `Scorer`: network, calibration and behaviour clusters, run in fixed padded tiles.

Arrives: packed states (N, S) and features (N, F). Leaves: `Scores`. A row's result depends on that row alone, bit for
bit: every torch call sees 256 rows, whatever N is. Knows nothing of files, windows or customers.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from streamseg.core.scores import Float32Array, Scores
from streamseg.model.behaviours import Behaviours
from streamseg.model.calibrate import Calibration
from streamseg.model.network import Forecast, Network, log_mean, log_none

TILE = 256
"""Rows of every call. Batched floats depend on the shape of the batch (2e-7 between 1 and 4,096 rows)."""
DISCOUNT_PER_DAY = math.log(1.10) / 365.25
"""Money a year away is worth a tenth less."""
SURE = 1e-6
"""No forecast is surer than this: keeps logits finite."""


class NetworkScorer:
    """Implements `core.scores.Scorer`. All calls come from one thread, in which torch runs single-threaded."""

    def __init__(self, network: Network, *, calibration: Calibration, behaviours: Behaviours, digest: str) -> None:
        self._network = network.eval().requires_grad_(False)
        self._calibration = calibration
        self._behaviours = behaviours
        self._digest = digest
        self._horizon = torch.tensor(calibration.horizon_days, dtype=torch.float64)
        self._centre = torch.from_numpy(behaviours.mean)
        self._scale = torch.from_numpy(behaviours.scale)
        self._centres = torch.from_numpy(behaviours.centres)
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
    def behaviours(self) -> tuple[str, ...]:
        """Names of the K behaviour clusters."""
        return self._behaviours.names

    @property
    def state_size(self) -> int:
        """S."""
        return self._network.state_size

    @property
    def feature_count(self) -> int:
        """F."""
        return self._network.features

    @property
    def horizon_days(self) -> float:
        """Days over which churn is forecast, from the instant of the score."""
        return self._calibration.horizon_days

    @property
    def average(self) -> Float32Array:
        """(F,) mean of each feature over the training data."""
        average: Float32Array = self._network.mean.numpy()
        return average

    def over(self, horizon_days: float) -> NetworkScorer:
        """The same model asked about another horizon; its calibration is extrapolated."""
        calibration = replace(self._calibration, horizon_days=horizon_days)
        return NetworkScorer(self._network, calibration=calibration, behaviours=self._behaviours, digest=self._digest)

    def advance(self, state: Float32Array, x: Float32Array) -> Float32Array:
        """Fold one closed window into each state: (N, S), (N, F) -> (N, S)."""
        after = np.empty((len(x), self.state_size), np.float32)
        # Grad mode is thread-local: it must be switched here, in the thread that calls, and not where it was loaded.
        with torch.inference_mode():
            for rows, state_tile, x_tile in self._tiles(state, x):
                stepped = self._network.step(state_tile, self._network.project(self._network.standardise(x_tile)))
                after[rows] = stepped.numpy()[: rows.stop - rows.start]
        return after

    def score(self, state: Float32Array, x: Float32Array) -> Scores:
        """Step over the running window and forecast the churn horizon: (N, S), (N, F) -> N scores."""
        with torch.inference_mode():
            forecast = self._forecast(state, x)
            churn, expected, value, distances = self._finish(forecast)
        n = len(x)
        return Scores(churn.numpy()[:n], expected.numpy()[:n], value.numpy()[:n], distances.numpy()[:n])

    def _forecast(self, state: Float32Array, x: Float32Array) -> Forecast:
        """Forecasts for whole tiles, in double; the rows beyond N are padding."""
        tiles = self._tiles(state, x)
        raw = [self._network.head(state_tile, self._network.standardise(x_tile))[0] for _, state_tile, x_tile in tiles]
        # What follows is element by element over whole tiles, so it may be done for all of them at once.
        return _doubled(self._network.closed_forms(torch.cat(raw)))

    def _tiles(self, state: Float32Array, x: Float32Array) -> list[tuple[slice, Tensor, Tensor]]:
        """Cut N rows into tiles of exactly `TILE`, at least one, the last one padded with zeros."""
        n = len(x)
        padded = max(1, -(-n // TILE)) * TILE
        states = np.zeros((padded, self.state_size), np.float32)
        inputs = np.zeros((padded, self.feature_count), np.float32)
        states[:n], inputs[:n] = state, x
        return [
            (
                slice(start, min(start + TILE, n)),
                torch.from_numpy(states[start : start + TILE]),
                torch.from_numpy(inputs[start : start + TILE]),
            )
            for start in range(0, padded, TILE)
        ]

    def _finish(self, forecast: Forecast) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Close the forms, in double: (N,) churn, outcomes and value, and (N, K) distances."""
        none, outcomes = churn_and_outcomes(forecast, self._horizon, self._calibration)
        value = discounted_value(forecast, self._horizon, self._calibration)
        log_outcomes, log_value = torch.log1p(outcomes), torch.log1p(value)
        buys = 1.0 - none
        # One term after the other: a reduction may add in another order at another width.
        squares = torch.zeros((len(none), len(self.behaviours)), dtype=torch.float64)
        for axis, values in enumerate((log_outcomes, buys, log_value)):
            standard = (values - self._centre[axis]) / self._scale[axis]
            squares = squares + (standard[:, None] - self._centres[None, :, axis]).square()
        return none, outcomes, value, torch.sqrt(squares)


def churn_and_outcomes(forecast: Forecast, horizon_days: Tensor, calibration: Calibration) -> tuple[Tensor, Tensor]:
    """Calibrated P(no outcome day) and expected outcome days, (N,) each, within `horizon_days`."""
    log_m = log_mean(forecast, horizon_days) + math.log(calibration.level)
    log_p = log_none(forecast, log_m).clamp(math.log(SURE), math.log1p(-SURE))
    logit = log_p - torch.log(-torch.expm1(log_p))
    churn = torch.sigmoid(calibration.slope * logit + calibration.offset).clamp(SURE, 1.0 - SURE)
    return churn, torch.sigmoid(-forecast.zero_logit) * torch.exp(log_m)


def discounted_value(forecast: Forecast, horizon_days: Tensor, calibration: Calibration) -> Tensor:
    """(N,) expected discounted spend: integral of lambda0 exp(-(delta + rho) t) times the lognormal mean a day."""
    fade = torch.exp(forecast.log_decay) + DISCOUNT_PER_DAY
    days = torch.exp(forecast.log_rate) * -torch.expm1(-fade * horizon_days) / fade
    spend = torch.exp(forecast.spend_mu + 0.5 * torch.exp(2.0 * forecast.spend_log_sigma))
    return torch.sigmoid(-forecast.zero_logit) * days * spend * calibration.level * calibration.value_level


def _doubled(forecast: Forecast) -> Forecast:
    doubled = {name: tensor.double() for name, tensor in forecast._asdict().items() if name != "type_logits"}
    return forecast._replace(**doubled)
