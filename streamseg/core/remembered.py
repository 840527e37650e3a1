"""The event ids that each customer's duplicates are recognised by: the last 64, and the last 4,096 within the lateness.

Blocks of 8 ids chained from newest to oldest; the id with sequence number q stands in block (q - 1) // 8 of its
customer, so positions need no room. Nothing here judges: `admission` does, from the sequence number and the time.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streamseg.core.chains import Chains
from streamseg.core.features import Records
from streamseg.core.windows import Int64Array

BLOCK: Final = 8
MOST_IDS: Final = 4_096
"""Of a customer: no flood under one id can grow a row beyond 64 KB, nor the search for a repeat."""
IDS: Final = np.dtype([("hash", "u8", (BLOCK,)), ("event_ms", "i8", (BLOCK,))])
"""One block of ids; positions after the latest id are zero or stale."""


class RememberedIds:
    """Hashes and event times of accepted touchpoints by customer slot and sequence number (from 1)."""

    def __init__(self) -> None:
        self.chains = Chains(IDS)
        """The blocks; `admission` looks ids up and adds to them."""
        self._spare = np.empty(0, np.int64)

    def reserve(self, slots: int) -> None:
        """Make room for so many customers."""
        self.chains.reserve(slots)

    def spare(self, count: int) -> Int64Array:
        """Indexes of at least `count` blocks in no chain; say with `use` how many of the first ones now are."""
        missing = max(count - len(self._spare), 0)
        self._spare = np.concatenate([self._spare, self.chains.take(missing)])
        return self._spare

    def use(self, count: int) -> None:
        """The first `count` spare blocks are in chains now."""
        self._spare = self._spare[count:]

    def fill(self, slots: Int64Array, blocks: Records) -> None:
        """Take up the (B,) blocks of customers who have none, from old to new; `slots` says whose each is."""
        self.chains.fill(slots, blocks)

    def prune(self, slot: int, accepted: int, *, keep: int, since_ms: int) -> None:
        """Forget one customer's oldest blocks while all their ids are beyond the last `keep` and before `since_ms`.

        Or beyond the last `MOST_IDS`.
        """
        blocks = self.chains.of(slot)
        newest, kept = (accepted - 1) // BLOCK, len(blocks)
        while kept > 1:
            latest_sequence = (newest - kept + 2) * BLOCK
            latest_ms = int(self.chains.records["event_ms"][blocks[kept - 1]].max())
            ago = accepted - latest_sequence
            if ago < keep or (ago < MOST_IDS and latest_ms >= since_ms):
                break
            kept -= 1
        if kept < len(blocks):
            self.chains.cut(slot, blocks[kept - 1])
