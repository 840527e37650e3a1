"""What a model is made of: networks that count alike, a classical model with a share of its own, and what a day brings.

Arrives: packed states (P, S) and features (P, F). Leaves: states, and the plain mean of what the members
expect. One network, several seeds and encoders, a blend or a classical model alone are the same thing here. Knows
nothing of calibration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from streamseg.compiled import compiled
from streamseg.core.scores import Float32Array, Float64Array
from streamseg.model.classical.day_spend import DaySpend
from streamseg.model.classical.members import Classical, discount
from streamseg.model.classical.past import Past, past_from_features
from streamseg.model.forecaster import DISCOUNT_PER_DAY, SURE
from streamseg.model.network import Forecast, Network


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
        """(P, S), (P, F) -> (P, S): one closed window is folded in."""
        stepped = [network.infer(own, x) for network, own in self._own(state)]
        return torch.cat(stepped, dim=1) if stepped else state

    def expect(self, state: Tensor, x: Tensor, horizon_days: float) -> Outlook:
        """What is expected of P rows, (P, S) and (P, F)."""
        # Behind the products all is element by element, in double.
        asked = [
            expected(network.closed_forms(network.infer_heads(own, x)), horizon_days)
            for network, own in self._own(state)
        ]
        together = [Outlook(*(sum(column) / len(asked) for column in zip(*asked, strict=True)))] if asked else []
        past = past_from_features(x.numpy())
        if together and self.spend is not None:
            together = [paid(together[0], self.spend, past, horizon_days)]
        if self.classical is not None:
            found = self.classical.expect(past, horizon_days)
            square = self.classical.square_of_value(past, found)
            # The classical models know buyers only: of those who never bought the networks speak alone.
            share = np.where(past.ever, self.share, 0.0)
            outlook = Outlook(found.none, found.count, found.value, square)
            together = [mix(together[0], outlook, share) if together else outlook]
        return together[0]

    def _own(self, state: Tensor) -> list[tuple[Network, Tensor]]:
        """Each network with its part of the state."""
        sizes = [network.state_size for network in self.networks]
        return [(network, own.contiguous()) for network, own in zip(self.networks, state.split(sizes, 1), strict=True)]

    def next_types(self, state: Tensor, x: Tensor) -> Float64Array:
        """P(the next touchpoint is of a type), (P, T) by code; what is never scored needn't pay for it.

        Raises:
            ValueError: If there is no network: classical models know of no types.
        """
        if not self.networks:
            raise ValueError(f"{self.name} has no network, and classical models know of no types; train with networks")
        said = [network.head(own, network.standardise(x))[0][:, 6:] for network, own in self._own(state)]
        return torch.softmax(torch.stack(said).double(), dim=2).mean(dim=0).numpy()


def mix(one: Outlook, other: Outlook, share: Float64Array) -> Outlook:
    """(N,) `share` of the other in whether and how often, the rest of the one."""
    none, days = ((1.0 - share) * a + share * b for a, b in zip(one[:2], other[:2], strict=True))
    return Outlook(none, days, one.value, one.square)


def paid(one: Outlook, spend: DaySpend, past: Past, horizon_days: float) -> Outlook:
    """The same days at another spend a day, of those who ever bought; how widely it varies is left as it is."""
    price = spend.expect(past.spend_days, past.mean_spend) * discount(horizon_days)
    value = np.where(past.ever, one.days * price, one.value)
    return one._replace(value=value, square=one.square * np.square(value / one.value))


def expected(forecast: Forecast, horizon_days: float) -> Outlook:
    """Close the forms of N forecasts over a horizon, in double.

    Spend is the integral of lambda0 exp(-(delta + rho) t), rho the discount, times the lognormal mean of a day. Its
    variance is that of a sum of N days, E[N] Var(day) + Var(N) E[day]^2, N zero-inflated negative binomial.
    """
    told = torch.stack(forecast[:6]).double().numpy()
    outlook = np.empty((len(Outlook._fields), told.shape[1]))
    _close_forms(told, horizon_days, outlook)
    return Outlook(*outlook)


@compiled
def _close_forms(told: Float64Array, horizon_days: float, outlook: Float64Array) -> None:
    """(6, N) parameters of `Forecast` -> (4, N) columns of `Outlook`."""
    for row in range(told.shape[1]):
        rate, decay, shape = np.exp(told[0, row]), np.exp(told[1, row]), np.exp(told[2, row])
        gone, stays = 1.0 / (1.0 + np.exp(-told[3, row])), 1.0 / (1.0 + np.exp(told[3, row]))
        m = rate * -np.expm1(-decay * horizon_days) / decay
        fade = decay + DISCOUNT_PER_DAY
        variance = np.exp(2.0 * told[5, row])
        day = np.exp(told[4, row] + 0.5 * variance) * rate * -np.expm1(-fade * horizon_days) / fade / m
        none = gone + stays * np.exp(-shape * np.log1p(m / shape))
        count = stays * m
        outlook[0, row] = min(max(none, SURE), 1.0 - SURE)
        outlook[1, row] = count
        outlook[2, row] = count * day
        outlook[3, row] = day * day * (count * np.expm1(variance) + count + stays * m * m * (1.0 + 1.0 / shape))
