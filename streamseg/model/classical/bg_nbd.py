"""BG/NBD: a customer buys at a rate of his own and, after any purchase, may have left for good (dropout on buying).

Arrives: a `Past`. Leaves: P(none) and expected outcome days over a horizon, in closed forms. Source: Fader, Hardie &
Lee, "Counting Your Customers the Easy Way", Marketing Science 2005. P(alive) is no ranking of customers: who never
bought again is certainly alive here. P(none in the horizon) is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, gammaln, hyp2f1

from streamseg.core.scores import Float64Array
from streamseg.model.classical.maximise import Range, maximise
from streamseg.model.classical.past import Past

_RANGES = (
    Range(0.05, 0.8, 50.0),  # r
    Range(1e-5, 0.01, 1.0),  # r / alpha: purchases a day
    Range(1e-4, 0.15, 0.9),  # a / (a + b): left after a purchase. At the lower bound this is the NBD without dropout.
    Range(0.1, 3.0, 30.0),  # a + b
)


@dataclass(frozen=True, slots=True)
class BgNbd:
    """Purchase rates are Gamma(r, alpha) over customers, alpha in days; dropout per purchase is Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float

    @property
    def shape(self) -> float:
        """Of the gamma that the customers' purchase rates are drawn from."""
        return self.r

    def log_likelihood(self, past: Past) -> Float64Array:
        """(N,) log density of each customer's outcome days."""
        x = past.repeats
        bought: Float64Array = gammaln(self.r + x) - gammaln(self.r) + self.r * np.log(self.alpha)
        stayed: Float64Array = betaln(self.a, self.b + x) - betaln(self.a, self.b)
        return bought + stayed - (self.r + x) * np.log(self.alpha + past.age_days) - np.log(self.alive(past))

    def alive(self, past: Past) -> Float64Array:
        """(N,) P(not yet left); 1 for who never bought again."""
        x = past.repeats
        silence = (self.r + x) * np.log((self.alpha + past.age_days) / (self.alpha + past.last_days))
        log_odds = np.log(self.a / (self.b + np.maximum(x, 1.0) - 1.0)) + silence
        return np.where(x > 0, 1.0 / (1.0 + np.exp(np.minimum(log_odds, 700.0))), 1.0)

    def forecast(self, past: Past, horizon_days: float) -> tuple[Float64Array, Float64Array]:
        """P(none) and expected outcome days in the horizon, (N,) each.

        >>> past = Past(*(np.array([value]) for value in (2.0, 30.43, 38.86, True, 0.0)))
        >>> none, weeks = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426).forecast(past, 39.0)
        >>> round(float(weeks[0]), 3)
        1.226
        """
        alive, x = self.alive(past), past.repeats
        grown = np.log1p(horizon_days / (self.alpha + past.age_days))
        bought = -np.expm1(-(self.r + x) * grown)
        # The paper's hypergeometric after Euler's transformation: x is left in one place, and nothing overflows.
        a = _off_zero(np.array(self.a - 1.0))
        c = _off_zero(a + self.b + x)
        f = hyp2f1(a, a + self.b - self.r, c, -np.expm1(-grown))
        count = c / a * (1.0 - np.exp(-a * grown) * f)
        return 1.0 - alive * bought, alive * count


def _off_zero(values: Float64Array) -> Float64Array:
    # The expected count is smooth there, its closed form is 0 / 0; a millionth away it has nine digits.
    return np.where(np.abs(values) < 1e-6, 1e-6, values)


def fit(past: Past) -> BgNbd:
    """Find the parameters under which the customers who ever bought are likeliest."""
    buyers = past.take(past.ever)

    def model(parameters: Sequence[float]) -> BgNbd:
        r, buys_per_day, leaves, weight = parameters
        return BgNbd(r, r / buys_per_day, leaves * weight, (1.0 - leaves) * weight)

    return model(maximise(lambda parameters: model(parameters).log_likelihood(buyers), _RANGES))
