"""What a model is made of: networks that count alike, a classical model with a share of its own, and what a day brings.

Arrives: packed states (N, S) and features (N, F). Leaves: states, and the plain mean of what the members
expect. One network, several seeds and encoders, a blend or a classical model alone are the same thing here. Knows
nothing of calibration.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from streamseg.compiled import compiled
from streamseg.core.scores import Float32Array, Float64Array
from streamseg.core.windows import Int64Array
from streamseg.elementary import exp, log
from streamseg.model.blueprint import TOLD
from streamseg.model.classical.day_spend import DaySpend
from streamseg.model.classical.members import Classical, discount
from streamseg.model.classical.past import Past, past_from_features
from streamseg.model.forecaster import DISCOUNT_PER_DAY, SURE
from streamseg.model.serving.network import ServedNetwork
from streamseg.wire.vocabulary import TYPES


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

    networks: tuple[ServedNetwork, ...]
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

    def advance(self, state: Float32Array, x: Float32Array, joined: Int64Array) -> Float32Array:
        """Closed windows are folded in, as in `core.scores.Scorer.catch_up`: (N, S), (R, F), (W,) -> (N, S)."""
        folded = [network.advance(own, x, joined) for network, own in self._own(state)]
        return np.concatenate(folded, axis=1) if folded else state.copy()

    def expect(self, state: Float32Array, x: Float32Array, horizon_days: float) -> Outlook:
        """What is expected of N rows, (N, S) and (N, F)."""
        asked = [
            expected(network.parameters(network.outputs(own, x)), horizon_days) for network, own in self._own(state)
        ]
        past = past_from_features(x)
        together = [Outlook(*(sum(column) / len(asked) for column in zip(*asked, strict=True)))] if asked else []
        if together and self.spend is not None:
            together = [paid(together[0], self.spend, past, horizon_days)]
        if together and self.classical is not None:
            # The classical models know buyers only: of those who never bought the networks speak alone.
            share = np.where(past.ever, self.share, 0.0)
            together = [mix(together[0], self.classical.counted(past, horizon_days), share)]
        elif self.classical is not None:
            found = self.classical.expect(past, horizon_days)
            together = [Outlook(found.none, found.count, found.value, self.classical.square_of_value(past, found))]
        return together[0]

    def next_types(self, state: Float32Array, x: Float32Array) -> Float64Array:
        """P(the next touchpoint is of a type), (N, T) by code; what is never scored needn't pay for it.

        Raises:
            ValueError: If there is no network: classical models know of no types.
        """
        if not self.networks:
            raise ValueError(f"{self.name} has no network, and classical models know of no types; train with networks")
        types = slice(TOLD, TOLD + len(TYPES))
        said = [network.outputs(own, x)[:, types].astype(np.float64) for network, own in self._own(state)]
        found: Float64Array = softmax(said, axis=2).mean(axis=0)
        return found

    def _own(self, state: Float32Array) -> list[tuple[ServedNetwork, Float32Array]]:
        """Each network with its part of the state."""
        starts = [0, *accumulate(network.state_size for network in self.networks)]
        parts = [state[:, start:stop] for start, stop in pairwise(starts)]
        return list(zip(self.networks, parts, strict=True))


def mix(one: Outlook, other: tuple[Float64Array, Float64Array], share: Float64Array) -> Outlook:
    """(N,) `share` of the other in P(none) and days, the rest of the one; the money is the one's."""
    none, days = ((1.0 - share) * a + share * b for a, b in zip(one[:2], other, strict=True))
    return Outlook(none, days, one.value, one.square)


def paid(one: Outlook, spend: DaySpend, past: Past, horizon_days: float) -> Outlook:
    """The same days at another spend a day, of those who ever bought; how widely it varies is left as it is."""
    price = spend.expect(past.spend_days, past.mean_spend) * discount(horizon_days)
    value = np.where(past.ever, one.days * price, one.value)
    return one._replace(value=value, square=one.square * np.square(value / one.value))


def expected(told: Float64Array, horizon_days: float) -> Outlook:
    """Close the forms of N forecasts, (6, N) parameters as in `network.Forecast`, over a horizon.

    Spend is the integral of lambda0 exp(-(delta + rho) t), rho the discount, times the lognormal mean of a day. Its
    variance is that of a sum of N days, E[N] Var(day) + Var(N) E[day]^2, N zero-inflated negative binomial.
    """
    outlook = np.empty((len(Outlook._fields), told.shape[1]))
    _close_forms(told, horizon_days, outlook)
    return Outlook(*outlook)


@compiled
def _close_forms(told: Float64Array, horizon_days: float, outlook: Float64Array) -> None:
    """(6, N) -> (4, N) columns of `Outlook`."""
    for row in range(told.shape[1]):
        rate, decay, shape = exp(told[0, row]), exp(told[1, row]), exp(told[2, row])
        gone, stays = 1.0 / (1.0 + exp(-told[3, row])), 1.0 / (1.0 + exp(told[3, row]))
        m = rate * (1.0 - exp(-decay * horizon_days)) / decay
        fade = decay + DISCOUNT_PER_DAY
        variance = exp(2.0 * told[5, row])
        day = exp(told[4, row] + 0.5 * variance) * rate * (1.0 - exp(-fade * horizon_days)) / fade / m
        none = gone + stays * exp(-shape * log(1.0 + m / shape))
        count = stays * m
        outlook[0, row] = min(max(none, SURE), 1.0 - SURE)
        outlook[1, row] = count
        outlook[2, row] = count * day
        outlook[3, row] = day * day * (count * (exp(variance) - 1.0) + count + stays * m * m * (1.0 + 1.0 / shape))
