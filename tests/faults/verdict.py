"""Are the outputs of a run those of the replay? An oracle of its own: librdkafka reads, plain dictionaries compare.

Arrives: what replay wrote, and the committed records of the output topics. Leaves: how many outputs are lost, doubled,
wrong or out of order, counted apart. It shares no code with the worker.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

COMPARED = ("segment-changes", "churn-alerts", "customer-profiles")
RETURNED = ("dead-letters", "late-touchpoints")
"""Topics whose values are the publisher's own bytes: an output there is known by them, since it has no id."""
TOMBSTONE = "tombstone"


@dataclass(frozen=True, slots=True)
class Leaving:
    """One output: where it went, under which key, with which id, and all that it says but when it was processed."""

    topic: str
    key: str
    id: str
    says: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The differences between a run and its replay; all zero is the promise."""

    expected: int
    lost: int
    """Outputs of the replay that the run doesn't have."""
    doubled: int
    """Outputs that the run has more often than the replay."""
    wrong: int
    """Outputs that say something else than in the replay, or that the replay doesn't know at all."""
    disordered: int
    """Customers whose outputs on a topic are those of the replay, in another order."""
    examples: tuple[str, ...] = ()

    @property
    def is_exactly_once(self) -> bool:
        return self.lost == self.doubled == self.wrong == self.disordered == 0


def leaving(topic: str, key: str, value: dict[str, Any] | None) -> Leaving:
    """Make an output comparable."""
    if value is None:
        return Leaving(topic, key, TOMBSTONE, "")
    says = {name: content for name, content in value.items() if name != "processed_time"}
    return Leaving(topic, key, value["event_id"], json.dumps(says, sort_keys=True))


def compare(expected: Iterable[Leaving], found: Iterable[Leaving]) -> Verdict:
    """Count apart what is lost, doubled, wrong and out of order."""
    expected, found = list(expected), list(found)
    wanted, got = _by_identity(expected), _by_identity(found)
    lost = doubled = wrong = 0
    examples: list[str] = []
    for identity in wanted.keys() | got.keys():
        says, said = wanted.get(identity, []), got.get(identity, [])
        if says == said:
            continue
        missing, extra = Counter(says) - Counter(said), Counter(said) - Counter(says)
        known_extra = sum(count for text, count in extra.items() if text in says)
        unknown_extra = extra.total() - known_extra
        doubled += known_extra
        wrong += unknown_extra
        # What is there with other words isn't lost as well.
        lost += max(0, missing.total() - unknown_extra)
        examples.append(f"{identity}: expected {says}, found {said}")
    disordered = 0
    if not examples:
        before, after = _sequences(expected), _sequences(found)
        strayed = [customer for customer in before if before[customer] != after[customer]]
        disordered = len(strayed)
        examples = [f"{customer}: expected {before[customer]}, found {after[customer]}" for customer in strayed]
    return Verdict(len(expected), lost, doubled, wrong, disordered, tuple(sorted(examples)[:5]))


def returned(topic: str, key: bytes, value: bytes) -> Leaving:
    """Make a record comparable that left as it came; what is JSON in the replay's file is compared as JSON."""
    if topic == "late-touchpoints":
        value = json.dumps(json.loads(value)).encode()
    return Leaving(topic, key.decode(errors="backslashreplace"), value.decode(errors="backslashreplace"), "")


def replayed(output: Path) -> list[Leaving]:
    """Read what `streamseg replay` wrote."""
    outputs = []
    with output.open("rb") as lines:
        for line in lines:
            record = json.loads(line)
            topic, key, value = record["topic"], record["key"], record["value"]
            if topic in COMPARED:
                outputs.append(leaving(topic, key, value))
            elif topic in RETURNED:
                outputs.append(returned(topic, _bytes(key), _bytes(value)))
    return outputs


def committed(bootstrap: str) -> list[Leaving]:
    """Read all that is committed on the output topics now."""
    outputs: list[Leaving] = []

    def take(topic: str, key: bytes | None, value: bytes | None) -> None:
        if topic in RETURNED:
            outputs.append(returned(topic, key or b"", value or b""))
        else:
            outputs.append(leaving(topic, (key or b"").decode(), None if value is None else json.loads(value)))

    read_all(bootstrap, (*COMPARED, *RETURNED), take)
    return outputs


def read_all(
    bootstrap: str, topics: Iterable[str], take: Callable[[str, bytes | None, bytes | None], None], limit_s: float = 120
) -> None:
    """Hand every committed record of these topics to `take`, partition by partition in order."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "the-oracle-reads-without-a-group",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
        }
    )
    try:
        metadata = consumer.list_topics(timeout=30).topics
        where = [TopicPartition(topic, partition, 0) for topic in topics for partition in metadata[topic].partitions]
        consumer.assign(where)
        deadline = time.monotonic() + limit_s
        ended: set[tuple[str | None, int | None]] = set()
        while len(ended) < len(where):
            assert time.monotonic() < deadline, f"the output topics could not be read in {limit_s:.0f} s"
            for message in consumer.consume(1_000, timeout=0.5):
                error = message.error()
                if error is None:
                    take(message.topic() or "", _raw(message.key()), _raw(message.value()))
                elif error.name() == "_PARTITION_EOF":
                    ended.add((message.topic(), message.partition()))
                else:
                    raise KafkaException(error)
    finally:
        consumer.close()


def _raw(content: str | bytes | None) -> bytes | None:
    return content.encode() if isinstance(content, str) else content


def _bytes(content: object) -> bytes:
    """The bytes that a line of replay tells as text, as base64 where they are none, or as the JSON that they are."""
    if isinstance(content, dict) and content.keys() == {"base64"}:
        return b64decode(content["base64"])
    return content.encode() if isinstance(content, str) else json.dumps(content).encode()


def _by_identity(outputs: Iterable[Leaving]) -> dict[tuple[str, str, str], list[str]]:
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for output in outputs:
        found[output.topic, output.key, output.id].append(output.says)
    return {identity: sorted(says) for identity, says in found.items()}


def _sequences(outputs: Iterable[Leaving]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for output in outputs:
        found[output.topic, output.key].append(output.id)
    return found
