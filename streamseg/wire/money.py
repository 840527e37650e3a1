"""Money as fixed point: JSON numbers in, exact int64 millionths out, so that sums don't depend on their order."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamseg.wire.batch import MICRO

_SAFE_DISTANCE: Final = 0.25
"""From a whole number: nearer than this, the product has the right nearest one (its error is < 0.24)."""


def to_micro(amount: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round to millionths, half to even, as the publisher wrote the number in decimal, not as binary stores it.

    Args:
        amount: (N,) finite, magnitude at most 1e9.

    Returns:
        (N,) int64, 1e-6 units.

    >>> to_micro(np.array([19.99, 0.0000005, 0.0000015, 0.1 + 0.2])).tolist()
    [19990000, 0, 2, 300000]
    """
    scaled = amount * MICRO
    micro = np.rint(scaled)
    exact = micro.astype(np.int64)
    for index in np.flatnonzero(np.abs(scaled - micro) >= _SAFE_DISTANCE):
        # Near a half the product's own rounding would decide. repr is the shortest decimal that reads back as the same
        # number: what stood in the record, for up to 15 digits. Prices have two, so this path is rare.
        decimal = Decimal(repr(float(amount[index]))) * MICRO
        exact[index] = int(decimal.to_integral_value(ROUND_HALF_EVEN))
    return exact
