"""What a customer's future is worth, and how sure that is: an interval around the expected discounted spend.

Arrives: P(none), mean and second moment of the spend within a horizon. Leaves: the two ends of an interval. Spend is
nothing with P(none), else taken as a gamma with these moments. Element by element; knows no model.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import ndtri

from streamseg.core.scores import Float64Array

INTERVAL: Final = (0.1, 0.9)
"""The middle 80 %: of ten customers one spends less and one more."""
_VARIANCE: Final = (1e-4, 100.0)
"""Bounds of the spend's variance where there is any, in units of its squared mean."""


def value_interval(none: Float64Array, mean: Float64Array, square: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Find between which amounts the spend of each customer lies in eight cases of ten.

    Args:
        none: (N,) P(nothing is bought), strictly between 0 and 1.
        mean: (N,) expected spend, at least 0.
        square: (N,) expected square of the spend, at least `mean` squared.

    Returns:
        (N,) each: the low end, 0 where nothing is likelier than one in ten, and the high end.

    Source: Wilson & Hilferty, "The distribution of chi-square", 1931. Of sums drawn one by one 8 to 11 % lie below and
    as many above; a lognormal with the same moments leaves up to 22 % below.

    >>> none, mean, square = np.array([[0.95, 0.5, 1e-6], [5.0, 50.0, 100.0], [900.0, 6e3, 1.1e4]])
    >>> low, high = value_interval(none, mean, square)
    >>> low.round(1), high.round(1)
    (array([ 0. ,  0. , 62.2]), array([  0. , 134.3, 142. ]))
    """
    some = 1.0 - none
    if_any = np.maximum(mean, 1e-12) / some
    variance = np.clip(np.maximum(square, 1e-24) / some / (if_any * if_any) - 1.0, *_VARIANCE)
    ends = []
    for share in INTERVAL:
        within = (share - none) / some
        # A gamma's cube root is nearly normal; its exact quantile costs as much as a third of the whole score.
        root = 1.0 - variance / 9.0 + np.sqrt(variance / 9.0) * ndtri(np.clip(within, 1e-9, 1.0 - 1e-9))
        root = np.maximum(root, 0.0)
        ends.append(np.where(within > 0, if_any * root * root * root, 0.0))
    return ends[0], ends[1]
