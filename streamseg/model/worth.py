"""What a customer's future is worth, and how sure that is: an interval around the expected discounted spend.

Arrives: P(none), mean and second moment of the spend within a horizon. Leaves: the two ends of an interval. Spend is
nothing with P(none), else taken as a gamma with these moments. Element by element; knows no model.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streamseg.compiled import compiled
from streamseg.core.scores import Float64Array
from streamseg.elementary import log

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
    low, high = np.empty(len(none)), np.empty(len(none))
    _end(none, mean, square, INTERVAL[0], low)
    _end(none, mean, square, INTERVAL[1], high)
    return low, high


@compiled
def _end(none: Float64Array, mean: Float64Array, square: Float64Array, share: float, amount: Float64Array) -> None:
    """(N,) each: below `amount` lies the spend of that share."""
    least, most = _VARIANCE
    for row in range(len(none)):
        some = 1.0 - none[row]
        within = (share - none[row]) / some
        if_any = max(mean[row], 1e-12) / some
        variance = min(max(max(square[row], 1e-24) / some / (if_any * if_any) - 1.0, least), most)
        # A gamma's cube root is nearly normal; its exact quantile costs as much as a third of the whole score.
        root = 1.0 - variance / 9.0 + np.sqrt(variance / 9.0) * _normal_quantile(min(max(within, 1e-9), 1.0 - 1e-9))
        root = max(root, 0.0)
        amount[row] = if_any * root * root * root if within > 0.0 else 0.0


@compiled
def _normal_quantile(share: float) -> float:
    """Within 1e-7 of itself, 1e-10 to 1 - 1e-10: Wichura, "Algorithm AS 241", Applied Statistics 1988, PPND7."""
    q = share - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        p = ((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179
        near: float = q * p / (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0)
        return near
    r = np.sqrt(-log(min(share, 1.0 - share))) - 1.6
    p = ((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777
    far: float = p / ((0.12021132975 * r + 0.73700164250) * r + 1.0)
    return far if q > 0.0 else -far
