"""What came out, counted: segments with their sizes, the last changes and alerts, and what is not valid.

Arrives: outputs by topic, decoded. Leaves: numbers and short lines for a person. It knows no Kafka.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from streamseg.wire.topics import CHURN_ALERTS, CUSTOMER_PROFILES

SHOWN: Final = 6
"""Changes and alerts that are kept for display, each."""


@dataclass(slots=True)
class Tally:
    """The outputs so far.

    >>> tally = Tally(problem_of=lambda topic, value: None)
    >>> tally.take("segment-changes", {"kind": "entered", "customer_id": "c1", "segment": "new", "reasons": []})
    >>> tally.sizes
    Counter({'new': 1})
    """

    problem_of: Callable[[str, Any], str | None]
    """What is wrong with an output of a topic, in words; None where it is valid."""
    changes: int = 0
    alerts: int = 0
    profiles: int = 0
    invalid: int = 0
    first_problem: str | None = None
    kinds: Counter[str] = field(default_factory=Counter)
    last_changes: deque[str] = field(default_factory=lambda: deque(maxlen=SHOWN))
    last_alerts: deque[str] = field(default_factory=lambda: deque(maxlen=SHOWN))
    _segment_of: dict[str, str] = field(default_factory=dict)

    def take(self, topic: str, output: dict[str, Any] | None) -> None:
        """Count one output; None is a tombstone: somebody withdrew consent and has no profile any more."""
        if output is None:
            return
        problem = self.problem_of(topic, output)
        if problem is not None:
            self.invalid += 1
            self.first_problem = self.first_problem or f"{topic}: {problem}: {output}"
            return
        if topic == CUSTOMER_PROFILES:
            self.profiles += 1
        elif topic == CHURN_ALERTS:
            self.alerts += 1
            self.last_alerts.append(_alert_line(output))
        else:
            self._change(output)

    @property
    def sizes(self) -> Counter[str]:
        """Customers by segment, now."""
        return Counter(self._segment_of.values())

    def _change(self, output: dict[str, Any]) -> None:
        self.changes += 1
        self.kinds[output["kind"]] += 1
        customer, segment = output["customer_id"], output["segment"]
        if segment is None:
            self._segment_of.pop(customer, None)
        else:
            self._segment_of[customer] = segment
        if output["kind"] != "entered":
            self.last_changes.append(_change_line(output))


def _change_line(output: dict[str, Any]) -> str:
    before, after = output["previous_segment"], output["segment"] or "(left)"
    return f"{output['event_time'][:10]}  customer {output['customer_id']}: {before} → {after}{_grounds(output)}"


def _alert_line(output: dict[str, Any]) -> str:
    return (
        f"{output['event_time'][:10]}  customer {output['customer_id']} may be lost: risk {output['score']:.0%} "
        f"within {output['horizon_days']} days{_grounds(output)}"
    )


def _grounds(output: dict[str, Any]) -> str:
    words = [reason["words"] for reason in output["reasons"][:2]]
    return f": {'; '.join(words)}" if words else ""
