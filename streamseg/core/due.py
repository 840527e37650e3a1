"""How many customers are due at which boundary: asked after every batch, when nobody may look at all customers.

Arrives: due times that are given up and taken up. Leaves: counts. Knows no customer.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from streamseg.core.rows import NEVER_MS
from streamseg.core.windows import Int64Array


class DueCounts:
    """Customers by the boundary that they are due at; a few dozen boundaries, however many customers.

    >>> due = DueCounts()
    >>> due.move(np.array([NEVER_MS, NEVER_MS]), np.array([7, 9]))
    >>> due.move(np.array([7]), np.array([NEVER_MS]))
    >>> due.until(8), due.earliest_ms
    (0, 9)
    """

    def __init__(self) -> None:
        self._customers: Counter[int] = Counter()

    @property
    def earliest_ms(self) -> int:
        """The first boundary at which somebody is due; NEVER_MS = nobody is."""
        return min(self._customers, default=NEVER_MS)

    def until(self, instant_ms: int) -> int:
        """Customers who are due at `instant_ms` or before."""
        return sum(customers for due_ms, customers in self._customers.items() if due_ms <= instant_ms)

    def move(self, before_ms: Int64Array, after_ms: Int64Array) -> None:
        """Customers were due at `before_ms` (N,) and now are at `after_ms` (M,)."""
        for due_ms, change in ((before_ms, -1), (after_ms, 1)):
            boundaries, customers = np.unique(due_ms, return_counts=True)
            for boundary_ms, count in zip(boundaries.tolist(), customers.tolist(), strict=True):
                self._customers[boundary_ms] += change * count
                if boundary_ms == NEVER_MS or not self._customers[boundary_ms]:
                    del self._customers[boundary_ms]
