"""The event ids that each customer's duplicates are recognised by: at least the last 64, and all within the lateness.

Blocks of 16 ids chained from newest to oldest; the id with sequence number q stands in block (q - 1) // 16 of its
customer, so positions need no room. Nothing here judges: `admission` does, from the sequence number and the time.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streamseg.core.columns import grown
from streamseg.core.windows import Int64Array
from streamseg.wire.batch import UInt64Array

BLOCK: Final = 16
_NONE = -1


class RememberedIds:
    """Hashes and event times of accepted touchpoints by customer slot and sequence number (from 1)."""

    def __init__(self) -> None:
        self._hash = np.zeros((64, BLOCK), np.uint64)
        self._event_ms = np.zeros((64, BLOCK), np.int64)
        self._older = np.full(64, _NONE, np.int64)
        self._newest = np.full(64, _NONE, np.int64)
        self._free: list[int] = []
        self._used = 0

    def reserve(self, slots: int) -> None:
        """Make room for so many customers."""
        self._newest = grown(self._newest, slots, _NONE)

    def find(self, slots: Int64Array, accepted: Int64Array, hashes: UInt64Array) -> tuple[Int64Array, Int64Array]:
        """Look each hash up among its customer's ids: (sequence number, event time) of the latest match; 0, 0 if none.

        Args:
            slots: (N,) customers; accepted: (N,) their latest sequence numbers; hashes: (N,) what is looked for.
        """
        sequence = np.zeros(len(slots), np.int64)
        event_ms = np.zeros(len(slots), np.int64)
        who = np.arange(len(slots))
        at = self._newest[slots]
        block = (accepted - 1) // BLOCK
        while True:
            alive = at != _NONE
            who, at, block = who[alive], at[alive], block[alive]
            if not len(who):
                return sequence, event_ms
            match = self._hash[at] == hashes[who, None]
            # Positions of the newest block after its latest id are stale or zero: they don't count.
            match &= block[:, None] * BLOCK + np.arange(1, BLOCK + 1) <= accepted[who, None]
            for row in np.flatnonzero(match.any(axis=1)):
                position = BLOCK - 1 - int(match[row, ::-1].argmax())
                if not sequence[who[row]]:
                    sequence[who[row]] = block[row] * BLOCK + position + 1
                    event_ms[who[row]] = self._event_ms[at[row], position]
            at, block = self._older[at], block - 1

    def append(self, slots: Int64Array, sequence: Int64Array, hashes: UInt64Array, event_ms: Int64Array) -> None:
        """Remember accepted touchpoints: rows of a customer in order, its sequence numbers without a gap."""
        # One pass a block: within a pass each customer adds to one block only.
        block = (sequence - 1) // BLOCK
        position = (sequence - 1) % BLOCK
        opens = position == 0
        if not opens.any():
            at = self._newest[slots]
            self._hash[at, position], self._event_ms[at, position] = hashes, event_ms
            return
        _, first = np.unique(slots, return_index=True)
        base = np.zeros(int(slots.max()) + 1, np.int64)
        base[slots[first]] = block[first]
        turn = block - base[slots]
        for number in range(int(turn.max()) + 1):
            rows = np.flatnonzero(turn == number)
            fresh = rows[opens[rows]]
            made = self._take(len(fresh))
            self._older[made] = self._newest[slots[fresh]]
            self._newest[slots[fresh]] = made
            at = self._newest[slots[rows]]
            self._hash[at, position[rows]], self._event_ms[at, position[rows]] = hashes[rows], event_ms[rows]

    def of(self, slot: int, accepted: int) -> tuple[UInt64Array, Int64Array]:
        """One customer's remembered hashes and times, oldest first; the last has the sequence number `accepted`."""
        blocks, at = [], int(self._newest[slot])
        while at != _NONE:
            blocks.append(at)
            at = int(self._older[at])
        hashes, times = self._hash[blocks[::-1]].reshape(-1), self._event_ms[blocks[::-1]].reshape(-1)
        unused = -accepted % BLOCK if blocks else 0
        return hashes[: len(hashes) - unused], times[: len(times) - unused]

    def prune(self, slot: int, accepted: int, *, keep: int, since_ms: int) -> None:
        """Forget one customer's oldest blocks while all their ids are beyond the last `keep` and before `since_ms`."""
        blocks, at = [], int(self._newest[slot])
        while at != _NONE:
            blocks.append(at)
            at = int(self._older[at])
        newest = (accepted - 1) // BLOCK
        while len(blocks) > 1:
            latest_sequence = (newest - len(blocks) + 2) * BLOCK
            if accepted - latest_sequence < keep or int(self._event_ms[blocks[-1]].max()) >= since_ms:
                return
            self._free.append(blocks.pop())
            self._older[blocks[-1]] = _NONE

    def _take(self, count: int) -> Int64Array:
        reused = min(count, len(self._free))
        taken = [self._free.pop() for _ in range(reused)]
        fresh = count - reused
        self._hash = grown(self._hash, self._used + fresh, 0)
        self._event_ms = grown(self._event_ms, self._used + fresh, 0)
        self._older = grown(self._older, self._used + fresh, _NONE)
        indexes = np.array([*taken, *range(self._used, self._used + fresh)], np.int64)
        self._used += fresh
        self._hash[indexes], self._event_ms[indexes] = 0, 0
        return indexes
