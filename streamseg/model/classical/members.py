"""Count models and spend together as forecasters: what a blend, the fallback and a backtest ask.

Arrives: a history and the instant up to which it may be known. Leaves: a `Classical`, fitted on every customer's past
at that instant, which answers for any customer, instant and horizon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from streamseg.core.scores import Float64Array
from streamseg.model.classical import bg_nbd, gamma_gamma, pareto_nbd, past_rate
from streamseg.model.classical.gamma_gamma import GammaGamma
from streamseg.model.classical.past import Past, past_of
from streamseg.model.forecaster import DISCOUNT_PER_DAY, SURE, Forecasts
from streamseg.model.history import History
from streamseg.model.instants import Instants


class CountModel(Protocol):
    """A model of how often and until when a customer buys."""

    @property
    def shape(self) -> float:
        """Of the gamma that the customers' purchase rates are drawn from, above 0."""
        ...

    def log_likelihood(self, past: Past) -> Float64Array:
        """(N,) log density of each customer's outcome days."""
        ...

    def forecast(self, past: Past, horizon_days: float) -> tuple[Float64Array, Float64Array]:
        """P(none) and expected outcome days in the horizon, (N,) each."""
        ...


FITS: Final[Mapping[str, Callable[[Past], CountModel]]] = {
    "past_rate": past_rate.fit,
    "bg_nbd": bg_nbd.fit,
    "pareto_nbd": pareto_nbd.fit,
}
"""How the count models are fitted, by name."""
MODELS: Final[Mapping[str, type[past_rate.PastRate | bg_nbd.BgNbd | pareto_nbd.ParetoNbd]]] = {
    "past_rate": past_rate.PastRate,
    "bg_nbd": bg_nbd.BgNbd,
    "pareto_nbd": pareto_nbd.ParetoNbd,
}
"""What they are made of, by name: from their parameters, as in an artefact."""


@dataclass(frozen=True, slots=True)
class Classical:
    """Implements `Forecaster`."""

    name: str
    counts: CountModel
    spend: GammaGamma

    def forecast(self, history: History, instants: Instants, horizon_days: float) -> Forecasts:
        """What is expected of each instant's customer in the `horizon_days` after it."""
        return self.expect(past_of(history, instants.customer, instants.instant_ms), horizon_days)

    def expect(self, past: Past, horizon_days: float) -> Forecasts:
        """The same of N pasts, wherever they were read."""
        none, count = self.counted(past, horizon_days)
        spend = self.spend.mean(past.spend_days, past.mean_spend)
        return Forecasts(none, count, count * spend * discount(horizon_days))

    def counted(self, past: Past, horizon_days: float) -> tuple[Float64Array, Float64Array]:
        """(N,) each: P(none), strictly between 0 and 1, and expected outcome days, without what is spent on them."""
        none, count = self.counts.forecast(past, horizon_days)
        return np.clip(none, SURE, 1.0 - SURE), count

    def square_of_value(self, past: Past, found: Forecasts) -> Float64Array:
        """(N,) expected square of the spend of which `found.value` is the mean.

        The rate of a customer with x repeats is known as a gamma of shape r + x, a day's spend as one of shape p.
        """
        days = np.maximum(found.count, 1e-9)
        return found.value**2 * (1.0 + 1.0 / (self.counts.shape + past.repeats) + (1.0 + 1.0 / self.spend.p) / days)


def fit(name: str, history: History, *, until_ms: int) -> Classical:
    """Fit the model of this name (a key of `FITS`) on what was known at `until_ms`."""
    known = np.flatnonzero(history.first_ms <= until_ms)
    past = past_of(history, known, np.full(len(known), until_ms))
    return Classical(name, FITS[name](past), gamma_gamma.fit(past))


def discount(horizon_days: float) -> float:
    """What money that comes at an even rate over the horizon is worth today, per unit.

    >>> round(discount(365.25), 3)
    0.954
    """
    return float(-np.expm1(-DISCOUNT_PER_DAY * horizon_days) / (DISCOUNT_PER_DAY * horizon_days))
