"""What a customer's future is worth, and how sure that is: an interval around the expected discounted spend.

Arrives: P(none), mean and second moment of the spend within a horizon. Leaves: the two ends of an interval. Spend is
nothing with P(none), else taken as lognormal with these moments. Element by element; knows no model.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import ndtri

from streamseg.core.scores import Float64Array

INTERVAL: Final = (0.1, 0.9)
"""The middle 80 %: of ten customers one spends less and one more."""
_LOG_VARIANCE: Final = (1e-4, 9.0)


def value_interval(none: Float64Array, mean: Float64Array, square: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Find between which amounts the spend of each customer lies in eight cases of ten.

    Args:
        none: (N,) P(nothing is bought), strictly between 0 and 1.
        mean: (N,) expected spend, at least 0.
        square: (N,) expected square of the spend, at least `mean` squared.

    Returns:
        (N,) each: the low end, 0 where nothing is likelier than one in ten, and the high end.

    >>> none, mean, square = np.array([[0.95, 0.5, 1e-6], [5.0, 50.0, 100.0], [900.0, 6e3, 1.1e4]])
    >>> low, high = value_interval(none, mean, square)
    >>> low.round(1), high.round(1)
    (array([ 0. ,  0. , 64.2]), array([  0. , 130.8, 141.6]))
    """
    some = 1.0 - none
    if_any = np.maximum(mean, 1e-12) / some
    log_variance = np.clip(np.log(np.maximum(square, 1e-24) / some) - 2.0 * np.log(if_any), *_LOG_VARIANCE)
    middle = np.log(if_any) - log_variance / 2.0
    ends = []
    for share in INTERVAL:
        within = (share - none) / some
        at = np.exp(middle + np.sqrt(log_variance) * ndtri(np.clip(within, 1e-9, 1.0 - 1e-9)))
        ends.append(np.where(within > 0, at, 0.0))
    return ends[0], ends[1]
