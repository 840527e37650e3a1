"""The worker's network, same weights, as a user's job calls it: torch for one row or a batch, or numpy for one row.

Arrives: the artefact. Leaves: a state with closed weeks folded in, and calibrated churn probabilities. Only the first
network of a blend is asked, for P(no purchase day) alone: that is less than the worker asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, expm1, log, log1p

import numpy as np
import torch

from streamseg.core.features import COLUMN
from streamseg.core.scores import Float32Array
from streamseg.core.spec import CoreSpec
from streamseg.model.artifact import load
from streamseg.model.blueprint import LIMITS, SETTLED_DAYS, TOTALS
from streamseg.model.network import Network, log_mean, log_none
from streamseg.model.scorer import ModelScorer
from tests.bench.place import Place

Rows = Sequence[Sequence[float]]


def scorer_of(place: Place) -> ModelScorer:
    """What the worker serves."""
    return load(place.model.read_bytes(), spec=CoreSpec().windows).scorer


class TorchModel:
    """The network as it was trained."""

    def __init__(self, scorer: ModelScorer) -> None:
        torch.set_num_threads(1)
        self._network = Network.of(scorer.blend.networks[0])
        self._calibration = scorer.calibration
        self._horizon = torch.tensor(scorer.horizon_days)
        self.version = scorer.version
        self.zero = np.zeros(self._network.state_size, np.float32)
        """(S,) a customer's state before the first week."""

    def advance(self, state: Float32Array, closed: Rows) -> Float32Array:
        """(S,), (W, F) -> (S,): fold closed weeks in."""
        with torch.inference_mode():
            projected = self._network.project(self._network.standardise(torch.tensor(closed)))
            packed = torch.from_numpy(state)[None]
            for week in projected:
                packed = self._network.step(packed, week[None])
            found: Float32Array = packed[0].numpy()
            return found

    def risks(self, states: Sequence[Float32Array], x: Rows) -> list[float]:
        """N states (S,), (N, F) -> N churn probabilities."""
        with torch.inference_mode():
            z = self._network.standardise(torch.tensor(x, dtype=torch.float32))
            forecast = self._network.forecast(torch.from_numpy(np.array(states)), z)
            none = torch.exp(log_none(forecast, log_mean(forecast, self._horizon))).clamp(1e-6, 1 - 1e-6)
        found: list[float] = self._calibration.probability(none.double().numpy()).tolist()
        return found


class NumpyModel:
    """The same in numpy and `math`, for jobs that are asked about one row at a time: several times as fast as torch."""

    def __init__(self, scorer: ModelScorer) -> None:
        network = scorer.blend.networks[0]
        if network.encoder_name != "lstm":
            raise ValueError(f"the peers step an lstm, and this model's encoder is {network.encoder_name}")
        self._w = network.tensors
        self._low, self._width = [low for low, _ in LIMITS], [high - low for low, high in LIMITS]
        self._calibration = scorer.calibration
        self._horizon = scorer.horizon_days
        self._h = network.hidden
        self.version = scorer.version
        self.zero = np.zeros(network.state_size, np.float32)
        """(S,) a customer's state before the first week."""

    def advance(self, state: Float32Array, closed: Rows) -> Float32Array:
        """(S,), (W, F) -> (S,): fold closed weeks in."""
        for projected in self._project(self._standardised(np.array(closed, np.float32))):
            state = self._step(state, projected)
        return state

    def risk(self, state: Float32Array, x: Sequence[float]) -> float:
        """(S,), (F,) -> churn probability."""
        z = self._standardised(np.array(x, np.float32))
        hidden = self._step(state, self._project(z))[: self._h]
        w = self._w
        features = np.concatenate((hidden, z)) @ w["w_head"] + w["b_head"]
        features = features / (1.0 + np.exp(-features))
        embedding = np.tanh(features @ w["w_embedding"] + w["b_embedding"])
        out = embedding @ w["w_out"][:, :4] + z @ w["w_skip"][:, :4] + w["b_out"][:4]
        return self._closed_form(out.tolist())

    def _standardised(self, x: Float32Array) -> Float32Array:
        w = self._w
        y = x.copy()
        age = np.expm1(x[..., COLUMN["age_days"], None])
        y[..., TOTALS] = np.log1p(np.expm1(x[..., TOTALS]) * (SETTLED_DAYS / (age + SETTLED_DAYS)))
        z: Float32Array = np.clip((y - w["mean"]) / w["std"], w["least"], w["most"])
        return z

    def _project(self, z: Float32Array) -> Float32Array:
        projected: Float32Array = z @ self._w["encoder.w_input"] + self._w["encoder.bias"]
        return projected

    def _step(self, state: Float32Array, projected: Float32Array) -> Float32Array:
        n = self._h
        gates = projected + state[:n] @ self._w["encoder.w_state"]
        candidate = np.tanh(gates[2 * n : 3 * n])
        gates = 1.0 / (1.0 + np.exp(-gates))
        c = gates[n : 2 * n] * state[n:] + gates[:n] * candidate
        return np.concatenate((gates[3 * n :] * np.tanh(c), c))

    def _closed_form(self, raw: Sequence[float]) -> float:
        rate, decay, shape, zero = (
            low + width / (1.0 + exp(-min(max(value * 4.0 / width, -80.0), 80.0)))
            for value, low, width in zip(raw, self._low, self._width, strict=False)
        )
        mean = exp(rate - decay) * -expm1(-exp(decay) * self._horizon)
        gone = 1.0 / (1.0 + exp(-zero))
        none = gone + (1.0 - gone) * exp(-exp(shape) * log1p(mean / exp(shape)))
        log_p = self._calibration.level * log(min(max(none, 1e-6), 1.0 - 1e-6))
        logit = self._calibration.slope * (log_p - log(-expm1(log_p))) + self._calibration.offset
        return min(max(1.0 / (1.0 + exp(-logit)), 1e-6), 1.0 - 1e-6)
