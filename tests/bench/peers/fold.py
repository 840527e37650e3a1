"""One customer as a stream job keeps it: the running week, the life so far, and the features that the network reads.

Arrives: touchpoints, one at a time. Leaves: features of the weeks that a touchpoint closes, and of the running one.
Plain Python; the numbers are those of `core/features.py` for touchpoints in order (tests/unit/bench holds this).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log1p
from typing import NamedTuple
from zlib import crc32

import orjson

from streamseg.core.windows import DAY_MS, MONDAY_MS
from streamseg.wire.vocabulary import CHANNEL_CODES, CHANNELS, MONEY_SIGNS, OTHER_CHANNEL, OTHER_TYPE, TYPE_CODES, TYPES

WEEK_MS = 7 * DAY_MS
SILENT_WEEKS = 52
"""No more weeks are folded at once, however long a customer was away."""
OUTCOMES = ("purchase", "renew")
LOG1P = [log1p(n) for n in range(1_024)]
SESSIONS = [log1p(-64.0 * log1p(-min(n, 63) / 64.0)) for n in range(65)]


class Touch(NamedTuple):
    """One decoded touchpoint."""

    customer_id: str
    event_id: str
    type: str
    channel: int
    event_ms: int
    amount: float
    session_id: str | None
    rating: int


def read(value: bytes) -> Touch | None:
    """Decode a touchpoint; None for what is none."""
    try:
        doc = orjson.loads(value)
        customer_id, event_id, event_ms = doc["customer_id"], doc["event_id"], doc["event_time"]
        if type(customer_id) is not str or type(event_id) is not str or type(event_ms) is not int:
            return None
        return Touch(
            customer_id,
            event_id,
            doc["type"],
            CHANNEL_CODES.get(doc.get("channel"), OTHER_CHANNEL),
            event_ms,
            doc.get("amount", 0.0),
            doc.get("session_id"),
            doc.get("rating", 0),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None


@dataclass(slots=True)
class Customer:
    """The running week and the life so far, which includes it."""

    week: int
    first_ms: int
    types: list[int] = field(default_factory=lambda: [0] * len(TYPES))
    channels: list[int] = field(default_factory=lambda: [0] * len(CHANNELS))
    spend: float = 0.0
    refund: float = 0.0
    session_bits: int = 0
    active_days: int = 0
    """A bitmap by day of the week, as `outcome_days`."""
    outcome_days: int = 0
    rating_sum: int = 0
    ratings: int = 0
    last_ms: int = 0
    first_outcome_ms: int = 0
    """0 = none, as `last_outcome_ms`."""
    last_outcome_ms: int = 0
    touchpoints: int = 0
    all_active_days: int = 0
    all_outcome_days: int = 0
    all_spend: float = 0.0
    all_refund: float = 0.0

    @classmethod
    def met(cls, touch: Touch) -> Customer:
        """A customer at the first touchpoint, which is not yet counted."""
        return cls((touch.event_ms - MONDAY_MS) // WEEK_MS, touch.event_ms)

    def add(self, touch: Touch) -> list[list[float]]:
        """Count a touchpoint in; the features of the weeks that it closes, (closed, F)."""
        closed = []
        week = (touch.event_ms - MONDAY_MS) // WEEK_MS
        self.week = max(self.week, week - SILENT_WEEKS)
        while self.week < week:
            closed.append(self.features(MONDAY_MS + (self.week + 1) * WEEK_MS))
            self._open(self.week + 1)
        self._count(touch)
        return closed

    def _open(self, week: int) -> None:
        self.week = week
        self.types = [0] * len(TYPES)
        self.channels = [0] * len(CHANNELS)
        self.spend = self.refund = 0.0
        self.session_bits = self.active_days = self.outcome_days = self.rating_sum = self.ratings = 0

    def _count(self, touch: Touch) -> None:
        event_ms = touch.event_ms
        day = 1 << (event_ms - MONDAY_MS) % WEEK_MS // DAY_MS
        self.types[TYPE_CODES.get(touch.type, OTHER_TYPE)] += 1
        self.channels[touch.channel] += 1
        self.touchpoints += 1
        self.last_ms = max(self.last_ms, event_ms)
        if not self.active_days & day:
            self.active_days |= day
            self.all_active_days += 1
        if touch.type in OUTCOMES:
            self.first_outcome_ms = self.first_outcome_ms or event_ms
            self.last_outcome_ms = max(self.last_outcome_ms, event_ms)
            if not self.outcome_days & day:
                self.outcome_days |= day
                self.all_outcome_days += 1
        sign = MONEY_SIGNS.get(touch.type, 0)
        if sign > 0:
            self.spend += touch.amount
            self.all_spend += touch.amount
        elif sign < 0:
            self.refund += touch.amount
            self.all_refund += touch.amount
        if touch.session_id:
            self.session_bits |= 1 << crc32(touch.session_id.encode()) % 64
        if touch.rating:
            self.rating_sum += touch.rating
            self.ratings += 1

    def features(self, at_ms: int) -> list[float]:
        """(F,) what the network reads of the running week at an instant in it, or at its end; as `core.features`."""
        age = (at_ms - self.first_ms) / DAY_MS if at_ms > self.first_ms else 0.0
        ever = self.last_outcome_ms > 0
        outcome_age = max(at_ms - self.first_outcome_ms, 0) / DAY_MS if ever else age
        since_outcome = max(at_ms - self.last_outcome_ms, 0) / DAY_MS if ever else age
        days, spend = self.all_outcome_days, self.all_spend
        return [
            *[LOG1P[n] if n < 1_024 else log1p(n) for n in self.types],
            *[LOG1P[n] if n < 1_024 else log1p(n) for n in self.channels],
            log1p(self.spend),
            log1p(self.refund),
            SESSIONS[self.session_bits.bit_count()],
            LOG1P[self.active_days.bit_count()],
            LOG1P[self.outcome_days.bit_count()],
            self.rating_sum / self.ratings - 3.0 if self.ratings else 0.0,
            log1p(self.ratings),
            log1p(age),
            log1p(outcome_age),
            log1p(max(at_ms - self.last_ms, 0) / DAY_MS),
            log1p(since_outcome),
            0.0 if ever else 1.0,
            log1p(self.touchpoints),
            log1p(self.all_active_days),
            log1p(days),
            log1p((days + 0.5) / (age + 30.0) * 30.0),
            log1p(spend),
            log1p(spend / max(days, 1)),
            min(self.all_refund / max(spend, 1e-6), 1.0) if spend > 0 else 0.0,
            (at_ms - MONDAY_MS - self.week * WEEK_MS) / WEEK_MS,
            1.0 if (self.first_ms - MONDAY_MS) // WEEK_MS == self.week else 0.0,
        ]

    @property
    def quiet_since_ms(self) -> int:
        """The latest outcome, or the first touchpoint if there was none."""
        return self.last_outcome_ms or self.first_ms
