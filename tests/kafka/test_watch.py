"""Who watches sees committed outputs, and nothing of a transaction that was given up."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from streamseg.errors import ConfigError
from streamseg.kafka.admin import create_topics
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.watch import Seen, describe, watch
from streamseg.wire.topics import CHURN_ALERTS, CUSTOMER_PROFILES, SEGMENT_CHANGES
from tests.kafka.broker import Broker


def test_only_what_was_committed_is_seen(real_kafka: Broker) -> None:
    async def publish_and_watch() -> list[tuple[str, object]]:
        access = KafkaAccess(real_kafka.bootstrap)
        await create_topics(access)
        producer = AIOKafkaProducer(bootstrap_servers=real_kafka.bootstrap, transactional_id="watched")
        await producer.start()
        await producer.begin_transaction()
        await producer.send_and_wait(SEGMENT_CHANGES, orjson.dumps({"event_id": "given up"}), b"c1")
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(SEGMENT_CHANGES, orjson.dumps({"event_id": "committed"}), b"c1")
            await producer.send_and_wait(CUSTOMER_PROFILES, None, b"c1")
        await producer.stop()
        seen: list[tuple[str, object]] = []
        async with aclosing(watch(access, from_beginning=True)) as outputs:
            async for output in outputs:
                if output is not None and output.key == b"c1":
                    seen.append((output.topic, output.value))
                if len(seen) == 2:
                    break
        return sorted(seen, key=lambda each: each[0])

    assert asyncio.run(publish_and_watch()) == [
        (CUSTOMER_PROFILES, None),
        (SEGMENT_CHANGES, {"event_id": "committed"}),
    ]


def test_a_missing_topic_is_named_with_its_remedy(real_kafka: Broker) -> None:
    async def follow() -> None:
        async for _ in watch(KafkaAccess(real_kafka.bootstrap), topics=["absent"]):
            return

    with pytest.raises(ConfigError) as refused:
        asyncio.run(follow())
    assert str(refused.value) == (
        f"topic 'absent' doesn't exist on {real_kafka.bootstrap}; create it with: streamseg topics create"
    )


def test_a_forgotten_customer_is_told_on_one_line() -> None:
    line = describe(Seen(CUSTOMER_PROFILES, 0, 1, 0, b"c-1", None))
    assert line == "                  forgotten    c-1"


def test_a_profile_is_told_on_one_line() -> None:
    value = {
        "customer_id": "c-1",
        "event_time": "2024-03-05T12:34:56.789Z",
        "segment": "active/bargain",
        "churn_probability": 0.125,
        "expected_value": 87.2,
        "holdout": False,
    }
    line = describe(Seen(CUSTOMER_PROFILES, 0, 1, 0, b"c-1", value))
    assert line == "2024-03-05 12:34  profile      c-1  active/bargain  risk 0.12  worth 87.20"


def test_an_entry_below_the_data_gate_has_no_risk_to_tell() -> None:
    value: dict[str, Any] = {
        "kind": "entered",
        "customer_id": "c-1",
        "event_time": "2024-03-05T12:34:56.789Z",
        "segment": "new",
        "previous_segment": None,
        "score": None,
        "reasons": [],
        "holdout": False,
    }
    line = describe(Seen(CHURN_ALERTS, 0, 1, 0, b"c-1", value))
    assert line == "2024-03-05 12:34  entered      c-1  - -> new"
