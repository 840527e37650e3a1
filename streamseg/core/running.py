"""What a touchpoint adds to the summary of its window and to its customer's life, and how both stood just after it.

Arrives: touchpoints, and the truth that they are taken into, one after the other. Leaves: the running window and the life
as of each. Integers and bitmaps only: any cut of the touchpoints into batches gives the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.core.chains import END
from streamseg.core.features import Records
from streamseg.core.rows import COUNT_LIMIT, SUMMARY
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


class _Columns(NamedTuple):
    """The same columns as compiled functions take them, and what a touchpoint's type and time mean."""

    event_ms: Int64Array
    type_code: NDArray[np.uint8]
    channel_code: NDArray[np.uint8]
    amount_micro: Int64Array
    session_hash: UInt64Array
    rating: NDArray[np.int8]
    outcome: NDArray[np.bool_]
    """(types,) whether a type is an outcome."""
    origin_ms: int
    length_ms: int


def _columns(batch: Summable, spec: CoreSpec) -> _Columns:
    return _Columns(
        batch.event_ms,
        batch.type_code,
        batch.channel_code,
        batch.amount_micro,
        batch.session_hash,
        batch.rating,
        spec.outcome_by_code,
        spec.windows.origin_ms,
        spec.windows.length_ms,
    )


def add_touchpoints(summaries: Records, at: Int64Array, batch: Summable, rows: Int64Array, spec: CoreSpec) -> None:
    """Add touchpoints to the summaries of their own windows.

    Args:
        summaries: of `rows.SUMMARY`, changed in place.
        at: (N,) which summary each touchpoint adds to.
        batch: The touchpoints; rows: (N,) which of them.
        spec: Outcome types and windows.
    """
    _add_all(summaries, at, _columns(batch, spec), rows)


@compiled
def _add_all(summaries: Records, at: Int64Array, batch: _Columns, rows: Int64Array) -> None:
    for i in range(len(rows)):
        _add(summaries[at[i]], batch, rows[i])


@compiled
def _add(summary: Any, batch: _Columns, row: int) -> None:
    event_ms, kind, channel = batch.event_ms[row], batch.type_code[row], batch.channel_code[row]
    amount, session, rating = batch.amount_micro[row], batch.session_hash[row], batch.rating[row]
    day = _day(batch, row)
    summary.last_ms = max(summary.last_ms, event_ms)
    summary.active_days |= day
    if batch.outcome[kind]:
        summary.last_outcome_ms = max(summary.last_outcome_ms, event_ms)
        summary.outcome_days |= day
    summary.spend_micro += max(amount, 0)
    summary.refund_micro += max(-amount, 0)
    if session:
        summary.session_bits |= np.uint64(1) << (session % np.uint64(64))
    summary.rating_sum += rating
    summary.rating_count += rating > 0
    summary.types[kind] += summary.types[kind] < COUNT_LIMIT
    summary.channels[channel] += summary.channels[channel] < COUNT_LIMIT


@compiled
def _add_to_life(life: Any, summary: Any, batch: _Columns, row: int) -> None:
    """Count a touchpoint that the summary of its window doesn't hold yet."""
    event_ms, kind, amount = batch.event_ms[row], batch.type_code[row], batch.amount_micro[row]
    day = _day(batch, row)
    life.first_ms = min(life.first_ms, event_ms)
    life.last_ms = max(life.last_ms, event_ms)
    # As often as the window counts it, so that a life is the sum of its summaries, exactly.
    life.touchpoints += summary.types[kind] < COUNT_LIMIT
    life.active_days += not summary.active_days & day
    life.spend_micro += max(amount, 0)
    life.refund_micro += max(-amount, 0)
    if batch.outcome[kind]:
        life.first_outcome_ms = min(life.first_outcome_ms, event_ms)
        life.last_outcome_ms = max(life.last_outcome_ms, event_ms)
        life.outcome_days += not summary.outcome_days & day


@compiled
def _day(batch: _Columns, row: int) -> np.uint64:
    """The bit of the touchpoint's day in its window."""
    return np.uint64(1) << np.uint64((batch.event_ms[row] - batch.origin_ms) % batch.length_ms // DAY_MS)


class _Truth(NamedTuple):
    """What a table knows, as compiled functions take it."""

    lives: Records
    """of `rows.CUSTOMER` by slot."""
    newest: Int64Array
    """Index of each customer's newest summary, by slot; END = none."""
    summaries: Records
    """of `rows.SUMMARY` by index."""


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
    _look(_Truth(lives, summaries.chains.newest, summaries.records), slots, known.summary, known.life)
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
    truth = _Truth(lives, summaries.chains.newest, summaries.records)
    _take(truth, _columns(batch, spec), rows, slots, closed_at, known.summary, known.life)
    return known


def _blank(count: int, window: int) -> Standing:
    summary = np.zeros(count, SUMMARY)
    summary["window"] = window
    return Standing(summary, np.empty(count, LIFE))


@compiled
def _look(truth: _Truth, slots: Int64Array, summary: Records, life: Records) -> None:
    for i in range(len(slots)):
        _note(truth, slots[i], summary, life, i)


@compiled
def _take(
    truth: _Truth,
    batch: _Columns,
    rows: Int64Array,
    slots: Int64Array,
    closed_at: Int64Array,
    summary: Records,
    life: Records,
) -> None:
    for i in range(len(rows)):
        own = truth.summaries[truth.newest[slots[i]] if closed_at[i] == END else closed_at[i]]
        _add_to_life(truth.lives[slots[i]], own, batch, rows[i])
        _add(own, batch, rows[i])
        _note(truth, slots[i], summary, life, i)


@compiled
def _note(truth: _Truth, slot: int, summary: Records, life: Records, i: int) -> None:
    """Write down a customer's running summary, where there is one, and the life."""
    newest = truth.newest[slot]
    if newest != END and truth.summaries[newest].window == summary[i].window:
        summary[i] = truth.summaries[newest]
    known, now = life[i], truth.lives[slot]
    known.first_ms = now.first_ms
    known.first_outcome_ms = now.first_outcome_ms
    known.last_ms = now.last_ms
    known.last_outcome_ms = now.last_outcome_ms
    known.touchpoints = now.touchpoints
    known.outcome_days = now.outcome_days
    known.active_days = now.active_days
    known.spend_micro = now.spend_micro
    known.refund_micro = now.refund_micro


def life_sums(summary: Records) -> dict[str, Int64Array]:
    """What each summary contributes to the sums of its customer's life; (N,) int64 by life field.

    Touchpoints count up to the limit of their window, so that a life is the sum of its summaries, exactly.
    """
    return {
        "touchpoints": summary["types"].sum(axis=-1, dtype=np.int64),
        "outcome_days": np.bitwise_count(summary["outcome_days"]).astype(np.int64),
        "active_days": np.bitwise_count(summary["active_days"]).astype(np.int64),
        "spend_micro": summary["spend_micro"].copy(),
        "refund_micro": summary["refund_micro"].copy(),
    }
