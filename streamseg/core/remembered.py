"""The event ids that each customer's duplicates are recognised by: the last 64, and the last 4,096 within the lateness.

Blocks of 8 ids chained from newest to oldest; the id with sequence number q stands in block (q - 1) // 8 of its
customer, so positions need no room. Four blocks are a chunk: what is persisted, and forgotten, together. Nothing here
judges: `admission` does, from the sequence number and the time.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streamseg.compiled import compiled
from streamseg.core.chains import END, Chains, Links
from streamseg.core.columns import grown
from streamseg.core.features import Records
from streamseg.core.windows import Int64Array

BLOCK: Final = 8
CHUNK_BLOCKS: Final = 4
CHUNK_IDS: Final = CHUNK_BLOCKS * BLOCK
MOST_IDS: Final = 4_096
"""Of a customer: no flood under one id can grow the search for a repeat, nor memory."""
IDS: Final = np.dtype([("hash", "u8", (BLOCK,)), ("event_ms", "i8", (BLOCK,))])
"""One block of ids; positions after the latest id are zero or stale."""


def chunk_of(accepted: Int64Array) -> Int64Array:
    """The chunk of the latest of so many ids (one or more)."""
    return (accepted - 1) // CHUNK_IDS


class RememberedIds:
    """Hashes and event times of accepted touchpoints by customer slot and sequence number (from 1)."""

    def __init__(self) -> None:
        self.chains = Chains(IDS)
        """The blocks; `admission` looks ids up and adds to them."""
        self._spare = np.empty(0, np.int64)
        self._told = np.zeros(64, np.int64)
        """The chunk, by customer slot, before which all closed ones are persisted."""

    def reserve(self, slots: int) -> None:
        """Make room for so many customers."""
        self.chains.reserve(slots)
        self._told = grown(self._told, slots)

    def spare(self, count: int) -> Int64Array:
        """Indexes of at least `count` blocks in no chain; say with `use` how many of the first ones now are."""
        missing = max(count - len(self._spare), 0)
        self._spare = np.concatenate([self._spare, self.chains.take(missing)])
        return self._spare

    def use(self, count: int) -> None:
        """The first `count` spare blocks are in chains now."""
        self._spare = self._spare[count:]

    def fill(self, slots: Int64Array, chunks: Int64Array, blocks: Records) -> None:
        """Take up the (B,) blocks of customers who have none, from old to new.

        `slots` says whose each is, and `chunks` its chunk; what comes before each customer's newest chunk is persisted.
        """
        self.chains.fill(slots, blocks)
        self._told[slots] = chunks  # the last of a customer wins

    def close(self, slots: Int64Array, accepted: Int64Array, *, keep: int, since_ms: int) -> Int64Array:
        """Forget chunks nobody asks for, of distinct customers who have begun a chunk since this was last asked.

        That is: while all their ids are beyond the last `keep` and before `since_ms`, or beyond the last `MOST_IDS`.

        Args:
            slots: (N,) the customers.
            accepted: (N,) how many of their touchpoints were accepted so far.
            keep: So many of the last ids are kept, however old.
            since_ms: Ids of event times from here on are kept.

        Returns:
            (C, 2) slot and chunk: those to be persisted, or deleted if no block of theirs is left.
        """
        newest = chunk_of(accepted)
        further = newest > self._told[slots]
        slots, accepted, newest = slots[further], accepted[further], newest[further]
        told, chains = self._told[slots], self.chains
        changed: list[tuple[int, int]] = []
        for slot, count, open_chunk, due in zip(
            *(each.tolist() for each in (slots, accepted, newest, told)), strict=True
        ):
            last, kept, first = _oldest_asked_for(
                chains.records, chains.older, chains.newest[slot], count, keep, since_ms
            )
            chains.cut(slot, last)
            changed += [(slot, chunk) for chunk in range(first, min(kept, due))]
            changed += [(slot, chunk) for chunk in range(max(kept, due), open_chunk)]
        self._told[slots] = newest
        return np.array(changed, np.int64).reshape(-1, 2)


@compiled
def _oldest_asked_for(
    ids: Records, older: Links, at: int, accepted: int, keep: int, since_ms: int
) -> tuple[int, int, int]:
    """The last block from `at` on that must stay, its chunk, and the chunk of the last block there is."""
    block = (accepted - 1) // BLOCK
    last, kept, chunk = at, block // CHUNK_BLOCKS, block // CHUNK_BLOCKS
    while at != END:
        chunk, ago, is_late = block // CHUNK_BLOCKS, accepted - (block + 1) * BLOCK, False
        for position in range(BLOCK):
            is_late |= ids[at].event_ms[position] >= since_ms
        if ago < keep or (ago < MOST_IDS and is_late):
            kept = chunk
        if chunk == kept:
            last = at
        at, block = older[at], block - 1
    return last, kept, chunk
