"""The outputs as they become visible, for people and for demos: follows the output topics without a group.

Arrives: committed records only. Leaves: each decoded, and a line that a person can read. It refuses to keep a position:
who needs every output once reads the topics in a consumer group of its own.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiokafka import TopicPartition

from streamseg.errors import ConfigError
from streamseg.kafka.client import KafkaAccess, open_reader
from streamseg.wire.topics import CHURN_ALERTS, CUSTOMER_PROFILES, SEGMENT_CHANGES

OUTPUTS: Final = (SEGMENT_CHANGES, CHURN_ALERTS, CUSTOMER_PROFILES)


@dataclass(frozen=True, slots=True)
class Seen:
    """One committed output."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    """When it was written, milliseconds UTC."""
    key: bytes | None
    value: dict[str, Any] | None
    """Its fields (see `wire.outputs`); None is a tombstone: the customer has no profile any more."""


async def watch(
    access: KafkaAccess, *, topics: Sequence[str] = OUTPUTS, from_beginning: bool = False, quiet_ms: int = 500
) -> AsyncGenerator[Seen | None, None]:
    """Follow the output topics for as long as the caller iterates; leave it by `contextlib.aclosing`.

    Args:
        access: Where the brokers are.
        topics: What to follow.
        from_beginning: Start with the oldest output that is kept; else with the first after now.
        quiet_ms: How long to wait for the next output.

    Yields:
        Outputs, in order within a partition; None whenever `quiet_ms` went by without one, so that a caller can
        redraw or stop.

    Raises:
        ConfigError: If a topic doesn't exist.
    """
    async with open_reader(access) as consumer:
        partitions = [where for topic in topics for where in await _partitions(consumer, topic, access)]
        consumer.assign(partitions)
        await (consumer.seek_to_beginning if from_beginning else consumer.seek_to_end)(*partitions)
        while True:
            batches = await consumer.getmany(timeout_ms=quiet_ms)
            for where, records in batches.items():
                for record in records:
                    value = None if record.value is None else orjson.loads(record.value)
                    yield Seen(where.topic, where.partition, record.offset, record.timestamp, record.key, value)
            if not batches:
                yield None


async def _partitions(consumer: Any, topic: str, access: KafkaAccess) -> list[TopicPartition]:
    # A group-less consumer knows no topic before it's assigned one; the public call answers from what it knows.
    found = await consumer._client._wait_on_metadata(topic) if topic in await consumer.topics() else None
    if not found:
        raise ConfigError(
            f"topic {topic!r} doesn't exist on {access.bootstrap_servers}; create it with: streamseg topics create"
        )
    return [TopicPartition(topic, partition) for partition in sorted(found)]


def describe(seen: Seen) -> str:
    """Put an output on one line: when it became true, what happened to whom, and why.

    >>> print(describe(Seen("churn-alerts", 0, 7, 0, b"c-1", {
    ...     "kind": "churn_alert", "customer_id": "c-1", "event_time": "2024-03-05T12:34:56.789Z",
    ...     "segment": "at_risk/bargain", "previous_segment": "cooling/bargain", "score": 0.81,
    ...     "reasons": [{"words": "silent for 41 days"}], "holdout": True})))
    2024-03-05 12:34  churn_alert  c-1  cooling/bargain -> at_risk/bargain  risk 0.81  silent for 41 days  (hold-out)
    """
    value = seen.value
    if value is None:
        return f"{'':16}  forgotten    {(seen.key or b'').decode(errors='replace')}"
    when = str(value["event_time"])[:16].replace("T", " ")
    if seen.topic == CUSTOMER_PROFILES:
        risk, spend = value["churn_probability"], value["expected_value"]
        what, move = "profile", value["segment"] or "-"
        parts = [_number("risk", risk), _number("worth", spend)]
    else:
        what, risk = value["kind"], value["score"]
        move = f"{value['previous_segment'] or '-'} -> {value['segment'] or '-'}"
        parts = [_number("risk", risk), "; ".join(reason["words"] for reason in value["reasons"])]
    parts.append("(hold-out)" if value["holdout"] else "")
    return "  ".join([when, f"{what:11}", value["customer_id"], move, *filter(None, parts)])


def _number(name: str, value: float | None) -> str:
    return "" if value is None else f"{name} {value:.2f}"
