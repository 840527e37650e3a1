"""What a touchpoint adds to the summary of its window and to its customer's life, and how both stood just after it.

Arrives: touchpoints, and the truth that they are taken into, one after the other. Leaves: the running window and the
life as of each. Integers and bitmaps only: any cut of the touchpoints into batches gives the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.core.chains import END, Links
from streamseg.core.features import Records
from streamseg.core.rows import COUNT_LIMIT, SUMMARY, add_sums
from streamseg.core.spec import CoreSpec
from streamseg.core.summaries import SummaryPool
from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.wire.batch import UInt64Array

LIFE_FIELDS: Final = (
    "first_ms",
    "first_outcome_ms",
    "last_ms",
    "last_outcome_ms",
    "touchpoints",
    "outcome_days",
    "active_days",
    "spend_micro",
    "refund_micro",
)
SUM_FIELDS: Final = LIFE_FIELDS[4:]
LIFE: Final = np.dtype([(name, "i8") for name in LIFE_FIELDS])
"""The life fields of `rows.CUSTOMER` alone, as the features need them."""


class Summable(Protocol):
    """Touchpoints with the columns that summaries are made of, each (N,) as in `TouchpointBatch`."""

    @property
    def event_ms(self) -> Int64Array: ...
    @property
    def type_code(self) -> NDArray[np.uint8]: ...
    @property
    def channel_code(self) -> NDArray[np.uint8]: ...
    @property
    def amount_micro(self) -> Int64Array: ...
    @property
    def session_hash(self) -> UInt64Array: ...
    @property
    def rating(self) -> NDArray[np.int8]: ...


_TOUCHPOINT: Final = np.dtype(
    [
        ("event_ms", "i8"),
        ("amount_micro", "i8"),
        ("session_hash", "u8"),
        ("day", "u8"),  # one bit: of its window
        ("type_code", "u1"),
        ("channel_code", "u1"),
        ("rating", "i1"),
        ("is_outcome", "?"),
    ]
)
"""All of a touchpoint that summaries and lives are made of."""


def _touchpoints(batch: Summable, rows: Int64Array, spec: CoreSpec) -> Records:
    taken = np.empty(len(rows), _TOUCHPOINT)
    for name in ("event_ms", "amount_micro", "session_hash", "type_code", "channel_code", "rating"):
        taken[name] = getattr(batch, name)[rows]
    since_ms = (batch.event_ms[rows] - spec.windows.origin_ms) % spec.windows.length_ms
    taken["day"] = np.uint64(1) << (since_ms // DAY_MS).astype(np.uint64)
    taken["is_outcome"] = spec.outcome_by_code[batch.type_code[rows]]
    return taken


def add_touchpoints(summaries: Records, at: Int64Array, batch: Summable, rows: Int64Array, spec: CoreSpec) -> None:
    """Add touchpoints to the summaries of their own windows.

    Args:
        summaries: of `rows.SUMMARY`, changed in place.
        at: (N,) which summary each touchpoint adds to.
        batch: The touchpoints; rows: (N,) which of them.
        spec: Outcome types and windows.
    """
    _add_all(summaries, at, _touchpoints(batch, rows, spec))


@compiled
def _add_all(summaries: Records, at: Int64Array, touchpoints: Records) -> None:
    for i in range(len(touchpoints)):
        _add(summaries[at[i]], touchpoints[i])


@compiled
def _add(summary: Any, touchpoint: Any) -> None:
    kind, channel = touchpoint.type_code, touchpoint.channel_code
    summary.last_ms = max(summary.last_ms, touchpoint.event_ms)
    summary.active_days |= touchpoint.day
    if touchpoint.is_outcome:
        summary.last_outcome_ms = max(summary.last_outcome_ms, touchpoint.event_ms)
        summary.outcome_days |= touchpoint.day
    summary.spend_micro += max(touchpoint.amount_micro, 0)
    summary.refund_micro += max(-touchpoint.amount_micro, 0)
    if touchpoint.session_hash:
        summary.session_bits |= np.uint64(1) << (touchpoint.session_hash % np.uint64(64))
    summary.rating_sum += touchpoint.rating
    summary.rating_count += touchpoint.rating > 0
    summary.types[kind] += summary.types[kind] < COUNT_LIMIT
    summary.channels[channel] += summary.channels[channel] < COUNT_LIMIT


@compiled
def _add_to_life(life: Any, summary: Any, touchpoint: Any) -> None:
    """Count a touchpoint that the summary of its window doesn't hold yet."""
    life.first_ms = min(life.first_ms, touchpoint.event_ms)
    life.last_ms = max(life.last_ms, touchpoint.event_ms)
    # As often as the window counts it, so that a life is the sum of its summaries, exactly.
    life.touchpoints += summary.types[touchpoint.type_code] < COUNT_LIMIT
    life.active_days += not summary.active_days & touchpoint.day
    life.spend_micro += max(touchpoint.amount_micro, 0)
    life.refund_micro += max(-touchpoint.amount_micro, 0)
    if touchpoint.is_outcome:
        life.first_outcome_ms = min(life.first_outcome_ms, touchpoint.event_ms)
        life.last_outcome_ms = max(life.last_outcome_ms, touchpoint.event_ms)
        life.outcome_days += not summary.outcome_days & touchpoint.day


@dataclass(frozen=True, slots=True)
class Standing:
    """What was known of N customers at an instant each, all in one window."""

    summary: Records
    """(N,) of `rows.SUMMARY`: the running window up to the instant."""
    life: Records
    """(N,) of `LIFE`: since the first touchpoint, the running window included."""


def as_of_now(slots: Int64Array, window: int, lives: Records, summaries: SummaryPool) -> Standing:
    """Customers as they stand.

    Args:
        slots: (N,) customers.
        window: The running one; nobody has come after it.
        lives: of `rows.CUSTOMER` by slot.
        summaries: Those of the customers.
    """
    known = _blank(len(slots), window)
    _look(lives, summaries.chains.newest, summaries.records, slots, known.summary, known.life)
    return known


def after_each(
    batch: Summable,
    rows: Int64Array,
    slots: Int64Array,
    closed_at: Int64Array,
    window: int,
    *,
    lives: Records,
    summaries: SummaryPool,
    spec: CoreSpec,
) -> Standing:
    """Take touchpoints into their windows and lives, and tell how the customer stood just after each.

    Args:
        batch: The touchpoints; rows: (N,) which of them, in the order in which they count.
        slots: (N,) customers.
        closed_at: (N,) index of the summary that the touchpoint belongs to, if its window is closed; END if it lies in
            the running window, whose summary is its customer's newest.
        window: The running one.
        lives: of `rows.CUSTOMER` by slot, changed in place.
        summaries: Those of the customers, changed in place.
        spec: Outcome types and windows.
    """
    known = _blank(len(rows), window)
    touchpoints = _touchpoints(batch, rows, spec)
    newest = summaries.chains.newest
    _take(lives, newest, summaries.records, slots, closed_at, touchpoints, known.summary, known.life)
    return known


def _blank(count: int, window: int) -> Standing:
    summary = np.zeros(count, SUMMARY)
    summary["window"] = window
    return Standing(summary, np.empty(count, LIFE))


@compiled
def _look(
    lives: Records, newest: Links, summaries: Records, slots: Int64Array, summary: Records, life: Records
) -> None:
    for i in range(len(slots)):
        at = newest[slots[i]]
        if at != END and summaries[at].window == summary[i].window:
            summary[i] = summaries[at]
        _note(life[i], lives[slots[i]])


@compiled
def _take(
    lives: Records,
    newest: Links,
    summaries: Records,
    slots: Int64Array,
    closed_at: Int64Array,
    touchpoints: Records,
    summary: Records,
    life: Records,
) -> None:
    for i in range(len(slots)):
        at = newest[slots[i]]
        own = summaries[at if closed_at[i] == END else closed_at[i]]
        _add_to_life(lives[slots[i]], own, touchpoints[i])
        _add(own, touchpoints[i])
        if summaries[at].window == summary[i].window:
            summary[i] = summaries[at]
        _note(life[i], lives[slots[i]])


@compiled
def _note(known: Any, life: Any) -> None:
    known.first_ms = life.first_ms
    known.first_outcome_ms = life.first_outcome_ms
    known.last_ms = life.last_ms
    known.last_outcome_ms = life.last_outcome_ms
    known.touchpoints = life.touchpoints
    known.outcome_days = life.outcome_days
    known.active_days = life.active_days
    known.spend_micro = life.spend_micro
    known.refund_micro = life.refund_micro


def life_sums(summary: Records) -> dict[str, Int64Array]:
    """What each summary contributes to the sums of its customer's life (`rows.add_sums`); (N,) int64 by life field."""
    sums = np.zeros(len(summary), LIFE)
    _sum_up(summary, sums)
    return {name: sums[name] for name in SUM_FIELDS}


@compiled
def _sum_up(summary: Records, sums: Records) -> None:
    for i in range(len(summary)):
        add_sums(sums[i], summary[i], 1)
