"""The two records that the truth about a customer is made of: lifetime with decision state, and window summaries.

Both are numpy structured types, so a table of them is columns to the event path and bytes to the changelog. Money is
fixed-point (1e-6), days are bitmaps, every sum is an integer: order and batch cuts can't change a bit.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from streamseg.compiled import compiled
from streamseg.wire.vocabulary import CHANNELS, TYPES

ROW_VERSION: Final = 6
"""Version of both layouts in changelog rows; a row of another version is refused on restore."""

COUNT_LIMIT: Final = 65_535
"""A window counts at most so many touchpoints of a type or channel (saturating, so order still can't matter)."""

NEVER_MS: Final = np.iinfo(np.int64).max
"""`due_ms` of a customer who is not swept any more."""

SUMMARY: Final = np.dtype(
    [
        ("window", "i8"),
        ("last_ms", "i8"),  # latest event time in the window
        ("last_outcome_ms", "i8"),  # of an outcome type; 0 = none
        ("spend_micro", "i8"),
        ("refund_micro", "i8"),
        ("active_days", "u8"),  # bitmaps by day of the window
        ("outcome_days", "u8"),
        ("session_bits", "u8"),  # linear counting: bit session_hash % 64
        ("rating_sum", "i4"),
        ("rating_count", "i4"),
        ("types", "u2", (len(TYPES),)),
        ("channels", "u2", (len(CHANNELS),)),
    ]
)

CUSTOMER: Final = np.dtype(
    [
        # life, since the first touchpoint; the sums include the running window
        ("first_ms", "i8"),
        ("last_ms", "i8"),
        ("first_outcome_ms", "i8"),  # NEVER_MS = none
        ("last_outcome_ms", "i8"),  # 0 = none
        ("touchpoints", "i8"),
        ("outcome_days", "i8"),
        ("active_days", "i8"),
        ("spend_micro", "i8"),
        ("refund_micro", "i8"),
        # what was known before the oldest summary that is kept
        ("base_last_ms", "i8"),
        ("base_last_outcome_ms", "i8"),
        # admission
        ("accepted", "i8"),  # touchpoints accepted so far: the sequence number of the latest remembered id
        ("withdrawn", "i8"),  # 1 = profiling consent withdrawn
        # decisions; these change only when something is emitted
        ("stage", "i8"),  # index in decide.STAGES
        ("behaviour", "i8"),  # index in the model's behaviours; -1 = none
        ("since_ms", "i8"),  # instant of the latest change of segment
        ("alerted_ms", "i8"),  # instant of the latest alert; -1 = never
        ("published_ms", "i8"),  # instant of the latest profile; -1 = none
        ("published_risk", "f8"),
        ("model_key", "i8"),  # model of the latest persisted assessment; 0 = none
        ("assessed_ms", "i8"),  # instant of the latest touch or emission
        ("due_ms", "i8"),  # the next boundary at which silence is looked at; NEVER_MS = never
    ]
)

BLANK: Final = np.zeros(1, CUSTOMER)[0]
"""A customer of whom nothing is known."""
BLANK["first_ms"] = NEVER_MS
BLANK["first_outcome_ms"] = NEVER_MS
BLANK["behaviour"] = -1
BLANK["alerted_ms"] = -1
BLANK["published_ms"] = -1
BLANK["due_ms"] = NEVER_MS


@compiled
def bits_set(bitmap: np.uint64) -> int:
    """How many days or sessions a bitmap holds (`np.bitwise_count`, which compiled functions lack)."""
    count = 0
    while bitmap:
        bitmap &= bitmap - np.uint64(1)
        count += 1
    return count


@compiled
def add_sums(life: Any, summary: Any, sign: int) -> None:
    """Add what a summary contributes to the sums of its customer's life (sign 1), or take it away again (-1).

    Touchpoints count up to the limit of their window, so that a life is the sum of its summaries, exactly.
    """
    for count in summary.types:
        life.touchpoints += sign * count
    life.outcome_days += sign * bits_set(summary.outcome_days)
    life.active_days += sign * bits_set(summary.active_days)
    life.spend_micro += sign * summary.spend_micro
    life.refund_micro += sign * summary.refund_micro
