"""Pareto/NBD: a customer buys at a rate of his own until, unseen, he leaves for good (continuous dropout).

Arrives: a `Past`. Leaves: P(none) and expected outcome days over a horizon. One idea carries the file: silence over a
span, which is either staying without buying or having left. Sources: Schmittlein, Morrison & Colombo, "Counting Your
Customers", Management Science 1987; Fader & Hardie, "A Note on Deriving the Pareto/NBD Model", 2005.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from streamseg.compiled import compiled
from streamseg.core.scores import Float64Array
from streamseg.elementary import exp, log
from streamseg.model.classical.maximise import Range, maximise
from streamseg.model.classical.past import Past

_ROOTS, _ROOT_WEIGHTS = np.polynomial.legendre.leggauss(12)
_NODES, _WEIGHTS = (_ROOTS + 1.0) / 2.0, _ROOT_WEIGHTS / 2.0
"""Gauss-Legendre on (0, 1): within 1e-7 of 96 nodes, for up to 500 purchases in 3,000 days."""
_RANGES = (
    Range(0.05, 0.8, 50.0),  # r
    Range(1e-5, 0.01, 1.0),  # r / alpha: purchases a day
    Range(0.05, 0.8, 50.0),  # s
    Range(1e-6, 0.002, 1.0),  # s / beta: dropouts a day
)


@dataclass(frozen=True, slots=True)
class ParetoNbd:
    """Purchase rates are Gamma(r, alpha) over customers, dropout rates Gamma(s, beta); both in days."""

    r: float
    alpha: float
    s: float
    beta: float

    @property
    def shape(self) -> float:
        """Of the gamma that the customers' purchase rates are drawn from."""
        return self.r

    def log_likelihood(self, past: Past) -> Float64Array:
        """(N,) log density of each customer's outcome days."""
        x, last = past.repeats, past.last_days
        bought: Float64Array = gammaln(self.r + x) - gammaln(self.r) - self.r * np.log1p(last / self.alpha)
        stayed = -self.s * np.log1p(last / self.beta)
        return bought - x * np.log(self.alpha + last) + stayed + np.log(self._silence(x, last, past.age_days))

    def alive(self, past: Past) -> Float64Array:
        """(N,) P(not yet left)."""
        stayed = np.exp(-self._hazard(past.repeats, past.last_days, past.age_days - past.last_days))
        return stayed / self._silence(past.repeats, past.last_days, past.age_days)

    def forecast(self, past: Past, horizon_days: float) -> tuple[Float64Array, Float64Array]:
        """P(none) and expected outcome days in the horizon, (N,) each.

        >>> # Weeks, as a customer of CDNOW in the walk-through of the R package BTYD.
        >>> past = Past(*(np.array([value]) for value in (26.0, 30.86, 31.0, True, 0.0)))
        >>> none, count = ParetoNbd(r=0.5534, alpha=10.5802, s=0.6061, beta=11.6656).forecast(past, 52.0)
        >>> round(float(none[0]), 3), round(float(count[0]), 2)
        (0.024, 25.46)
        """
        alive, x, age = self.alive(past), past.repeats, past.age_days
        none = 1.0 - alive + alive * self._silence(x, age, age + horizon_days)
        span = np.log1p(horizon_days / (self.beta + age))
        # (1 - exp(-(s - 1) span)) / (s - 1), and its limit where s is 1.
        days = (self.beta + age) * (-np.expm1((1.0 - self.s) * span) / (self.s - 1.0) if self.s != 1.0 else span)
        return np.clip(none, 0.0, 1.0), alive * (self.r + x) / (self.alpha + age) * days

    def _silence(self, x: Float64Array, start: Float64Array, stop: Float64Array) -> Float64Array:
        """(N,) P(no purchase from `start` to `stop`) of customers alive at `start` with x purchases since the first.

        Staying without a purchase, plus the integral of leaving at each time before the next purchase. Substituting
        time = start + scale * (exp(y) - 1) with the fastest scale there is makes that integrand smooth for any
        parameters, where the textbook's hypergeometric functions underflow above 150 purchases.
        """
        silence = np.empty_like(x)
        _silences(x, start, stop - start, (self.r, self.alpha, self.s, self.beta), silence)
        return silence

    def _hazard(self, x: Float64Array, start: Float64Array, length: Float64Array) -> Float64Array:
        """-log P(neither a purchase nor dropout within `length` days from `start`)."""
        buys = (self.r + x) * np.log1p(length / (self.alpha + start))
        return buys + self.s * np.log1p(length / (self.beta + start))


@compiled
def _silences(
    x: Float64Array,
    start: Float64Array,
    length: Float64Array,
    parameters: tuple[float, float, float, float],
    left: Float64Array,
) -> None:
    """(N,) each; `left` becomes `_silence`."""
    r, alpha, s, beta = parameters
    scale, reach, shape = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    per_alpha, per_beta = np.empty_like(x), np.empty_like(x)
    for row in range(len(x)):
        per_alpha[row], per_beta[row], shape[row] = 1.0 / (alpha + start[row]), 1.0 / (beta + start[row]), r + x[row]
        scale[row] = 1.0 / (shape[row] * per_alpha[row] + (s + 1.0) * per_beta[row])
        reach[row] = log(1.0 + length[row] / scale[row])
        left[row] = 0.0
    for node in range(len(_NODES)):
        _add_node(_NODES[node], _WEIGHTS[node], s, scale, reach, per_alpha, per_beta, shape, left)
    for row in range(len(x)):
        stays = shape[row] * log(1.0 + length[row] * per_alpha[row]) + s * log(1.0 + length[row] * per_beta[row])
        left[row] = exp(-stays) + left[row] * s * per_beta[row] * scale[row] * reach[row]


@compiled
def _add_node(
    node: float,
    weight: float,
    s: float,
    scale: Float64Array,
    reach: Float64Array,
    per_alpha: Float64Array,
    per_beta: Float64Array,
    shape: Float64Array,
    left: Float64Array,
) -> None:
    """One node of the quadrature for all customers: on its own, the compiler can do several rows at once."""
    for row in range(left.shape[0]):
        y = reach[row] * node
        passed = scale[row] * (exp(y) - 1.0)
        hazard = shape[row] * log(1.0 + passed * per_alpha[row]) + s * log(1.0 + passed * per_beta[row])
        left[row] += weight * exp(y - hazard) / (1.0 + passed * per_beta[row])


def fit(past: Past) -> ParetoNbd:
    """Find the parameters under which the customers who ever bought are likeliest."""
    buyers = past.take(past.ever)

    def model(parameters: Sequence[float]) -> ParetoNbd:
        r, buys_per_day, s, leaves_per_day = parameters
        return ParetoNbd(r, r / buys_per_day, s, s / leaves_per_day)

    return model(maximise(lambda parameters: model(parameters).log_likelihood(buyers), _RANGES))
