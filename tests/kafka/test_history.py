"""What is trained on is what the topic has, each look reads only what is new, and a forgetful topic is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest

from streamseg.agents.history import TopicHistory
from streamseg.datasets import jsonl
from streamseg.datasets.simulator import Options, simulate
from streamseg.errors import ConfigError
from streamseg.kafka.admin import create_topics
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.embedded import embedded_broker
from streamseg.kafka.produce import produce
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.topics import TOPICS, TOUCHPOINTS
from streamseg.wire.touchpoint import DecodeLimits
from tests.kafka.broker import Broker

pytestmark = pytest.mark.kafka


RECORDS = list(jsonl.records(simulate(Options(seed=2, customers=50, events=3_000)).lines()))


def told(batches: Sequence[TouchpointBatch]) -> dict[bytes, list[str]]:
    """Event ids by customer, in their order."""
    found: dict[bytes, list[str]] = {}
    for batch in batches:
        for customer_id, event_id in zip(batch.customer_id, batch.event_id, strict=True):
            found.setdefault(customer_id, []).append(event_id)
    return found


def expected(records: Sequence[jsonl.FileRecord]) -> dict[bytes, list[str]]:
    ids: dict[bytes, list[str]] = {}
    for record in records:
        ids.setdefault(record.key, []).append(orjson.loads(record.value)["event_id"])
    return ids


def test_each_look_reads_what_has_come_since_every_partition_in_its_order() -> None:
    async def story(access: KafkaAccess) -> None:
        history = TopicHistory(access, DecodeLimits(), max_touchpoints=10_000)
        await produce(access, RECORDS[:2_000])
        assert await history.catch_up() == 2_000
        assert await history.catch_up() == 0
        first_ends = dict(history.ends)
        await produce(access, RECORDS[2_000:])
        assert await history.catch_up() == 1_000
        assert told(history.batches) == expected(RECORDS)
        # A training that was cut short goes on with exactly the touchpoints that it had.
        again = TopicHistory(access, DecodeLimits(), max_touchpoints=10_000)
        assert await again.catch_up(first_ends) == 2_000
        assert told(again.batches) == expected(RECORDS[:2_000])
        assert await again.catch_up() == 1_000

    with embedded_broker() as bootstrap:
        asyncio.run(story(KafkaAccess(bootstrap)))


def test_beyond_the_bound_the_oldest_are_dropped_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async def story(access: KafkaAccess) -> None:
        history = TopicHistory(access, DecodeLimits(), max_touchpoints=500)
        await produce(access, RECORDS)
        assert await history.catch_up() == 3_000
        assert told(history.batches) == expected(RECORDS[-500:])
        newest = orjson.loads(RECORDS[-1].value)["event_time"]
        assert (len(history), history.until_ms, history.newer_than(newest - 1)) == (500, newest, 1)

    with embedded_broker() as bootstrap:
        asyncio.run(story(KafkaAccess(bootstrap)))
    assert "3000 touchpoints are more than max_touchpoints (500): those before" in caplog.text


def test_a_topic_that_forgets_within_a_year_is_refused(own_kafka: Broker) -> None:
    access = KafkaAccess(own_kafka.bootstrap)
    declared = next(topic for topic in TOPICS if topic.name == TOUCHPOINTS)
    asyncio.run(create_topics(access, topics=[replace(declared, retention_ms=7 * 86_400_000)]))
    with pytest.raises(ConfigError, match=r"nothing is trained: touchpoints: retention.ms is 604800000, expected"):
        asyncio.run(TopicHistory(access, DecodeLimits(), max_touchpoints=10).catch_up())
