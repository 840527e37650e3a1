"""The running window, touchpoint by touchpoint: what was known just after each of a batch's rows, without a loop.

Arrives: each customer's running summary and life before the rows, and the rows. Leaves: both as they stood after each
row; the last of a customer is what the table keeps. Integers and bitmaps only: any cut of the rows gives the same.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from streamseg.core.columns import ranks, running, running_sums, starts_of
from streamseg.core.features import Records
from streamseg.core.rows import COUNT_LIMIT, NEVER_MS, SUMMARY
from streamseg.core.windows import DAY_MS, Int64Array, WindowSpec
from streamseg.wire.batch import UInt64Array
from streamseg.wire.vocabulary import CHANNELS, TYPES

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

_ONE: Final = np.uint64(1)


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


def touchpoint_summaries(
    batch: Summable, rows: Int64Array, window: Int64Array, outcome: NDArray[np.bool_], spec: WindowSpec
) -> Records:
    """One summary a touchpoint: what it adds to its own window.

    Args:
        batch: The touchpoints; rows: (N,) which of them; window: (N,) the window of each.
        outcome: (types,) whether a type is an outcome.
        spec: The windows.

    Returns:
        (N,) of `rows.SUMMARY`.
    """
    one = np.zeros(len(rows), SUMMARY)
    event_ms = batch.event_ms[rows]
    types = batch.type_code[rows]
    is_outcome = outcome[types]
    amount = batch.amount_micro[rows]
    rating = batch.rating[rows]
    session = batch.session_hash[rows]
    day_bit = _ONE << ((event_ms - spec.origin_ms - window * spec.length_ms) // DAY_MS).astype(np.uint64)
    one["window"] = window
    one["last_ms"] = event_ms
    one["last_outcome_ms"] = np.where(is_outcome, event_ms, 0)
    one["spend_micro"] = np.maximum(amount, 0)
    one["refund_micro"] = np.maximum(-amount, 0)
    one["active_days"] = day_bit
    one["outcome_days"] = np.where(is_outcome, day_bit, 0)
    one["session_bits"] = np.where(session != 0, _ONE << (session % np.uint64(64)), 0)
    one["rating_sum"] = rating
    one["rating_count"] = rating > 0
    index = np.arange(len(rows))
    one["types"][index, types] = 1
    one["channels"][index, batch.channel_code[rows]] = 1
    return one


def add_summary(into: Records, one: Records) -> None:
    """Add summaries to others of the same windows, in place; both (N,), rows of `into` distinct."""
    for name in ("spend_micro", "refund_micro", "rating_sum", "rating_count"):
        into[name] += one[name]
    for name in ("active_days", "outcome_days", "session_bits"):
        into[name] |= one[name]
    for name in ("last_ms", "last_outcome_ms"):
        into[name] = np.maximum(into[name], one[name])
    for name in ("types", "channels"):
        into[name] = np.minimum(into[name].astype(np.int64) + one[name], COUNT_LIMIT)


def after_each(slots: Int64Array, one: Records, before: Records) -> Records:
    """The running summary just after each touchpoint.

    Args:
        slots: (N,) sorted, each customer's touchpoints in order.
        one: (N,) what each adds (`touchpoint_summaries`), or zeros for a row that adds to another window.
        before: (N,) the customer's running summary before the first of its rows.

    Returns:
        (N,) of `rows.SUMMARY`.
    """
    starts = starts_of(slots)
    rank = ranks(starts)
    result = before.copy()
    for name in ("spend_micro", "refund_micro", "rating_sum", "rating_count"):
        result[name] += running_sums(one[name], starts)
    for name in ("active_days", "outcome_days", "session_bits"):
        result[name] |= running(np.bitwise_or, one[name], rank)
    for name in ("last_ms", "last_outcome_ms"):
        result[name] = np.maximum(before[name], running(np.maximum, one[name], rank))
    for name, width in (("types", len(TYPES)), ("channels", len(CHANNELS))):
        counts = running_sums(one[name].astype(np.int32).reshape(-1, width), starts)
        result[name] = np.minimum(before[name] + counts, COUNT_LIMIT)
    return result


def life_after_each(
    slots: Int64Array,
    event_ms: Int64Array,
    is_outcome: NDArray[np.bool_],
    life: Records,
    before: Records,
    after: Records,
) -> Records:
    """The customer's life just after each touchpoint.

    Args:
        slots: (N,) sorted; event_ms, is_outcome: (N,) the time of each touchpoint, and whether it is an outcome.
        life: (N,) the customer's life before the first of its rows.
        before, after: (N,) the running summaries before the first row and after each.

    Returns:
        (N,) of `LIFE`.
    """
    rank = ranks(starts_of(slots))
    result = np.empty(len(slots), LIFE)
    result["first_ms"] = np.minimum(life["first_ms"], running(np.minimum, event_ms, rank))
    outcome_ms = np.where(is_outcome, event_ms, NEVER_MS)
    result["first_outcome_ms"] = np.minimum(life["first_outcome_ms"], running(np.minimum, outcome_ms, rank))
    result["last_ms"] = np.maximum(life["last_ms"], running(np.maximum, event_ms, rank))
    result["last_outcome_ms"] = np.maximum(life["last_outcome_ms"], after["last_outcome_ms"])
    have, had = life_sums(after), life_sums(before)
    for name in SUM_FIELDS:
        result[name] = life[name] + (have[name] - had[name])
    return result


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
