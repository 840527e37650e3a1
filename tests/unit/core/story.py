"""A stream told by hand, for the examples of the rules: days instead of milliseconds, a dial instead of a model.

Day 0 is a Monday, the start of a window; the boundaries are days 7, 14, 21 and so on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from streamseg.wire import topics
from tests.oracle.dial_scorer import DialScorer
from tests.oracle.partition import Partition
from tests.oracle.reference import Said
from tests.oracle.streams import DAY, MONDAY, Record


def at(day: float) -> int:
    """Milliseconds UTC of a day of the story."""
    return MONDAY + round(day * DAY)


@dataclass(slots=True)
class Story:
    """Says touchpoints to a partition and reads what it answers, without the dead letters and without profiles."""

    partition: Partition
    dial: DialScorer
    _offset: int = 0
    _read: int = 0
    answers: list[Said] = field(default_factory=list)
    """The answers to the latest touchpoint, all of them."""

    def touch(
        self,
        day: float,
        kind: str = "view",
        *,
        ms: int = 0,
        who: str = "ada",
        risk: float | None = None,
        nearest: int | None = None,
        event_id: str | None = None,
        **extra: Any,
    ) -> list[str]:
        """One touchpoint; returns the answers in words, for example ``changed active/quiet > cooling/quiet``."""
        self.turn(risk, nearest)
        touchpoint = {
            "event_id": event_id or f"e{self._offset}",
            "customer_id": who,
            "type": kind,
            "event_time": at(day) + ms,
            **extra,
        }
        self._offset += 1
        record = Record(who.encode(), orjson.dumps(touchpoint), at(day), self._offset)
        self.partition.feed([record])
        return self._new_answers()

    def turn(self, risk: float | None = None, nearest: int | None = None) -> None:
        """What the model says from here on."""
        self.dial.churn = self.dial.churn if risk is None else risk
        if nearest is not None:
            self.dial.distance = tuple(1.0 if k == nearest else 2.0 for k in range(2))

    def scored_customer(self, who: str = "ada") -> None:
        """Three touchpoints over a week, the last on day 7: known well enough, and active at a risk of 0.1."""
        for day in (0.0, 3.0, 7.0):
            self.touch(day, "purchase", who=who, risk=0.1, event_id=f"{who}{day}")

    def someone_else(self, day: float) -> list[str]:
        """Let time pass: a touchpoint of a customer who is nobody's concern. Returns the answers about others."""
        self.touch(day, who="clock")
        return [_words(said) for said in self.answers if said.customer != b"clock" and _is_told(said)]

    def _new_answers(self) -> list[str]:
        self.answers = self.partition.said[self._read :]
        self._read = len(self.partition.said)
        return [_words(said) for said in self.answers if _is_told(said)]

    def clock(self, day: float) -> list[str]:
        """The wall clock of an idle partition reaches a day; returns the answers in words."""
        self.partition.advance_clock(at(day))
        return self._new_answers()

    @property
    def counts(self) -> dict[str, int]:
        """What became of the records so far."""
        return self.partition.counts

    def payload(self, kind: str | None = None) -> dict[str, Any]:
        """The first change or alert among the latest answers, or the one of a kind."""
        told = [said.payload for said in self.answers if said.payload is not None and _is_told(said)]
        return next(payload for payload in told if kind in (None, payload["kind"]))

    def payload_of(self, who: str) -> dict[str, Any]:
        """The first change or alert about a customer among the latest answers."""
        about = [said.payload for said in self.answers if said.customer == who.encode() and _is_told(said)]
        return next(payload for payload in about if payload is not None)

    def profiles(self) -> list[dict[str, Any] | None]:
        """The profiles among the latest answers."""
        return [said.payload for said in self.answers if said.topic == topics.CUSTOMER_PROFILES]


def _is_told(said: Said) -> bool:
    return said.topic != topics.CUSTOMER_PROFILES


def _words(said: Said) -> str:
    if said.payload is None or "kind" not in said.payload:
        return said.topic
    kind, before, after = (said.payload[name] for name in ("kind", "previous_segment", "segment"))
    return kind if kind == "churn_alert" else f"{kind} {before or '-'} > {after or '-'}"
