"""How much of what is learnt may come from one customer.

Arrives: whose row it is and what it weighs in training. Leaves: weights under which nobody exceeds a stated share.
Without it, whoever sends enough touchpoints under one id (a bot, a test account, a reseller, an attacker) writes the
model: a fit minimises a weighted sum of losses, so 90 % of the weight is 90 % of the gradient. With it, the pull of one
id is bounded by its share, however much it sends. It does not stop many ids that act together; what they teach still
has to pass the gate on everybody's outcomes. Pure numpy.
"""

from __future__ import annotations

import numpy as np

from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array

LARGEST_SHARE = 0.01
TIMES_EQUAL = 5.0
"""With few customers 1 % is less than everybody's equal share, so five equal shares are allowed: enough for a busy
customer, too little to outvote the rest."""


def share_limit(customers: int) -> float:
    """The share of the training weight that one of so many customers may carry.

    >>> share_limit(100), share_limit(5_000), share_limit(3)
    (0.05, 0.01, 1.0)
    """
    return min(max(LARGEST_SHARE, TIMES_EQUAL / max(customers, 1)), 1.0)


def capped_weights(customer: Int64Array, weight: Float64Array, *, most_share: float) -> Float64Array:
    """Scale down the rows of customers who carry too much; all of a customer's rows by one factor, the others by none.

    Args:
        customer: (N,) whose row it is.
        weight: (N,) finite, at least 0.
        most_share: Of the total after capping, above 0 and at most 1. Below 1 / (customers with weight) it can't be
            met, and everybody then carries the same.

    Returns:
        (N,) weights, none above what it was.

    Raises:
        ValueError: If `most_share` is not above 0 and at most 1.

    >>> capped_weights(np.array([0, 0, 0, 1, 2]), np.ones(5), most_share=0.5).round(3)
    array([0.667, 0.667, 0.667, 1.   , 1.   ])
    """
    if not 0.0 < most_share <= 1.0:
        raise ValueError(f"most_share is {most_share}; expected above 0 and at most 1, for example 0.01")
    owner = np.unique(customer, return_inverse=True)[1]
    totals = np.bincount(owner, weights=weight).astype(np.float64)
    cap = _cap(np.sort(totals[totals > 0])[::-1], most_share)
    factor = np.minimum(1.0, cap / np.where(totals > 0, totals, 1.0))
    return weight * factor[owner]


def heaviest(customer: Int64Array, weight: Float64Array) -> dict[str, float]:
    """Share of the weight that the heaviest customer would carry, and carries: a training's figures.

    >>> heaviest(np.array([0, 0, 0, 1, 2, 3, 4, 5, 6, 7]), np.array([31.0, 31.0, 31.0, 1, 1, 1, 1, 1, 1, 1]))
    {'influence.sent': 0.93, 'influence.learnt': 0.625}
    """
    limit = share_limit(len(np.unique(customer)))
    return {
        f"influence.{name}": float(np.bincount(customer, weights=one).max() / one.sum())
        for name, one in (("sent", weight), ("learnt", capped_weights(customer, weight, most_share=limit)))
    }


def _cap(totals: Float64Array, share: float) -> float:
    """The most that a customer may weigh; `totals` (C,) above 0, falling.

    With the k heaviest at the cap and R left in the others, cap = share (k cap + R), so cap = share R / (1 - share k).
    """
    rest = float(totals.sum())
    for k, total in enumerate(totals.tolist()):
        if share * k >= 1.0:
            break
        cap = share * rest / (1.0 - share * k)
        if total <= cap:
            return cap
        rest -= total
    return float(totals[-1]) if len(totals) else 0.0
