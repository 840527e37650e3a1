"""The classical bar: a customer keeps the rate he had, shrunk towards everybody's (Gamma-Poisson, closed form).

Arrives: a `Past`. Leaves: P(none) and expected outcome days over a horizon. Nobody ever leaves. A model that can't
beat this is not worth its electricity. Source: Ehrenberg, "The Pattern of Consumer Purchases", Applied Statistics 1959.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from streamseg.core.scores import Float64Array
from streamseg.model.classical.maximise import Range, maximise
from streamseg.model.classical.past import Past

_RANGES = (
    Range(0.05, 0.8, 50.0),  # alpha
    Range(1e-5, 0.01, 1.0),  # alpha / beta: purchases a day
)


@dataclass(frozen=True, slots=True)
class PastRate:
    """Rates are Gamma(alpha, beta) over customers, beta in days; counts are Poisson."""

    alpha: float
    beta: float

    @property
    def shape(self) -> float:
        """Of the gamma that the customers' purchase rates are drawn from."""
        return self.alpha

    def log_likelihood(self, past: Past) -> Float64Array:
        """(N,) log density of each customer's outcome days."""
        x = past.repeats
        bought: Float64Array = gammaln(self.alpha + x) - gammaln(self.alpha) + self.alpha * np.log(self.beta)
        return bought - (self.alpha + x) * np.log(self.beta + past.age_days)

    def forecast(self, past: Past, horizon_days: float) -> tuple[Float64Array, Float64Array]:
        """P(none) and expected outcome days in the horizon, (N,) each.

        >>> past = Past(*(np.array([value]) for value in (2.0, 50.0, 60.0, True, 0.0)))
        >>> none, days = PastRate(alpha=1.0, beta=30.0).forecast(past, 90.0)
        >>> round(float(none[0]), 3), float(days[0])
        (0.125, 3.0)
        """
        alpha, beta = self.alpha + past.repeats, self.beta + past.age_days
        return np.exp(-alpha * np.log1p(horizon_days / beta)), alpha / beta * horizon_days


def fit(past: Past) -> PastRate:
    """Find the parameters under which the customers who ever bought are likeliest."""
    buyers = past.take(past.ever)

    def model(parameters: Sequence[float]) -> PastRate:
        alpha, buys_per_day = parameters
        return PastRate(alpha, alpha / buys_per_day)

    return model(maximise(lambda parameters: model(parameters).log_likelihood(buyers), _RANGES))
