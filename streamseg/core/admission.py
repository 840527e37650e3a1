"""Which touchpoints count: duplicates and late-comers are told apart from accepted ones, and the watermark moves.

Arrives: the customers' slots, ids and event times of a batch, in partition order. Leaves: a status a row and the
watermark before and after it, the same for every cut of the stream into batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.core.chains import END, Links
from streamseg.core.features import Records
from streamseg.core.remembered import BLOCK, MOST_IDS, RememberedIds
from streamseg.core.windows import Int64Array
from streamseg.wire.batch import UInt64Array

ACCEPTED: Final = 0
DUPLICATE: Final = 1
TOO_LATE: Final = 2

NO_WATERMARK: Final = -1
"""Watermark of a partition that has accepted nothing yet."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """What became of N touchpoints."""

    status: NDArray[np.uint8]
    before_ms: Int64Array
    """(N,) watermark before each row; NO_WATERMARK at first."""
    after_ms: Int64Array
    """(N,) watermark after it: the instant of an accepted row."""


def admit(
    slots: Int64Array,
    hashes: UInt64Array,
    event_ms: Int64Array,
    *,
    accepted: Int64Array,
    remembered: RememberedIds,
    watermark_ms: int,
    lateness_ms: int,
    keep_ids: int,
) -> Admitted:
    """Judge N touchpoints in order, and remember the ids of the accepted ones.

    Args:
        slots, hashes, event_ms: (N,) of the batch.
        accepted: Sequence number of each customer's latest accepted touchpoint, indexed by slot; counted up here.
        remembered: The ids by customer; the accepted ones are added.
        watermark_ms: Before the batch, or NO_WATERMARK.
        lateness_ms: Allowed lateness, milliseconds.
        keep_ids: A customer's last so many ids are remembered however old they are.
    """
    n = len(slots)
    judged = Admitted(np.empty(n, np.uint8), np.empty(n, np.int64), np.empty(n, np.int64))
    chains, spare = remembered.chains, remembered.spare(n)
    used = _judge(
        slots, hashes, event_ms, accepted, chains.newest, chains.older, chains.records, spare,
        watermark_ms, lateness_ms, keep_ids, judged.status, judged.before_ms, judged.after_ms,
    )  # fmt: skip
    remembered.use(used)
    return judged


@compiled
def _judge(
    slots: Int64Array,
    hashes: UInt64Array,
    event_ms: Int64Array,
    accepted: Int64Array,
    newest: Links,
    older: Links,
    ids: Records,
    spare: Int64Array,
    watermark_ms: int,
    lateness_ms: int,
    keep_ids: int,
    status: NDArray[np.uint8],
    before_ms: Int64Array,
    after_ms: Int64Array,
) -> int:
    used = 0
    for row in range(len(slots)):
        slot, instant_ms = slots[row], event_ms[row]
        at, sequence, position = newest[slot], accepted[slot], -1
        while at != END:
            position = _latest(ids[at], hashes[row], (sequence - 1) % BLOCK)
            if position >= 0:
                break
            sequence -= (sequence - 1) % BLOCK + 1
            at = older[at]
        sequence -= (sequence - 1) % BLOCK - position

        before_ms[row] = watermark_ms
        ago = accepted[slot] - sequence
        if at != END and (
            ago < keep_ids or (ago < MOST_IDS and watermark_ms <= ids[at].event_ms[position] + lateness_ms)
        ):
            status[row] = DUPLICATE
        elif instant_ms < watermark_ms - lateness_ms:
            status[row] = TOO_LATE
        else:
            status[row] = ACCEPTED
            watermark_ms = max(watermark_ms, instant_ms)
            if accepted[slot] % BLOCK == 0:
                older[spare[used]], newest[slot] = newest[slot], spare[used]
                used += 1
            block, free = ids[newest[slot]], accepted[slot] % BLOCK
            block.hash[free], block.event_ms[free] = hashes[row], instant_ms
            accepted[slot] += 1
        after_ms[row] = watermark_ms
    return used


@compiled
def _latest(block: Any, wanted: np.uint64, last: int) -> int:
    """Position of the wanted id's latest occurrence among a block's first ones, up to `last`; -1 if there is none."""
    holds = False
    for position in range(BLOCK):  # without a way out, so that the processor compares several at once
        holds |= block.hash[position] == wanted
    if holds:
        for position in range(last, -1, -1):
            if block.hash[position] == wanted:
                return position
    return -1
