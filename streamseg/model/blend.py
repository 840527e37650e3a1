"""What a model is made of: networks that count alike, a classical model with a share of its own, and what a day brings.

Arrives: packed states (N, S) and features (N, F), in tiles. Leaves: states, and the plain mean of what the members
expect. One network, several seeds and encoders, a blend or a classical model alone are the same thing here. Knows
nothing of calibration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamseg.core.scores import Float32Array, Float64Array
from streamseg.model.classical.day_spend import DaySpend
from streamseg.model.classical.members import Classical, discount
from streamseg.model.classical.past import Past, past_from_features
from streamseg.model.forecaster import DISCOUNT_PER_DAY, SURE
from streamseg.model.network import Forecast, Network, log_mean, log_none

TILE: Final = 256
"""Rows of every call. Batched floats depend on the shape of the batch (2e-7 between 1 and 4,096 rows)."""
Tile = tuple[Tensor, Tensor]
"""(TILE, S) states, (TILE, F) features."""


class Outlook(NamedTuple):
    """What is expected of N rows within a horizon, before any calibration; (N,) each."""

    none: Float64Array
    """P(no outcome day), strictly between 0 and 1."""
    days: Float64Array
    """Expected outcome days."""
    value: Float64Array
    """Expected discounted spend."""
    square: Float64Array
    """Expected square of that spend."""


@dataclass(frozen=True, slots=True)
class Blend:
    """One or more members."""

    networks: tuple[Network, ...]
    """Of equal weight, whatever their encoders and seeds."""
    classical: Classical | None
    share: float
    """Weight of the classical model in whether and how often, 0 to 1; the networks share the rest."""
    average: Float32Array
    """(F,) mean of each feature over the training data."""
    spend: DaySpend | None = None
    """What a day brings of those whom the networks expect, if they ever bought; None leaves that to the networks, too.
    With it spenders are ranked better (Gini .854 against .851 and .878 against .875 before two cut-offs)."""

    def __post_init__(self) -> None:
        if not float(not self.networks) <= self.share <= float(self.classical is not None):
            raise ValueError(
                f"a blend of {len(self.networks)} networks and {'a' if self.classical else 'no'} classical model has "
                f"the share {self.share}; expected 0 to 1, 1 without networks and 0 without a classical model"
            )

    @property
    def name(self) -> str:
        """Encoders and classical model, for example `lstm`, `gru+lstm+pareto_nbd`."""
        encoders = sorted({network.encoder_name for network in self.networks})
        return "+".join([*encoders, *([self.classical.name] if self.classical else [])])

    @property
    def state_size(self) -> int:
        """S: the states of all networks side by side; 0 without one."""
        return sum(network.state_size for network in self.networks)

    def advance(self, state: Tensor, x: Tensor) -> Tensor:
        """(TILE, S), (TILE, F) -> (TILE, S): one closed window is folded in."""
        stepped = [
            network.step(state[:, start:stop], network.project(network.standardise(x)))
            for network, start, stop in self._slices()
        ]
        return torch.cat(stepped, dim=1) if stepped else state

    def expect(self, tiles: Sequence[Tile], horizon_days: float) -> Outlook:
        """What is expected of the rows of all tiles, (TILE * tiles,)."""
        asked = [
            self._ask(network, [(state[:, start:stop], x) for state, x in tiles], horizon_days)
            for network, start, stop in self._slices()
        ]
        together = [Outlook(*(sum(column) / len(asked) for column in zip(*asked, strict=True)))] if asked else []
        pasts = [past_from_features(x.numpy()) for _, x in tiles] if self.spend or self.classical else []
        if together and self.spend is not None:
            together = [paid(together[0], self.spend, pasts, horizon_days)]
        if self.classical is not None:
            ever, found = _ask_classical(self.classical, pasts, horizon_days)
            # The classical models know buyers only: of those who never bought the networks speak alone.
            share = np.where(ever, self.share, 0.0)
            together = [mix(together[0], found, share) if together else found]
        return together[0]

    def next_types(self, tiles: Sequence[Tile]) -> Float64Array:
        """P(the next touchpoint is of a type), (TILE * tiles, T) by code; what is never scored needn't pay for it.

        Raises:
            ValueError: If there is no network: classical models know of no types.
        """
        if not self.networks:
            raise ValueError(f"{self.name} has no network, and classical models know of no types; train with networks")
        said = [
            torch.cat([network.head(state[:, start:stop], network.standardise(x))[0][:, 6:] for state, x in tiles])
            for network, start, stop in self._slices()
        ]
        return torch.softmax(torch.stack(said).double(), dim=2).mean(dim=0).numpy()

    def _slices(self) -> list[tuple[Network, int, int]]:
        ends = np.cumsum([0, *(network.state_size for network in self.networks)]).tolist()
        return [(network, *ends_of) for network, ends_of in zip(self.networks, pairwise(ends), strict=True)]

    @staticmethod
    def _ask(network: Network, tiles: Sequence[Tile], horizon_days: float) -> Outlook:
        raw = [network.head(state, network.standardise(x))[0] for state, x in tiles]
        # What follows is element by element over whole tiles, so it may be done for all of them at once, in double.
        return expected(network.closed_forms(torch.cat(raw)), horizon_days)


def mix(one: Outlook, other: Outlook, share: Float64Array) -> Outlook:
    """(N,) `share` of the other in whether and how often, the rest of the one."""
    none, days = ((1.0 - share) * a + share * b for a, b in zip(one[:2], other[:2], strict=True))
    return Outlook(none, days, one.value, one.square)


def paid(one: Outlook, spend: DaySpend, pasts: Sequence[Past], horizon_days: float) -> Outlook:
    """The same days at another spend a day, of those who ever bought; how widely it varies is left as it is."""
    ever, days, mean_spend = (
        np.concatenate([getattr(past, name) for past in pasts]) for name in ("ever", "spend_days", "mean_spend")
    )
    value = np.where(ever, one.days * spend.expect(days, mean_spend) * discount(horizon_days), one.value)
    return one._replace(value=value, square=one.square * np.square(value / one.value))


def expected(forecast: Forecast, horizon_days: float) -> Outlook:
    """Close the forms of N forecasts over a horizon.

    Spend is the integral of lambda0 exp(-(delta + rho) t), rho the discount, times the lognormal mean of a day. Its
    variance is that of a sum of N days, E[N] Var(day) + Var(N) E[day]^2, N zero-inflated negative binomial.
    """
    rate, decay, shape, zero, mu, sigma = (value.double() for value in forecast[:6])
    doubled = Forecast(rate, decay, shape, zero, mu, sigma, forecast.type_logits)
    horizon = torch.tensor(horizon_days, dtype=torch.float64)
    log_m = log_mean(doubled, horizon)
    m, stays = torch.exp(log_m), torch.sigmoid(-zero)
    fade = torch.exp(decay) + DISCOUNT_PER_DAY
    discount = torch.exp(rate) * -torch.expm1(-fade * horizon) / fade / m
    day = torch.exp(mu + 0.5 * torch.exp(2.0 * sigma)) * discount
    count = stays * m
    square_of_count = count + stays * torch.square(m) * (1.0 + torch.exp(-shape))
    square = torch.square(day) * (count * torch.expm1(torch.exp(2.0 * sigma)) + square_of_count)
    none = torch.exp(log_none(doubled, log_m)).clamp(SURE, 1.0 - SURE)
    return Outlook(none.numpy(), count.numpy(), (count * day).numpy(), square.numpy())


def _ask_classical(model: Classical, pasts: Sequence[Past], horizon_days: float) -> tuple[NDArray[np.bool_], Outlook]:
    """Whether each row ever bought, and the outlook; tile by tile, since its quadrature is a matrix product, too."""
    found = [(model.expect(past, horizon_days), past) for past in pasts]
    outlooks = [Outlook(one.none, one.count, one.value, model.square_of_value(past, one)) for one, past in found]
    columns = (np.concatenate(column) for column in zip(*outlooks, strict=True))
    return np.concatenate([past.ever for past in pasts]), Outlook(*columns)
