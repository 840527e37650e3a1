"""What each closed window looked like when it closed, rebuilt from the summaries that are kept.

The sums that a customer's life had reached by then are the sums of today less what came since: integers, so exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamseg.core.features import FEATURES, Records, step_features
from streamseg.core.rows import SUMMARY
from streamseg.core.running import LIFE, SUM_FIELDS, life_sums
from streamseg.core.scores import Float32Array
from streamseg.core.summaries import SummaryPool
from streamseg.core.windows import Int64Array, WindowSpec

_LASTS = ("last_ms", "last_outcome_ms")
_FIRSTS = ("first_ms", "first_outcome_ms")
"""A first outcome still to come at some window's end is none there: without a last one it is not read."""


@dataclass(frozen=True, slots=True)
class ClosedWindows:
    """What C customers did in closed windows: R summaries, since windows without a touchpoint have none."""

    who: Int64Array
    """(R,) the customer, 0 to C - 1; sorted, and each customer's summaries from old to new."""
    summary: Records
    """(R,) of `rows.SUMMARY`."""
    before: Records
    """(C,) of `LIFE`, as it stood before the first of these windows began; the first times may lie in one of them."""


def closed_windows(rows: Records, pool: SummaryPool, slots: Int64Array, start: int, stop: int) -> ClosedWindows:
    """Find the windows `start` … `stop` - 1 of some customers.

    Args:
        rows: of `rows.CUSTOMER` by slot; pool: the summaries of those customers.
        slots: (C,) distinct customers.
        start, stop: Closed windows, not before the anchor that older summaries were dropped for.
    """
    life = np.zeros(len(slots), LIFE)
    for name in _FIRSTS:
        life[name] = rows[name][slots]
    for name in SUM_FIELDS:
        life[name] = rows[name][slots]
    for name in _LASTS:
        life[name] = rows[f"base_{name}"][slots]
    walked = [(who, pool.records[at]) for who, at in pool.walk(slots)]
    who = np.concatenate([np.empty(0, np.int64), *(who for who, _ in walked)])
    summary = np.concatenate([np.empty(0, SUMMARY), *(record for _, record in walked)])
    since = summary["window"] >= start
    for name, values in life_sums(summary[since]).items():
        np.subtract.at(life[name], who[since], values)
    for name in _LASTS:
        np.maximum.at(life[name], who[~since], summary[name][~since])
    inside = np.flatnonzero(since & (summary["window"] < stop))
    inside = inside[np.lexsort((summary["window"][inside], who[inside]))]
    return ClosedWindows(who[inside], summary[inside], life)


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
    closed = closed_windows(rows, pool, slots, start, stop)
    shape = (stop - start, len(slots))
    dense = np.zeros(shape, SUMMARY)
    dense[closed.summary["window"] - start, closed.who] = closed.summary
    dense["window"] = np.arange(start, stop)[:, None]
    life = np.empty(shape, LIFE)
    for name in _FIRSTS:
        life[name] = closed.before[name]
    for name, values in life_sums(dense).items():
        life[name] = closed.before[name] + np.cumsum(values, axis=0)
    for name in _LASTS:
        life[name] = np.maximum(closed.before[name], np.maximum.accumulate(dense[name], axis=0))
    end_ms = spec.origin_ms + (dense["window"] + 1) * spec.length_ms
    # A row of features depends on its own inputs only, so all windows may be described in one call.
    return step_features(dense.ravel(), life.ravel(), end_ms.ravel(), spec).reshape(*shape, len(FEATURES))
