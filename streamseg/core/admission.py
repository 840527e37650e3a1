"""Which touchpoints count: duplicates and late-comers are told apart from accepted ones, and the watermark moves.

Arrives: the customers' slots, ids and event times of a batch, in partition order. Leaves: a status a row and the
watermark before and after it, the same for every cut of the stream into batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamseg.core.columns import ranks, starts_of
from streamseg.core.remembered import RememberedIds
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
    order = np.lexsort((hashes, slots))
    repeats = np.zeros(n, np.bool_)
    repeats[order] = ~(starts_of(slots[order]) | starts_of(hashes[order]))
    sequence, first_ms = remembered.find(slots, accepted[slots], hashes)
    suspects = np.flatnonzero(repeats | (sequence > 0))

    plain = event_ms.copy()
    plain[suspects] = NO_WATERMARK
    before = _before(plain, watermark_ms)
    duplicate = np.zeros(n, np.bool_)
    if len(suspects):
        duplicate[suspects] = _resolve(
            suspects, slots, hashes, event_ms, plain, before,
            known=(sequence, first_ms), accepted=accepted, lateness_ms=lateness_ms, keep_ids=keep_ids,
        )  # fmt: skip
    too_late = ~duplicate & (event_ms < before - lateness_ms)
    status = np.where(duplicate, DUPLICATE, np.where(too_late, TOO_LATE, ACCEPTED)).astype(np.uint8)
    after = np.maximum(before, np.where(status == ACCEPTED, event_ms, NO_WATERMARK))

    rows = np.flatnonzero(status == ACCEPTED)
    rows = rows[np.argsort(slots[rows], kind="stable")]
    if len(rows):
        who = slots[rows]
        numbers = accepted[who] + ranks(starts_of(who)) + 1
        remembered.append(who, numbers, hashes[rows], event_ms[rows])
        accepted[who] = numbers  # the last row of a customer wins
    return Admitted(status, before, after)


def _before(event_ms: Int64Array, watermark_ms: int) -> Int64Array:
    running = np.maximum.accumulate(np.concatenate(([watermark_ms], event_ms)))
    return running[:-1]


def _resolve(
    suspects: Int64Array,
    slots: Int64Array,
    hashes: UInt64Array,
    event_ms: Int64Array,
    plain: Int64Array,
    before: Int64Array,
    *,
    known: tuple[Int64Array, Int64Array],
    accepted: NDArray[Any],
    lateness_ms: int,
    keep_ids: int,
) -> list[bool]:
    """Decide the suspects in order: few, so one by one. Writes accepted suspects into `plain` and raises `before`."""
    duplicates: set[int] = set()
    latest: dict[tuple[int, int], int] = {}  # latest earlier row of the batch with this customer and id
    suspected = {(int(slots[row]), int(hashes[row])) for row in suspects}
    everything = zip(slots.tolist(), hashes.tolist(), strict=True)
    occurrences = [row for row, key in enumerate(everything) if key in suspected]
    is_suspect = set(suspects.tolist())

    def is_accepted(rows: Int64Array) -> NDArray[np.bool_]:
        fresh = np.array([row not in duplicates for row in rows.tolist()], np.bool_)
        return fresh & (event_ms[rows] >= before[rows] - lateness_ms)

    def accepted_before(slot: int, row: int) -> int:
        rows = np.flatnonzero(slots[:row] == slot)
        return int(accepted[slot]) + int(is_accepted(rows).sum())

    for row in occurrences:
        key = (int(slots[row]), int(hashes[row]))
        if row in is_suspect:
            if key in latest:
                number, at_ms = accepted_before(key[0], latest[key]) + 1, int(event_ms[latest[key]])
            else:
                number, at_ms = int(known[0][row]), int(known[1][row])
            if number and (before[row] <= at_ms + lateness_ms or accepted_before(key[0], row) - number < keep_ids):
                duplicates.add(row)
                continue
            if event_ms[row] >= before[row] - lateness_ms:
                plain[row] = event_ms[row]
                before[row + 1 :] = np.maximum(before[row + 1 :], event_ms[row])
        if event_ms[row] >= before[row] - lateness_ms:
            latest[key] = row
    return [row in duplicates for row in suspects.tolist()]
