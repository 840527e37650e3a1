"""How sure a figure is when a customer's rows are not independent: the bootstrap over customers.

Arrives: values of N rows and whose they are. Leaves: a mean or a ratio of sums with its 95 % interval. Rows are summed
by customer first, so a million of them cost no more than their customers do. Seeded, pure numpy. Source: Efron &
Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 (what is drawn) and 13 (percentiles).
"""

from __future__ import annotations

import numpy as np

from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array

INTERVAL = (2.5, 97.5)
"""Percentiles of the resamples: 95 %."""


def paired_by_customer(
    loss_a: Float64Array, loss_b: Float64Array, customer: Int64Array, *, resamples: int = 1000, seed: int = 0
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
    above: Float64Array, below: Float64Array, customer: Int64Array, *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """Sum of `above` over sum of `below`, (N,) each, the latter positive, and the two ends of its 95 % interval.

    >>> ratio_by_customer(np.array([3.0, 1.0]), np.array([1.0, 1.0]), np.array([0, 0]))
    (2.0, 2.0, 2.0)
    """
    owner = np.unique(customer, return_inverse=True)[1]
    sums = np.stack((np.bincount(owner, weights=above), np.bincount(owner, weights=below)))  # (2, C)
    found = float(sums[0].sum() / sums[1].sum())
    random = np.random.default_rng(seed)
    size = sums.shape[1]
    # One draw at a time: 1,000 draws of 25,000 customers at once would be 200 MB.
    drawn = [sums[:, random.integers(size, size=size)].sum(axis=1) for _ in range(resamples)]
    low, high = np.percentile([one[0] / one[1] for one in drawn], INTERVAL)
    return found, float(low), float(high)
