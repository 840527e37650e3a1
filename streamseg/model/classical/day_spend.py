"""What a customer spends on an outcome day, where both customers and days may be far out: shrinkage that forgives.

Arrives: the spend of single days, by customer. Leaves: the spend to expect of one more day of a customer whose mean
over some days is known. Gamma-Gamma believes an odd first order too much, since a gamma has no tails: on CDNOW it
expects 204 dollars a day of those who first paid over 150, and 90 came; 8 of those who paid under 6, and 17 came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from scipy.special import gammaln

from streamseg.compiled import compiled
from streamseg.core.columns import ranks, starts_of
from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array
from streamseg.elementary import log
from streamseg.model.classical.maximise import Range, maximise
from streamseg.model.outcomes import Outcomes

DAYS_EACH: Final = 8
"""Of a customer that are learnt from: a few say how much days differ, and a wholesaler's hundred must not."""
DAYS_IN_ALL: Final = 8_192
WHOLESALE: Final = 0.999
"""The level of the mean is found from all but the largest thousandth of the days."""
_MOST_DAYS: Final = 16
"""In the table: a mean of more days is nearly the customer's own level."""
_REACH: Final = 8.0
"""Of the table, in logs to either side of the usual spend: a factor of 3,000."""
_CELLS: Final = 256
_FAR: Final = 3.5
"""Nodes lie at sinh(-3.5 .. 3.5) spreads, 17 to either side: dense where most customers are, wide where few are."""


@dataclass(frozen=True, slots=True)
class DaySpend:
    """log spend of a day = log level + `between` * T(`tail_between`) of the customer + `within` * T(`tail_within`)."""

    level: float
    """Spend of a usual day of a usual customer, base currency."""
    between: float
    within: float
    tail_between: float
    """Degrees of freedom of Student's T: 3 has far outliers, 100 has none."""
    tail_within: float
    mean: float = 1.0
    """Mean spend of a day over the customer's `level`; a T has no mean in money, so this is measured."""

    def log_likelihood(self, log_spend: Float64Array, starts: Int64Array) -> Float64Array:
        """(C,) log density of each customer's days; (D,) their logs, and (C,) where in them each customer starts."""
        nodes, log_weight = self.customers(61)
        days = _log_t((log_spend - np.log(self.level))[:, None] - nodes, self.within, self.tail_within)  # (D, K)
        joint = np.add.reduceat(days, starts, axis=0) + log_weight
        most = joint.max(axis=1)
        total: Float64Array = most + np.log(np.exp(joint - most[:, None]).sum(axis=1))
        return total

    def expect(self, days: Float64Array, mean_spend: Float64Array) -> Float64Array:
        """(N,) spend to expect of one more outcome day; everybody's mean where `days` is 0.

        >>> usual = DaySpend(level=100.0, between=0.5, within=0.5, tail_between=50.0, tail_within=3.0)
        >>> usual.expect(np.array([0.0, 1.0, 1.0, 4.0]), np.array([0.0, 10.0, 400.0, 400.0])).round()
        array([114.,  72., 186., 255.])
        """
        found = np.empty(len(days))
        _look_up(days, mean_spend, self.level, _table(self), found)
        return found

    def customers(self, count: int) -> tuple[Float64Array, Float64Array]:
        """(K,) levels of customers, in logs relative to `level`, and (K,) the logs of how many are there."""
        even = np.linspace(-_FAR, _FAR, count)
        nodes = np.sinh(even)
        log_weight = _log_t(nodes, 1.0, self.tail_between) + np.log(np.cosh(even) * (even[1] - even[0]))
        return self.between * nodes, log_weight


def fit(outcomes: Outcomes, *, until_ms: int) -> DaySpend | None:
    """Find the parameters under which what was paid up to an instant is likeliest; None if nothing was.

    Source: Student's T for what is far out, as in Lange, Little & Taylor, "Robust statistical modeling using the t
    distribution", JASA 1989; that a T within and thinner tails between reject an odd observation: O'Hagan, "On outlier
    rejection phenomena in Bayes inference", JRSS B 1979.
    """
    owner, spend = outcomes.spend_by_day(until_ms)
    owner, spend = owner[spend > 0], spend[spend > 0]
    if not len(spend):
        return None
    early = ranks(starts_of(owner)) < DAYS_EACH
    owner, some = owner[early], spend[early]
    starts = np.flatnonzero(starts_of(owner))
    every = -(-len(some) // DAYS_IN_ALL)
    chosen = np.repeat(np.arange(len(starts)) % every == 0, np.diff([*starts, len(some)]))
    owner, some = owner[chosen], some[chosen]
    starts = np.flatnonzero(starts_of(owner))
    # Money has no scale of its own: the search is in units of the median spend.
    unit = float(np.median(some))
    log_spend = np.log(some / unit)
    ranges = (Range(0.05, 1.0, 20.0), *(Range(0.05, 0.5, 3.0),) * 2, *(Range(1.5, 5.0, 100.0),) * 2)

    def likelihood(parameters: Sequence[float]) -> Float64Array:
        return DaySpend(*parameters).log_likelihood(log_spend, starts)

    level, *rest = maximise(likelihood, ranges)
    found = DaySpend(level * unit, *rest)
    totals, days = (np.add.reduceat(column, starts) for column in (some, np.ones(len(some))))
    paid = np.minimum(some, np.quantile(some, WHOLESALE)).sum()
    return replace(found, mean=float(paid / (days * found.expect(days, totals / days)).sum()))


@cache
def _table(one: DaySpend) -> Float64Array:
    """(days, cells) what `expect` looks up: the mean over customers, each as likely as what was seen makes him."""
    nodes, log_weight = one.customers(401)
    seen = np.linspace(-_REACH, _REACH, _CELLS + 1)[:, None] - nodes  # (cells, K)
    rows = [np.broadcast_to(log_weight, seen.shape)]
    for days in range(1, _MOST_DAYS + 1):
        rows.append(log_weight + _log_t(seen, one.within / np.sqrt(days), one.tail_within))
    likely = np.exp(np.stack(rows) - np.max(rows, axis=2, keepdims=True))
    found: Float64Array = one.mean * one.level * (likely @ np.exp(nodes)) / likely.sum(axis=2)
    return found


def _log_t(distance: Float64Array, scale: float, freedom: float) -> Float64Array:
    """Log density of Student's T, element by element."""
    constant = gammaln((freedom + 1) / 2) - gammaln(freedom / 2) - 0.5 * np.log(freedom * np.pi) - np.log(scale)
    density: Float64Array = constant - (freedom + 1) / 2 * np.log1p(np.square(distance / scale) / freedom)
    return density


@compiled
def _look_up(
    days: Float64Array, mean_spend: Float64Array, level: float, table: Float64Array, found: Float64Array
) -> None:
    for row in range(len(found)):
        at = (log(max(mean_spend[row] / level, 1e-9)) / _REACH + 1.0) * (_CELLS / 2)
        at = min(max(at, 0.0), _CELLS - 1e-9)
        left, seen = int(at), int(min(days[row], _MOST_DAYS))
        right = at - left
        found[row] = (1.0 - right) * table[seen, left] + right * table[seen, left + 1]
