"""How sure a difference between two forecasts is: the paired bootstrap over customers.

Arrives: forecasts, what came, and whose rows they are. Leaves: each figure of merit on many resamples of the customers,
the same ones for every forecast, and intervals of differences. Pure numpy, seeded: equal input, equal intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from streamseg.core.columns import starts_of
from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array
from streamseg.model.evaluate import BINS
from streamseg.model.forecaster import SURE

DRAWS: Final = 1_000
"""Resamples: the ends of a 95 % interval then move by a twentieth of its width from seed to seed."""
LEVEL: Final = 0.95
_ENDS: Final = (0.5 - LEVEL / 2.0, 0.5 + LEVEL / 2.0)
_CELLS: Final = 1_000_000
"""Resamples × rows held at a time: 8 MB, which a processor's cache nearly holds."""

Weighted = Callable[[Float64Array], Float64Array]
"""A figure of merit of N rows as a function of how often each was drawn: (R, N) weights -> (R,) figures."""
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference of two figures, and where it lies in `LEVEL` of the resamples."""

    difference: float
    """As measured on all rows."""
    low: float
    high: float


def resample(
    figures: Mapping[Key, Weighted], customer: Int64Array, *, draws: int = DRAWS, seed: int = 0
) -> dict[Key, Float64Array]:
    """Measure every figure on the same resamples of the customers, drawn with replacement.

    Args:
        figures: By any key, all of the same N rows.
        customer: (N,) whose row it is, from 0; all rows of a customer are drawn together, since they resemble another.
        draws: R, at least 1.
        seed: Of the draws.

    Returns:
        (1 + R,) for each key: the figure on all rows, then on each resample.

    Source: Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 1979.
    """
    random = np.random.default_rng(seed)
    customers = int(customer.max(initial=-1)) + 1
    parts = {key: [figure(np.ones((1, len(customer))))] for key, figure in figures.items()}
    block = max(1, _CELLS // max(len(customer), 1))
    for start in range(0, draws, block):
        some = min(block, draws - start)
        drawn = random.integers(0, customers, (some, customers)) + customers * np.arange(some)[:, None]
        times = np.bincount(drawn.ravel(), minlength=some * customers).reshape(some, customers)
        weights = np.take(times.astype(np.float64), customer, axis=1)  # (some, N)
        for key, figure in figures.items():
            parts[key].append(figure(weights))
    return {key: np.concatenate(part) for key, part in parts.items()}


def interval(one: Float64Array, other: Float64Array) -> Interval:
    """The difference of two figures that `resample` measured together, with its percentile interval.

    >>> found = interval(np.array([3.0, 2.0, 4.0]), np.array([1.0, 1.0, 1.0]))
    >>> found.difference, round(found.low, 3), round(found.high, 3)
    (2.0, 1.05, 2.95)
    """
    differences = one - other
    low, high = np.quantile(differences[1:], _ENDS)
    return Interval(float(differences[0]), float(low), float(high))


def paired_by_customer(
    loss_a: Float64Array, loss_b: Float64Array, customer: Int64Array, *, resamples: int = DRAWS, seed: int = 0
) -> tuple[float, float, float]:
    """By how much A loses more than B on the same rows: what both find hard cancels out.

    Args:
        loss_a: (N,) loss of each row, finite; N at least 1.
        loss_b: (N,) of the other model.
        customer: (N,) whose row it is; all rows of one customer are drawn together.
        resamples: How many times customers are drawn anew.
        seed: Of the draws: the same input gives the same interval.

    Returns:
        Mean of A minus B, and the low and high end of its 95 % interval.

    >>> paired_by_customer(np.array([1.0, 2.0]), np.array([0.5, 1.5]), np.array([7, 8]))
    (0.5, 0.5, 0.5)
    """
    return ratio_by_customer(loss_a - loss_b, np.ones(len(loss_a)), customer, resamples=resamples, seed=seed)


def ratio_by_customer(
    above: Float64Array, below: Float64Array, customer: Int64Array, *, resamples: int = DRAWS, seed: int = 0
) -> tuple[float, float, float]:
    """Sum of `above` over sum of `below`, (N,) each, the latter positive, and the two ends of its 95 % interval.

    >>> ratio_by_customer(np.array([3.0, 1.0]), np.array([1.0, 1.0]), np.array([0, 0]))
    (2.0, 2.0, 2.0)
    """
    # Summed by customer first: a million rows then cost no more than their customers do.
    owner = np.unique(customer, return_inverse=True)[1]
    over, under = (np.bincount(owner, weights=values) for values in (above, below))
    figure = {"ratio": lambda weights: (weights @ over) / (weights @ under)}
    drawn = resample(figure, np.arange(len(over)), draws=resamples, seed=seed)["ratio"]
    low, high = np.quantile(drawn[1:], _ENDS)
    return float(drawn[0]), float(low), float(high)


def weighted_figures(churn: Float64Array, outcomes: Float64Array, actual: Int64Array) -> dict[str, Weighted]:
    """The figures of `evaluate.evaluate` that have a better end, of N forecasts: all but the signed bias.

    Args:
        churn: (N,) P(none).
        outcomes: (N,) expected outcome days.
        actual: (N,) the days that came.
    """
    buys = np.clip(1.0 - churn, SURE, 1.0 - SURE)
    bought = (actual > 0).astype(np.float64)
    squares = _mean((outcomes - actual) ** 2)
    lead = _concentration(buys, bought)
    return {
        "mae": _mean(np.abs(outcomes - actual)),
        "rmse": lambda weights: np.sqrt(squares(weights)),
        "auc": lambda weights: 0.5 + 0.5 * _ratio(lead(weights), _pairs(weights, bought)),
        "brier": _mean((buys - bought) ** 2),
        "log_loss": _mean(-np.where(bought > 0, np.log(buys), np.log1p(-buys))),
        "ece": _ece(buys, bought),
    }


def weighted_gini(score: Float64Array, amount: Float64Array) -> Weighted:
    """How well a score orders amounts: its Gini over the Gini of the perfect order; 1 is perfect, 0 is chance.

    Rows with equal scores share their mean rank. For amounts of 0 and 1 this is 2 AUC - 1. Where all amounts are
    equal there is nothing to order: 0.

    Source: normalised Gini of customer value as in Wang, Liu & Miao, "A deep probabilistic model for customer lifetime
    value prediction", 2019.

    >>> float(weighted_gini(np.array([1.0, 3.0, 2.0]), np.array([0.0, 9.0, 4.0]))(np.ones((1, 3)))[0])
    1.0
    """
    ranked, perfect = _concentration(score, amount), _concentration(amount, amount)
    return lambda weights: _ratio(ranked(weights), perfect(weights))


def _concentration(score: Float64Array, amount: Float64Array) -> Weighted:
    """Sum of amount × (rows ranked below less rows ranked above): the Gini up to a factor that a ratio cancels."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(starts_of(score[order]))
    sorted_amount = amount[order]

    def summed(values: Float64Array) -> Float64Array:
        # Where no two scores are equal there is nothing to add up, and this is the dear step.
        ties: Float64Array = values if len(starts) == len(order) else np.add.reduceat(values, starts, axis=1)
        return ties

    def concentration(weights: Float64Array) -> Float64Array:
        drawn = np.take(weights, order, axis=1)  # (R, N)
        rows, amounts = summed(drawn), summed(drawn * sorted_amount)  # (R, distinct scores)
        below = np.cumsum(rows, axis=1)
        total: Float64Array = np.einsum("rg,rg->r", amounts, 2.0 * below - rows - below[:, -1:])
        return total

    return concentration


def _pairs(weights: Float64Array, positive: Float64Array) -> Float64Array:
    """(R,) pairs of a positive and a negative row."""
    positives: Float64Array = weights @ positive
    pairs: Float64Array = positives * (weights.sum(axis=1) - positives)
    return pairs


def _ratio(part: Float64Array, whole: Float64Array) -> Float64Array:
    """Part of the whole, 0 where there is none."""
    is_none = whole <= 0.0
    return np.where(is_none, 0.0, part / np.where(is_none, 1.0, whole))


def _mean(loss: Float64Array) -> Weighted:
    return lambda weights: _ratio(weights @ loss, weights.sum(axis=1))


def _ece(probability: Float64Array, happened: Float64Array) -> Weighted:
    which = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    gaps: Float64Array = np.eye(BINS)[which] * (probability - happened)[:, None]  # (N, BINS)
    return lambda weights: _ratio(np.abs(weights @ gaps).sum(axis=1), weights.sum(axis=1))
