"""The event ids that each customer's duplicates are recognised by: at least the last 64, and all within the lateness.

Blocks of 16 ids chained from newest to oldest; the id with sequence number q stands in block (q - 1) // 16 of its
customer, so positions need no room. Nothing here judges: `admission` does, from the sequence number and the time.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streamseg.core.chains import Chains
from streamseg.core.columns import starts_of
from streamseg.core.windows import Int64Array
from streamseg.wire.batch import UInt64Array

BLOCK: Final = 16
IDS: Final = np.dtype([("hash", "u8", (BLOCK,)), ("event_ms", "i8", (BLOCK,))])
"""One block of ids; positions after the latest id are zero or stale."""


class RememberedIds:
    """Hashes and event times of accepted touchpoints by customer slot and sequence number (from 1)."""

    def __init__(self) -> None:
        self._chains = Chains(IDS)

    def reserve(self, slots: int) -> None:
        """Make room for so many customers."""
        self._chains.reserve(slots)

    def find(self, slots: Int64Array, accepted: Int64Array, hashes: UInt64Array) -> tuple[Int64Array, Int64Array]:
        """Look each hash up among its customer's ids: (sequence number, event time) of the latest match; 0, 0 if none.

        Args:
            slots: (N,) customers; accepted: (N,) their latest sequence numbers; hashes: (N,) what is looked for.
        """
        sequence = np.zeros(len(slots), np.int64)
        event_ms = np.zeros(len(slots), np.int64)
        newest = (accepted - 1) // BLOCK
        ids = self._chains.records
        for age, (who, at) in enumerate(self._chains.walk(slots)):
            block = newest[who] - age
            match = ids["hash"][at] == hashes[who, None]
            # Positions of the newest block after its latest id don't count.
            match &= block[:, None] * BLOCK + np.arange(1, BLOCK + 1) <= accepted[who, None]
            for row in np.flatnonzero(match.any(axis=1)):
                position = BLOCK - 1 - int(match[row, ::-1].argmax())
                if not sequence[who[row]]:
                    sequence[who[row]] = block[row] * BLOCK + position + 1
                    event_ms[who[row]] = ids["event_ms"][at[row], position]
        return sequence, event_ms

    def append(self, slots: Int64Array, sequence: Int64Array, hashes: UInt64Array, event_ms: Int64Array) -> None:
        """Remember accepted touchpoints, sorted by customer; sequence numbers without a gap."""
        # One pass a block: within a pass each customer adds to one block only.
        block = (sequence - 1) // BLOCK
        position = (sequence - 1) % BLOCK
        opens = position == 0
        if not opens.any():
            self._write(slots, position, hashes, event_ms)
            return
        starts = starts_of(slots)
        turn = block - block[starts][np.cumsum(starts) - 1]
        for number in range(int(turn.max()) + 1):
            rows = np.flatnonzero(turn == number)
            self._chains.push(slots[rows[opens[rows]]])
            self._write(slots[rows], position[rows], hashes[rows], event_ms[rows])

    def packed(self, slots: Int64Array) -> list[bytes]:
        """The blocks of each of distinct customers, oldest first, as bytes of `IDS`."""
        owners, blocks = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for who, at in self._chains.walk(slots):
            owners.append(who)
            blocks.append(at)
        owner = np.concatenate(owners)
        order = np.lexsort((-np.arange(len(owner)), owner))
        told = self._chains.records[np.concatenate(blocks)[order]].tobytes()
        sizes = np.bincount(owner, minlength=len(slots)) * IDS.itemsize
        ends = np.cumsum(sizes)
        return [told[start:end] for start, end in zip((ends - sizes).tolist(), ends.tolist(), strict=True)]

    def unpack(self, slots: Int64Array, sizes: Int64Array, told: bytes) -> None:
        """Take up the blocks of distinct customers who have none: `told` is what `packed` gave, `sizes` bytes each."""
        self._chains.fill(np.repeat(slots, sizes // IDS.itemsize), np.frombuffer(told, IDS))

    def prune(self, slot: int, accepted: int, *, keep: int, since_ms: int) -> None:
        """Forget one customer's oldest blocks while all their ids are beyond the last `keep` and before `since_ms`."""
        blocks = self._chains.of(slot)
        newest, kept = (accepted - 1) // BLOCK, len(blocks)
        while kept > 1:
            latest_sequence = (newest - kept + 2) * BLOCK
            latest_ms = int(self._chains.records["event_ms"][blocks[kept - 1]].max())
            if accepted - latest_sequence < keep or latest_ms >= since_ms:
                break
            kept -= 1
        if kept < len(blocks):
            self._chains.cut(slot, blocks[kept - 1])

    def _write(self, slots: Int64Array, position: Int64Array, hashes: UInt64Array, event_ms: Int64Array) -> None:
        at = self._chains.newest[slots]
        self._chains.records["hash"][at, position] = hashes
        self._chains.records["event_ms"][at, position] = event_ms
