"""The network: an encoder over window features (encoders/), and closed-form heads over what it remembers.

Arrives: window features (N, F) and packed states (N, S). Leaves: states, and the parameters of a forecast over any
horizon. Knows neither customers nor time, and nothing of calibration.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from streamseg.core.features import FEATURES
from streamseg.model.blueprint import CLIP, EMBEDDING, HEAD, LIMITS, LOG_DECAY, LOG_RATE, TOLD, ZERO_LOGIT, relate
from streamseg.model.encoders import make, uniform
from streamseg.model.serving.network import ServedNetwork
from streamseg.wire.vocabulary import TYPES


class Forecast(NamedTuple):
    """Parameters for N rows; each (N,) but the last."""

    log_rate: Tensor
    """log of lambda0, outcome days per day at once."""
    log_decay: Tensor
    """log of delta, per day."""
    log_shape: Tensor
    """log of r."""
    zero_logit: Tensor
    """logit of pi, the share that is gone for good."""
    spend_mu: Tensor
    """Mean of the log of spend per outcome day."""
    spend_log_sigma: Tensor
    type_logits: Tensor
    """(N, T) the type of the next touchpoint."""


class Network(nn.Module):
    """An encoder over windows, its input skipped into a two-layer head."""

    def __init__(self, features: int, types: int, *, encoder: str, hidden: int, seed: int = 0) -> None:
        super().__init__()
        self.features, self.types, self.encoder_name, self.hidden = features, types, encoder, hidden
        random = np.random.default_rng(seed)
        self.encoder = make(encoder, features=features, hidden=hidden, random=random)
        self.w_head = uniform(random, hidden + features, HEAD)
        self.b_head = nn.Parameter(torch.zeros(HEAD))
        self.w_embedding = uniform(random, HEAD, EMBEDDING)
        self.b_embedding = nn.Parameter(torch.zeros(EMBEDDING))
        self.w_out = uniform(random, EMBEDDING, TOLD + types, gain=0.1)
        self.b_out = nn.Parameter(torch.zeros(TOLD + types))
        # Past the bottleneck: rates of heavy buyers are linear in the logarithms that they come from.
        self.w_skip = nn.Parameter(torch.zeros(features, TOLD + types))
        self.mean: Tensor
        self.std: Tensor
        self.spend_level: Tensor
        self.spend_scale: Tensor
        self.least: Tensor
        self.most: Tensor
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))
        self.register_buffer("least", torch.full((features,), -CLIP))
        self.register_buffer("most", torch.full((features,), CLIP))
        self.register_buffer("spend_level", torch.zeros(()))
        self.register_buffer("spend_scale", torch.ones(()))
        limits = torch.tensor(LIMITS)
        self.low: Tensor
        self.high: Tensor
        self.register_buffer("low", limits[:, 0].clone(), persistent=False)
        self.register_buffer("high", limits[:, 1].clone(), persistent=False)

    @classmethod
    def of(cls, served: ServedNetwork) -> Network:
        """The same weights, for learning on from them."""
        network = cls(len(FEATURES), len(TYPES), encoder=served.encoder_name, hidden=served.hidden)
        network.load_state_dict({name: torch.tensor(value) for name, value in served.tensors.items()})
        return network

    def served(self) -> ServedNetwork:
        """What it has learnt so far, in compiled loops; it may go on learning.

        Raises:
            ValueError: If it was made for other features or types than this program's.
        """
        tensors = {name: np.array(value.numpy(), order="C", ndmin=1) for name, value in self.state_dict().items()}
        return ServedNetwork(self.encoder_name, self.hidden, tensors)

    @property
    def state_size(self) -> int:
        """S: numbers kept of a customer between two windows."""
        return self.encoder.state_size

    def standardise(self, x: Tensor) -> Tensor:
        """(..., F) raw -> (..., F) in deviations from the mean; totals as rates, nothing beyond what training saw."""
        z = relative(x).sub_(self.mean).div_(self.std)
        return torch.clamp(z, self.least, self.most, out=z)

    def scale_by(self, x: Tensor) -> None:
        """Take means, deviations and limits from (N, F) raw rows.

        Beyond the limits nothing was learnt: an older customer than any of them is read as the oldest of them.
        """
        y = relative(x).double()
        std = y.std(dim=0, correction=0)
        self.mean.copy_(y.mean(dim=0))
        # A constant column says nothing in training: a unit scale keeps it near 0 if it begins to move in service.
        self.std.copy_(torch.where(std > 1e-3, std, 1.0))
        z = (y - self.mean) / self.std
        self.least.copy_(z.amin(dim=0).clamp(-CLIP, 0.0))
        self.most.copy_(z.amax(dim=0).clamp(0.0, CLIP))

    def project(self, z: Tensor) -> Tensor:
        """(..., F) standardised -> (..., P): the part of a step that needs no state."""
        return self.encoder.project(z)

    def step(self, state: Tensor, projected: Tensor) -> Tensor:
        """(N, S), (N, P) -> (N, S): one window is folded in."""
        return self.encoder.step(state, projected)

    def forecast(self, state: Tensor, z: Tensor) -> Forecast:
        """(N, S), (N, F) standardised -> N forecasts: a step over the running window, then the head on it."""
        return self.closed_forms(self.head(state, z)[0])

    def head(self, state: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """(N, S), (N, F) standardised -> (N, 6 + T) raw outputs, (N, E) embedding: all that takes products."""
        h = self.encoder.read(self.step(state, self.project(z)))
        features = functional.silu(torch.cat((h, z), dim=1) @ self.w_head + self.b_head)  # (N, HEAD)
        embedding = torch.tanh(features @ self.w_embedding + self.b_embedding)  # (N, E)
        return embedding @ self.w_out + z @ self.w_skip + self.b_out, embedding

    def closed_forms(self, out: Tensor) -> Forecast:
        """(N, 6 + T) raw outputs -> N forecasts; element by element, so the number of rows can't matter."""
        rate, decay, shape, zero, spend, spread = bounded(out[:, :TOLD], self.low, self.high).unbind(dim=1)
        return Forecast(
            log_rate=rate,
            log_decay=decay,
            log_shape=shape,
            zero_logit=zero,
            spend_mu=self.spend_level + self.spend_scale * spend,
            spend_log_sigma=spread,
            type_logits=out[:, TOLD:],
        )

    def start_at(self, *, rate: float, type_counts: Tensor) -> None:
        """Set the output biases so that the untrained network forecasts the average customer."""
        aims = ((0, math.log(rate), LOG_RATE), (1, math.log(1e-3), LOG_DECAY), (3, -2.5, ZERO_LOGIT))
        for column, value, (low, high) in aims:
            share = min(max((value - low) / (high - low), 0.02), 0.98)
            self.b_out.data[column] = math.log(share / (1.0 - share)) * (high - low) / 4.0
        self.b_out.data[TOLD:] = torch.log((type_counts + 1.0) / (type_counts + 1.0).sum())


def relative(x: Tensor) -> Tensor:
    """(..., F) raw -> (..., F): `relate`, for tensors."""
    y = torch.empty(x.shape, dtype=x.dtype)
    relate(x.contiguous().numpy().reshape(-1, x.shape[-1]), y.numpy().reshape(-1, x.shape[-1]))
    return y


def bounded(raw: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Squash into limits with slope 1 in the middle: a bounded parameter can't blow a forecast up.

    >>> bounded(torch.tensor([-100.0, 0.0, 100.0]), torch.tensor(-4.0), torch.tensor(4.0))
    tensor([-4.,  0.,  4.])
    """
    width = high - low
    return low + width * torch.sigmoid(raw * (4.0 / width))


def log_mean(forecast: Forecast, horizon_days: Tensor) -> Tensor:
    """log m(h), m(h) = lambda0 (1 - exp(-delta h)) / delta: outcome days of those who are not gone. Broadcasts."""
    fade = torch.exp(forecast.log_decay) * horizon_days
    return forecast.log_rate + torch.log(-torch.expm1(-fade)) - forecast.log_decay


def log_none(forecast: Forecast, log_m: Tensor) -> Tensor:
    """log P(no outcome day) = log(pi + (1 - pi) (r / (r + m))^r), for m = exp(`log_m`)."""
    nothing = -torch.exp(forecast.log_shape) * functional.softplus(log_m - forecast.log_shape)
    # -softplus(-x) is log(sigmoid(x)); torch's own logsigmoid is not vectorised and took a sixth of a score.
    gone = -functional.softplus(-forecast.zero_logit)
    return torch.logaddexp(gone, nothing - functional.softplus(forecast.zero_logit))


def log_likelihood(forecast: Forecast, log_m: Tensor, count: Tensor) -> Tensor:
    """log P(count) of the zero-inflated negative binomial (Greene 1994); shapes broadcast."""
    shape = torch.exp(forecast.log_shape)
    excess = functional.softplus(log_m - forecast.log_shape)  # log((r + m) / r)
    some = (
        torch.lgamma(count + shape)
        - functional.softplus(forecast.zero_logit)
        - torch.lgamma(shape)
        - torch.lgamma(count + 1.0)
        - shape * excess
        + count * (log_m - forecast.log_shape - excess)
    )
    return torch.where(count > 0, some, log_none(forecast, log_m))
