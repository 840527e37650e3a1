"""The windows in which customers did something, each with its summary and the life that it ended with.

Arrives: touchpoints by customer and time. Leaves: one row for each customer and active window, so silence takes no
room: the life at any other instant is the one after the last active window before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamseg.core.columns import ranks, running, running_sums, starts_of
from streamseg.core.features import Records
from streamseg.core.rows import NEVER_MS, SUMMARY
from streamseg.core.running import LIFE, SUM_FIELDS, add_touchpoints, life_sums
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import Int64Array
from streamseg.model.touchpoints import Touchpoints


@dataclass(frozen=True, slots=True)
class ActiveWindows:
    """R rows by customer and window."""

    summary: Records
    """(R,) of `rows.SUMMARY`: all the touchpoints of the window."""
    life: Records
    """(R,) of `running.LIFE`: the customer's life at the end of the window."""
    bounds: Int64Array
    """(C + 1,) customer c has the rows `bounds[c]` ... `bounds[c + 1]` - 1, at least one."""
    first_outcome_ms: Int64Array
    """(C,) time of the customer's first outcome of all; NEVER_MS where there is none."""
    begin: Int64Array
    """(R + 1,) row r sums up the touchpoints `begin[r]` ... `begin[r + 1]` - 1."""
    key: Int64Array
    """(R,) customer and window in one ascending number, so that one search serves all customers."""
    lowest: int
    """The earliest window of all."""
    stride: int
    """Numbers set aside for each customer."""

    def last_before(self, customer: Int64Array, window: Int64Array) -> Int64Array:
        """(N,) the customer's last row before a window; one below `bounds[customer]` where there is none."""
        offset = np.clip(window - self.lowest, 0, self.stride - 1)
        return np.searchsorted(self.key, customer * self.stride + offset) - 1


def find_active_windows(touchpoints: Touchpoints, spec: CoreSpec) -> ActiveWindows:
    """Sum up every customer's every window that has a touchpoint."""
    customer, window = touchpoints.customer, spec.windows.index(touchpoints.event_ms)
    heads = np.flatnonzero(starts_of(customer) | starts_of(window))
    begin = np.append(heads, len(touchpoints))
    summary = sum_up(touchpoints, np.arange(len(touchpoints)), window, heads, spec)
    who, active = customer[heads], window[heads]
    lowest = int(active.min(initial=0))
    # One more than the windows there are: what is asked about may lie behind them all.
    stride = int(active.max(initial=0)) - lowest + 2
    first_outcome_ms = np.full(len(touchpoints.customer_ids), NEVER_MS)
    is_outcome = spec.outcome_by_code[touchpoints.type_code]
    np.minimum.at(first_outcome_ms, customer[is_outcome], touchpoints.event_ms[is_outcome])
    return ActiveWindows(
        summary=summary,
        life=_lives(who, summary, touchpoints, first_outcome_ms),
        first_outcome_ms=first_outcome_ms,
        bounds=np.searchsorted(who, np.arange(len(touchpoints.customer_ids) + 1)),
        begin=begin,
        key=who * stride + (active - lowest),
        lowest=lowest,
        stride=stride,
    )


def sum_up(
    touchpoints: Touchpoints, rows: Int64Array, window: Int64Array, heads: Int64Array, spec: CoreSpec
) -> Records:
    """Sum touchpoints up in groups, to the same records as one after the other would.

    Args:
        touchpoints: All of them; rows: (N,) which ones; window: (N,) the window that each lies in.
        heads: (G,) where each group begins in `rows`, ascending from 0; a group lies in one window.
        spec: Outcome types and windows.

    Returns:
        (G,) of `rows.SUMMARY`.
    """
    result = np.zeros(len(heads), SUMMARY)
    result["window"] = window[heads]
    at = np.repeat(np.arange(len(heads)), np.diff(heads, append=len(rows)))
    add_touchpoints(result, at, touchpoints, rows, spec)
    return result


def _lives(customer: Int64Array, summary: Records, touchpoints: Touchpoints, first_outcome_ms: Int64Array) -> Records:
    """(R,) of `LIFE`: running sums and latest times within each customer.

    The first outcome may lie after the row's window: it is read only where there was an outcome by then.
    """
    starts = starts_of(customer)
    rank = ranks(starts)
    life = np.empty(len(summary), LIFE)
    life["first_ms"] = touchpoints.event_ms[touchpoints.bounds[customer]]
    life["first_outcome_ms"] = first_outcome_ms[customer]
    for name in ("last_ms", "last_outcome_ms"):
        life[name] = running(np.maximum, summary[name], rank)
    sums = life_sums(summary)
    for name in SUM_FIELDS:
        life[name] = running_sums(sums[name], starts)
    return life
