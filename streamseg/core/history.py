"""What each closed window looked like when it closed, rebuilt from the summaries that are kept.

The sums that a customer's life had reached by then are the sums of today less what came since: integers, so exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from streamseg.compiled import compiled
from streamseg.core.chains import END, Links
from streamseg.core.features import FEATURES, Records, step_features
from streamseg.core.rows import SUMMARY, add_sums
from streamseg.core.running import LIFE
from streamseg.core.scores import Float32Array
from streamseg.core.summaries import SummaryPool
from streamseg.core.windows import Int64Array, WindowSpec


@dataclass(frozen=True, slots=True)
class ClosedWindows:
    """What C customers did in closed windows: R summaries, since windows without a touchpoint have none."""

    who: Int64Array
    """(R,) the customer, 0 to C - 1; sorted, and each customer's summaries from old to new."""
    summary: Records
    """(R,) of `rows.SUMMARY`."""
    before: Records
    """(C,) of `LIFE`, as it stood before the first of these windows began; the first times may lie in one of them.

    A first outcome still to come at some window's end is none there: without a last one it is not read.
    """


def closed_windows(rows: Records, pool: SummaryPool, slots: Int64Array, start: int, stop: int) -> ClosedWindows:
    """Find the windows `start` … `stop` - 1 of some customers.

    Args:
        rows: of `rows.CUSTOMER` by slot; pool: the summaries of those customers.
        slots: (C,) distinct customers.
        start, stop: Closed windows, not before the anchor that older summaries were dropped for.
    """
    who, at, before = _find(rows, pool, slots, np.full(len(slots), start), stop)
    return ClosedWindows(who, pool.records.take(at), before)


def _find(
    rows: Records, pool: SummaryPool, slots: Int64Array, start: Int64Array, stop: int
) -> tuple[Int64Array, Int64Array, Records]:
    """`who`, where in the pool each summary is, and `before`, as in `ClosedWindows`; (C,) `start` may differ."""
    before = np.empty(len(slots), LIFE)
    who, at = np.empty((2, int((stop - start).sum())), np.int64)
    chains = pool.chains
    free = _look_back(rows, slots, chains.newest, chains.older, pool.records, start, stop, who, at, before)
    return who[free:], at[free:], before


@compiled
def _look_back(
    rows: Records,
    slots: Int64Array,
    newest: Links,
    older: Links,
    summaries: Records,
    start: Int64Array,
    stop: int,
    who: Int64Array,
    found: Int64Array,
    before: Records,
) -> int:
    # From the last customer to the first, and from new to old: so what is found stands in order, at the end.
    free = len(found)
    for customer in range(len(slots) - 1, -1, -1):
        life, at = before[customer], newest[slots[customer]]
        _begin(life, rows[slots[customer]])
        while at != END:
            own = summaries[at]
            if own.window < start[customer]:
                life.last_ms = max(life.last_ms, own.last_ms)
                life.last_outcome_ms = max(life.last_outcome_ms, own.last_outcome_ms)
            else:
                add_sums(life, own, -1)
                if own.window < stop:
                    free -= 1
                    who[free], found[free] = customer, at
            at = older[at]
    return free


@compiled
def _begin(life: Any, customer: Any) -> None:
    """A life as it is, but for the last times: those as they were before the oldest summary that is kept."""
    life.first_ms, life.first_outcome_ms = customer.first_ms, customer.first_outcome_ms
    life.last_ms, life.last_outcome_ms = customer.base_last_ms, customer.base_last_outcome_ms
    life.touchpoints, life.outcome_days = customer.touchpoints, customer.outcome_days
    life.active_days = customer.active_days
    life.spend_micro, life.refund_micro = customer.spend_micro, customer.refund_micro


def closed_features(
    rows: Records, pool: SummaryPool, slots: Int64Array, start: int, stop: int, spec: WindowSpec
) -> Float32Array:
    """Describe the windows `start` … `stop` - 1 of each customer as they stood when they closed, silence included.

    Args:
        rows, pool, slots, start, stop: As for `closed_windows`; each customer first seen in window `start` or before.
        spec: The windows.

    Returns:
        (stop - start, C, F) float32.
    """
    x, _ = missed_features(rows, pool, slots, np.full(len(slots), start), stop, spec)
    return x.reshape(stop - start, len(slots), len(FEATURES))


def missed_features(
    rows: Records, pool: SummaryPool, slots: Int64Array, start: Int64Array, stop: int, spec: WindowSpec
) -> tuple[Float32Array, Int64Array]:
    """The same for customers who have missed different numbers of windows.

    Args:
        rows, pool, slots, stop, spec: As for `closed_features`.
        start: (C,) each customer's first window to describe, below `stop`, never falling: who missed most stands first.

    Returns:
        (R, F) float32 and (W,) `joined`, as in `core.scores.Scorer.catch_up`: window by window from the earliest on,
        the customers who missed it.
    """
    windows = np.arange(start.min(initial=stop), stop)
    joined = np.searchsorted(start, windows, side="right")
    who, at, before = _find(rows, pool, slots, start, stop)
    summary, life = np.zeros(joined.sum(), SUMMARY), np.empty(joined.sum(), LIFE)
    summary["window"] = np.repeat(windows, joined)
    _lay_out(who, at, pool.records, before, start, stop, np.cumsum(joined) - joined, summary, life)
    end_ms = spec.origin_ms + (summary["window"] + 1) * spec.length_ms
    # A row of features depends on its own inputs only, so all windows may be described in one call.
    return step_features(summary, life, end_ms, spec), joined


@compiled
def _lay_out(
    who: Int64Array,
    found: Int64Array,
    summaries: Records,
    before: Records,
    start: Int64Array,
    stop: int,
    first: Int64Array,
    summary: Records,
    life: Records,
) -> None:
    """Go through each customer's windows from old to new; `before` becomes the life after the last one.

    `first`: (W,) where each window's rows begin.
    """
    row = 0
    for customer in range(len(before)):
        past = before[customer]
        for window in range(start[customer], stop):
            at = first[window - start[0]] + customer
            if row < len(who) and who[row] == customer and summaries[found[row]].window == window:
                own = summaries[found[row]]
                summary[at] = own
                add_sums(past, own, 1)
                past.last_ms = max(past.last_ms, own.last_ms)
                past.last_outcome_ms = max(past.last_outcome_ms, own.last_outcome_ms)
                row += 1
            life[at] = past
