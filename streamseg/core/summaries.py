"""The window summaries of a partition's customers: only windows with a touchpoint take room, however many customers.

Each customer's are a chain from newest to oldest window. Knows windows and sums; not time, nor decisions.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streamseg.core.chains import END, Chains
from streamseg.core.features import Records
from streamseg.core.rows import SUMMARY
from streamseg.core.windows import Int64Array

NO_WINDOW: Final = int(np.iinfo(np.int64).min)
"""Stands where there is no window; not -1, which is the window before the origin."""


class SummaryPool:
    """Sparse summaries by customer slot."""

    def __init__(self) -> None:
        self.chains = Chains(SUMMARY)

    @property
    def records(self) -> Records:
        """All summaries, by index."""
        return self.chains.records

    def reserve(self, slots: int) -> None:
        """Make room for so many customers."""
        self.chains.reserve(slots)

    def newest(self, slots: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Index of each customer's newest record and its window; -1 and NO_WINDOW where there is none."""
        at = self.chains.newest[slots].astype(np.int64)
        return at, np.where(at == END, NO_WINDOW, self.records["window"][at])

    def windows_of(self, slot: int) -> list[int]:
        """Indexes of one customer's records, newest first."""
        return self.chains.of(slot)

    def push(self, slots: Int64Array, window: int) -> Int64Array:
        """Start an empty newest record for each of distinct customers; every older record is of an earlier window."""
        made = self.chains.push(slots)
        self.records["window"][made] = window
        return made

    def fill(self, slots: Int64Array, records: Records) -> None:
        """Take up the (R,) summaries of customers who have none, in any order; `slots` says whose each is."""
        order = np.lexsort((records["window"], slots))
        self.chains.fill(slots[order], records[order])

    def place(self, slot: int, window: int) -> int:
        """The record of one customer's window, made in its place in the chain if there was none."""
        chains, newer = self.chains, self._last_since(slot, window + 1)
        at = int(chains.newest[slot] if newer == END else chains.older[newer])
        if at != END and self.records["window"][at] == window:
            return at
        made = int(chains.take(1)[0])
        self.records["window"][made] = window
        chains.older[made] = at
        if newer == END:
            chains.newest[slot] = made
        else:
            chains.older[newer] = made
        return made

    def drop_before(self, slot: int, window: int) -> Records:
        """Forget one customer's records of windows before `window`; returns them, newest first."""
        return self.records[self.chains.cut(slot, self._last_since(slot, window))]

    def _last_since(self, slot: int, window: int) -> int:
        """The oldest of one customer's records that is not before `window`; END if there is none."""
        newer, at = END, int(self.chains.newest[slot])
        while at != END and self.records["window"][at] >= window:
            newer, at = at, int(self.chains.older[at])
        return newer
