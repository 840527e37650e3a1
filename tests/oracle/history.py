"""What the oracle remembers of one customer: every window since the first touchpoint, and sums over them made anew.

Plain integers and dicts; nothing is carried that could be counted again. Only the last step, from sums to the feature
vector, is the program's own `step_features`, one row a call, since that function is the definition of the numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from streamseg.core.features import step_features
from streamseg.core.rows import CUSTOMER, NEVER_MS, SUMMARY
from streamseg.core.scores import Float32Array
from streamseg.core.windows import WindowSpec
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.vocabulary import CHANNELS, TYPES

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Touch:
    """One decoded touchpoint."""

    customer: bytes
    event_id: str
    event_hash: int
    type: str
    channel: str
    event_ms: int
    amount_micro: int
    session_hash: int
    rating: int
    consent: int
    source: int


def touches(batch: TouchpointBatch) -> list[Touch]:
    """The rows of a batch as objects."""
    return [
        Touch(
            customer=batch.customer_id[i],
            event_id=batch.event_id[i],
            event_hash=int(batch.event_hash[i]),
            type=TYPES[batch.type_code[i]],
            channel=CHANNELS[batch.channel_code[i]],
            event_ms=int(batch.event_ms[i]),
            amount_micro=int(batch.amount_micro[i]),
            session_hash=int(batch.session_hash[i]),
            rating=int(batch.rating[i]),
            consent=int(batch.consent[i]),
            source=int(batch.source[i]),
        )
        for i in range(len(batch))
    ]


@dataclass(slots=True)
class Summary:
    """The touchpoints of one window."""

    types: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TYPES, 0))
    channels: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHANNELS, 0))
    spend_micro: int = 0
    refund_micro: int = 0
    active_days: set[int] = field(default_factory=set)
    outcome_days: set[int] = field(default_factory=set)
    session_bits: set[int] = field(default_factory=set)
    rating_sum: int = 0
    rating_count: int = 0
    last_ms: int = 0
    first_outcome_ms: int = NEVER_MS
    last_outcome_ms: int = 0


@dataclass(slots=True)
class History:
    """All folded touchpoints of one customer."""

    spec: WindowSpec
    outcome_types: frozenset[str]
    windows: dict[int, Summary] = field(default_factory=dict)
    first_ms: int | None = None
    last_ms: int = 0
    _asked: dict[tuple[int, int], Float32Array] = field(default_factory=dict)
    """Answers of `x` since the latest touchpoint."""

    def fold(self, touch: Touch) -> None:
        """Take one touchpoint into the summary of its own window."""
        self._asked.clear()
        window = (touch.event_ms - self.spec.origin_ms) // self.spec.length_ms
        day = (touch.event_ms - self.spec.origin_ms) % self.spec.length_ms // DAY_MS
        summary = self.windows.setdefault(window, Summary())
        summary.types[touch.type] = min(summary.types[touch.type] + 1, 65_535)
        summary.channels[touch.channel] = min(summary.channels[touch.channel] + 1, 65_535)
        summary.spend_micro += max(touch.amount_micro, 0)
        summary.refund_micro += max(-touch.amount_micro, 0)
        summary.active_days.add(day)
        if touch.session_hash:
            summary.session_bits.add(touch.session_hash % 64)
        if touch.rating:
            summary.rating_sum += touch.rating
            summary.rating_count += 1
        summary.last_ms = max(summary.last_ms, touch.event_ms)
        if touch.type in self.outcome_types:
            summary.outcome_days.add(day)
            summary.first_outcome_ms = min(summary.first_outcome_ms, touch.event_ms)
            summary.last_outcome_ms = max(summary.last_outcome_ms, touch.event_ms)
        self.first_ms = touch.event_ms if self.first_ms is None else min(self.first_ms, touch.event_ms)
        self.last_ms = max(self.last_ms, touch.event_ms)

    def forget_answers(self) -> None:
        """Call after changing a summary by hand."""
        self._asked.clear()

    @property
    def count(self) -> int:
        """Touchpoints in the customer's life, each window's as far as it counts them."""
        return sum(sum(summary.types.values()) for summary in self.windows.values())

    @property
    def last_outcome_ms(self) -> int:
        """Time of the latest outcome; 0 if there was none."""
        return max((summary.last_outcome_ms for summary in self.windows.values()), default=0)

    def x(self, window: int, instant_ms: int) -> Float32Array:
        """(1, F) what the network reads of `window` at an instant in it, or at its end."""
        if (window, instant_ms) not in self._asked:
            self._asked[window, instant_ms] = self._x(window, instant_ms)
        return self._asked[window, instant_ms]

    def _x(self, window: int, instant_ms: int) -> Float32Array:
        assert self.first_ms is not None
        past = [self.windows[w] for w in self.windows if w <= window]
        life = (
            self.first_ms,
            min((summary.first_outcome_ms for summary in past), default=NEVER_MS),
            max((summary.last_ms for summary in past), default=0),
            max((summary.last_outcome_ms for summary in past), default=0),
            sum(sum(summary.types.values()) for summary in past),
            sum(len(summary.outcome_days) for summary in past),
            sum(len(summary.active_days) for summary in past),
            sum(summary.spend_micro for summary in past),
            sum(summary.refund_micro for summary in past),
        )
        now = self.windows.get(window, Summary())
        summary = (
            window,
            now.last_ms,
            now.last_outcome_ms,
            now.spend_micro,
            now.refund_micro,
            sum(1 << day for day in now.active_days),
            sum(1 << day for day in now.outcome_days),
            sum(1 << bit for bit in now.session_bits),
            now.rating_sum,
            now.rating_count,
            tuple(now.types.values()),
            tuple(now.channels.values()),
        )
        return _features_of(summary, life, instant_ms, self.spec)


LIFE = ("first_ms", "first_outcome_ms", "last_ms", "last_outcome_ms", "touchpoints", "outcome_days", "active_days")
MONEY = ("spend_micro", "refund_micro")


@lru_cache(maxsize=200_000)
def _features_of(summary: tuple[object, ...], life: tuple[int, ...], instant_ms: int, spec: WindowSpec) -> Float32Array:
    # The same numbers in give the same row out; the memory only saves time (a fold from zero asks again and again).
    names = ("window", "last_ms", "last_outcome_ms", *MONEY, "active_days", "outcome_days", "session_bits")
    one_summary = np.zeros(1, SUMMARY)
    for name, value in zip((*names, "rating_sum", "rating_count", "types", "channels"), summary, strict=True):
        one_summary[0][name] = value
    one_life = np.zeros(1, CUSTOMER)
    for name, number in zip((*LIFE, *MONEY), life, strict=True):
        one_life[0][name] = number
    x = step_features(one_summary, one_life, np.array([instant_ms], np.int64), spec)
    x.setflags(write=False)
    return x
