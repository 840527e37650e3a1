"""Touchpoints taken out of a history as if they had not happened, and what the scored step then looks like.

Arrives: the running window and the closed ones of M rows. Leaves: features without the touchpoints of one kind in one
band of windows. Knows no model.

What a touchpoint shares with others of its window (active days, sessions, channels, the latest time) goes with the last
of them; outcome days go with the last outcome, and money with the only kinds that bring it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.core.features import Records, step_features
from streamseg.core.grounds import BANDS, BRINGS_REFUND, BRINGS_SPEND, KIND_NAMES, KIND_TYPES, band_of
from streamseg.core.history import ClosedWindows
from streamseg.core.rows import SUMMARY, add_sums, bits_set
from streamseg.core.running import SUM_FIELDS
from streamseg.core.scores import Float32Array
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import Int64Array, WindowSpec
from streamseg.wire.vocabulary import TYPE_CODES, TYPES

_LASTS: Final = ("last_ms", "last_outcome_ms")
HELD: Final = np.dtype([(name, "i8") for name in (*SUM_FIELDS, *_LASTS, "oldest", "newest")])
"""Touchpoints of one kind in one band: how much of each sum of the life goes with them; the latest times in the whole
life once they are gone, 0 = none; the first and the last window that holds any, of no meaning where none does."""
_EMPTY: Final = np.zeros(1, SUMMARY)
_REVIEW: Final = TYPE_CODES["review"]


class Kinds(NamedTuple):
    """What the loops know of kinds and types. They are handed it: kept machine code would keep another file's constants
    when that file changes."""

    has_type: NDArray[np.bool_]
    """(K + 1, types) whether a type belongs to a kind."""
    brings_spend: NDArray[np.bool_]
    """(K + 1,)"""
    brings_refund: NDArray[np.bool_]
    """(K + 1,)"""
    is_outcome: NDArray[np.bool_]
    """(types,)"""


@dataclass(frozen=True, slots=True)
class Contents:
    """What M rows' histories hold, by band (B) and kind (K, and then all kinds together)."""

    running: Records
    """(M,) of `rows.SUMMARY`: the running window up to the instant."""
    life: Records
    """(M,) of `LIFE` at the instant, but for the latest times: they are as of before the first closed window."""
    held: Records
    """(M, B, K + 1) of `HELD`."""
    types: Int64Array
    """(M, B, types) touchpoints by type."""
    kinds: Kinds


def contents_of(window: int, running: Records, closed: ClosedWindows, member: Int64Array, spec: CoreSpec) -> Contents:
    """Sum up the histories of M rows in the running `window`; `member` (M,) finds each row's customer in `closed`."""
    kinds = Kinds(KIND_TYPES, BRINGS_SPEND, BRINGS_REFUND, spec.outcome_by_code)
    life = closed.before[member]
    held = np.zeros((len(running), len(BANDS), len(KIND_NAMES)), HELD)
    for name in _LASTS:
        held[name] = life[name][:, None, None]
    types = np.zeros((len(running), len(BANDS), len(TYPES)), np.int64)
    first = np.searchsorted(closed.who, np.arange(len(closed.before) + 1))
    band = band_of(window - closed.summary["window"])
    _sum_up(running, closed.summary, band, first, member, kinds, life, held, types)
    return Contents(running, life, held, types, kinds)


@compiled
def _sum_up(
    running: Records,
    closed: Records,
    band: Int64Array,
    first: Int64Array,
    member: Int64Array,
    kinds: Kinds,
    life: Records,
    held: Records,
    types: Int64Array,
) -> None:
    """Go through each row's windows from old to new, the running one last."""
    counts = np.empty((2, len(kinds.has_type)), np.int64)
    for row in range(len(running)):
        for at in range(first[member[row]], first[member[row] + 1]):
            _add_window(closed[at], band[at], kinds, counts, held[row], types[row])
            add_sums(life[row], closed[at], 1)
        _add_window(running[row], 0, kinds, counts, held[row], types[row])
        add_sums(life[row], running[row], 1)


@compiled
def _add_window(summary: Any, band: int, kinds: Kinds, counts: Int64Array, held: Records, types: Int64Array) -> None:
    """Take a window into its band; `counts` (2, K + 1), touchpoints and outcomes by kind, is room to count in."""
    counts[:] = 0
    for code, number in enumerate(summary.types):
        if number:
            types[band, code] += number
            for kind in range(len(kinds.has_type)):
                counts[0, kind] += number * kinds.has_type[kind, code]
                counts[1, kind] += number * kinds.has_type[kind, code] * kinds.is_outcome[code]
    active_days, outcome_days = bits_set(summary.active_days), bits_set(summary.outcome_days)
    for kind in range(len(kinds.has_type)):
        own, number = held[band, kind], counts[0, kind]
        if number:
            own.oldest = own.oldest if own.touchpoints else summary.window
            own.newest = summary.window
        own.touchpoints += number
        # "All kinds" is the last one: what it takes is all there is.
        empties, ends_outcomes = number == counts[0, -1], counts[1, kind] == counts[1, -1]
        own.active_days += active_days * empties
        own.outcome_days += outcome_days * ends_outcomes
        own.spend_micro += summary.spend_micro * kinds.brings_spend[kind]
        own.refund_micro += summary.refund_micro * kinds.brings_refund[kind]
        for other in range(len(held)):
            left = held[other, kind]
            if other != band or not empties:
                left.last_ms = max(left.last_ms, summary.last_ms)
            if other != band or not ends_outcomes:
                left.last_outcome_ms = max(left.last_outcome_ms, summary.last_outcome_ms)


def removals_of(contents: Contents) -> tuple[Int64Array, Int64Array, Int64Array]:
    """What may be taken out: all that a band holds and, where that is of several kinds, each in turn.

    Never the whole of a life: a customer who never was is no comparison.

    Returns:
        Rows, bands and kinds, (J,) each, in that order.
    """
    found = np.empty((3, contents.held.size), np.int64)
    row, band, kind = found[:, : _list_removals(contents.held, contents.life, found)]
    return row, band, kind


@compiled
def _list_removals(held: Records, life: Records, found: Int64Array) -> int:
    count, every = 0, held.shape[2] - 1
    for row in range(held.shape[0]):
        for band in range(held.shape[1]):
            for kind in range(held.shape[2]):
                goes = held[row, band, kind].touchpoints
                is_part = kind == every or goes < held[row, band, every].touchpoints
                if goes and is_part and goes < life[row].touchpoints:
                    found[0, count], found[1, count], found[2, count] = row, band, kind
                    count += 1
    return count


def features_without(
    contents: Contents, row: Int64Array, band: Int64Array, kind: Int64Array, instant_ms: Int64Array, spec: WindowSpec
) -> Float32Array:
    """Describe the running window again, once for each of J removals.

    Args:
        contents: Of M rows.
        row, band, kind: (J,) whose touchpoints are gone, of which band and which kind.
        instant_ms: (M,) when the rows were scored.
        spec: The windows.

    Returns:
        (J, F) features.
    """
    running, life = contents.running.take(row), contents.life.take(row)
    _take_away(contents.held, row, band, kind, contents.kinds, _EMPTY, running, life)
    return step_features(running, life, instant_ms[row], spec)


@compiled
def _take_away(
    held: Records,
    row: Int64Array,
    band: Int64Array,
    kind: Int64Array,
    kinds: Kinds,
    empty: Records,
    running: Records,
    life: Records,
) -> None:
    """`running` and `life`, (J,) of the rows, change in place; `empty` (1,) is a window without a touchpoint."""
    for at in range(len(row)):
        gone, rest = held[row[at], band[at], kind[at]], life[at]
        rest.touchpoints -= gone.touchpoints
        rest.outcome_days -= gone.outcome_days
        rest.active_days -= gone.active_days
        rest.spend_micro -= gone.spend_micro
        rest.refund_micro -= gone.refund_micro
        rest.last_ms, rest.last_outcome_ms = gone.last_ms, gone.last_outcome_ms
        if band[at] == 0 and _cut(running[at], kind[at], kinds):
            window = running[at].window
            running[at] = empty[0]
            running[at].window = window


@compiled
def _cut(summary: Any, kind: int, kinds: Kinds) -> bool:
    """Take the touchpoints of a kind out of a window; True if no other is left."""
    left, outcomes = 0, 0
    for code in range(len(kinds.is_outcome)):
        if kinds.has_type[kind, code]:
            summary.types[code] = 0
        left += summary.types[code]
        outcomes += summary.types[code] * kinds.is_outcome[code]
    if not outcomes:
        summary.outcome_days = summary.last_outcome_ms = 0
    if kinds.brings_spend[kind]:
        summary.spend_micro = 0
    if kinds.brings_refund[kind]:
        summary.refund_micro = 0
    if kinds.has_type[kind, _REVIEW]:
        summary.rating_sum = summary.rating_count = 0
    return left == 0
