"""Records of a varying number for each customer, chained from newest to oldest in one pool."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streamseg.core.columns import grown, starts_of
from streamseg.core.features import Records
from streamseg.core.windows import Int64Array

Links = NDArray[np.int32]
"""Record indexes as the chains keep them: memory ends long before a partition has 2^31 records."""

END = -1
"""Where a chain ends, or where there is none."""


class Chains:
    """A pool of records of one type; `records` is public, the owner reads and writes them by index."""

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self.records: Records = np.zeros(64, dtype)
        self.older = np.full(64, END, np.int32)
        """The next record of the chain, by record."""
        self.newest = np.full(64, END, np.int32)
        """The first record of the chain, by customer slot."""
        self._free: list[int] = []
        self._used = 0

    def reserve(self, slots: int) -> None:
        """Make room for so many customers."""
        self.newest = grown(self.newest, slots, END)

    def of(self, slot: int) -> list[int]:
        """One customer's record indexes, newest first."""
        found, at = [], int(self.newest[slot])
        while at != END:
            found.append(at)
            at = int(self.older[at])
        return found

    def push(self, slots: Int64Array) -> Int64Array:
        """Begin a record, all zero, for each of distinct customers; gives their indexes."""
        made = self.take(len(slots))
        self.older[made] = self.newest[slots]
        self.newest[slots] = made
        return made

    def fill(self, slots: Int64Array, records: Records) -> None:
        """Give customers who have none their chains: `records` stand by customer, each's from oldest to newest."""
        made = self.take(len(slots))
        self.records[made] = records
        self.older[made] = np.where(starts_of(slots), END, np.roll(made, 1))
        self.newest[slots] = made  # the last of a customer wins

    def take(self, count: int) -> Int64Array:
        """Records that are in no chain yet, all zero."""
        reused = [self._free.pop() for _ in range(min(count, len(self._free)))]
        fresh = count - len(reused)
        self.records = grown(self.records, self._used + fresh)
        self.older = grown(self.older, self._used + fresh, END)
        taken = np.concatenate([np.array(reused, np.int64), np.arange(self._used, self._used + fresh)])
        self._used += fresh
        self.records[reused] = 0
        return taken

    def cut(self, slot: int, newer: int) -> list[int]:
        """Give back all of one customer's records that are older than `newer` (END: all); gives their indexes."""
        at = int(self.newest[slot] if newer == END else self.older[newer])
        if newer == END:
            self.newest[slot] = END
        else:
            self.older[newer] = END
        dropped = []
        while at != END:
            dropped.append(at)
            at = int(self.older[at])
        self._free.extend(dropped)
        return dropped
