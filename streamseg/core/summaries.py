"""The window summaries of a partition's customers: only windows with a touchpoint take room, however many customers.

A pool of records; each customer's are a chain from newest to oldest. Knows windows and sums; not time, nor decisions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from streamseg.core.columns import grown
from streamseg.core.features import Records
from streamseg.core.rows import SUMMARY
from streamseg.core.windows import Int64Array

_NONE = -1
NO_WINDOW: Final = int(np.iinfo(np.int64).min)
"""Stands where there is no window; not -1, which is the window before the origin."""


class SummaryPool:
    """Sparse summaries by customer slot."""

    def __init__(self) -> None:
        self.records: Records = np.zeros(64, SUMMARY)
        self._older = np.full(64, _NONE, np.int64)
        self._newest = np.full(64, _NONE, np.int64)
        self._free: list[int] = []
        self._used = 0

    def reserve(self, slots: int) -> None:
        """Make room for so many customers."""
        self._newest = grown(self._newest, slots, _NONE)

    def newest(self, slots: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Index of each customer's newest record and its window; -1 and NO_WINDOW where there is none."""
        at = self._newest[slots]
        return at, np.where(at == _NONE, NO_WINDOW, self.records["window"][at])

    def walk(self, slots: Int64Array) -> Iterator[tuple[Int64Array, Int64Array]]:
        """Go through the chains in step, newest first: (positions in `slots`, record indexes) until all have ended."""
        who = np.arange(len(slots))
        at = self._newest[slots]
        while True:
            alive = at != _NONE
            who, at = who[alive], at[alive]
            if not len(who):
                return
            yield who, at
            at = self._older[at]

    def windows_of(self, slot: int) -> list[int]:
        """Indexes of one customer's records, newest first."""
        found, at = [], int(self._newest[slot])
        while at != _NONE:
            found.append(at)
            at = int(self._older[at])
        return found

    def push(self, slots: Int64Array, window: int) -> Int64Array:
        """Start an empty newest record for each of distinct customers; every older record is of an earlier window."""
        at = self._take(len(slots))
        self.records[at] = 0
        self.records["window"][at] = window
        self._older[at] = self._newest[slots]
        self._newest[slots] = at
        return at

    def place(self, slot: int, window: int) -> int:
        """The record of one customer's window, made in its place in the chain if there was none."""
        newer, at = _NONE, int(self._newest[slot])
        while at != _NONE and self.records["window"][at] > window:
            newer, at = at, int(self._older[at])
        if at != _NONE and self.records["window"][at] == window:
            return at
        made = int(self._take(1)[0])
        self.records[made] = 0
        self.records["window"][made] = window
        self._older[made] = at
        if newer == _NONE:
            self._newest[slot] = made
        else:
            self._older[newer] = made
        return made

    def drop_before(self, slot: int, window: int) -> Records:
        """Forget one customer's records of windows before `window`; returns them, newest first."""
        newer, at = _NONE, int(self._newest[slot])
        while at != _NONE and self.records["window"][at] >= window:
            newer, at = at, int(self._older[at])
        if newer == _NONE:
            self._newest[slot] = _NONE
        else:
            self._older[newer] = _NONE
        dropped = []
        while at != _NONE:
            dropped.append(at)
            at = int(self._older[at])
        self._free.extend(dropped)
        return self.records[dropped]

    def _take(self, count: int) -> Int64Array:
        reused = min(count, len(self._free))
        taken = [self._free.pop() for _ in range(reused)]
        fresh = count - reused
        self.records = grown(self.records, self._used + fresh, 0)
        self._older = grown(self._older, self._used + fresh, _NONE)
        indexes = np.array([*taken, *range(self._used, self._used + fresh)], np.int64)
        self._used += fresh
        return indexes
