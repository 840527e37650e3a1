"""What is trained on is everything that the topic has, and a topic that forgets too soon is refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson
import pytest

from streamseg.agents.history import read_history
from streamseg.datasets import jsonl
from streamseg.datasets.simulator import Options, simulate
from streamseg.errors import ConfigError
from streamseg.kafka.admin import create_topics
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.embedded import embedded_broker
from streamseg.kafka.produce import produce
from streamseg.wire.topics import TOPICS, TOUCHPOINTS
from streamseg.wire.touchpoint import DecodeLimits
from tests.kafka.broker import Broker

pytestmark = pytest.mark.kafka


def test_every_touchpoint_of_every_partition_is_read_in_its_order() -> None:
    records = list(jsonl.records(simulate(Options(seed=2, customers=50, events=3_000)).lines()))

    async def story(access: KafkaAccess) -> None:
        await produce(access, records)
        batches = await read_history(access, DecodeLimits())
        found: dict[bytes, list[str]] = {}
        for batch in batches:
            for customer_id, event_id in zip(batch.customer_id, batch.event_id, strict=True):
                found.setdefault(customer_id, []).append(event_id)
        expected: dict[bytes, list[str]] = {}
        for record in records:
            expected.setdefault(record.key, []).append(orjson.loads(record.value)["event_id"])
        assert found == expected

    with embedded_broker() as bootstrap:
        asyncio.run(story(KafkaAccess(bootstrap)))


def test_a_topic_that_forgets_within_a_year_is_refused(own_kafka: Broker) -> None:
    access = KafkaAccess(own_kafka.bootstrap)
    declared = next(topic for topic in TOPICS if topic.name == TOUCHPOINTS)
    asyncio.run(create_topics(access, topics=[replace(declared, retention_ms=7 * 86_400_000)]))
    with pytest.raises(ConfigError, match=r"nothing is trained: touchpoints: retention.ms is 604800000, expected"):
        asyncio.run(read_history(access, DecodeLimits()))
