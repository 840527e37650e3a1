"""Topics are made as they are declared, and what differs is told with its remedy."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from streamseg.errors import TransientError
from streamseg.kafka.admin import Difference, check_topics, create_topics
from streamseg.kafka.client import KafkaAccess
from streamseg.wire.topics import TOPICS, Topic
from tests.kafka.broker import Broker

DAY_MS = 86_400_000


def renamed(suffix: str) -> tuple[Topic, ...]:
    """The declared topics under names of this test's own: the broker is shared."""
    return tuple(replace(topic, name=f"{topic.name}-{suffix}") for topic in TOPICS)


def test_created_topics_are_as_declared(real_kafka: Broker) -> None:
    access, topics = KafkaAccess(real_kafka.bootstrap), renamed("as-declared")
    outcomes = asyncio.run(create_topics(access, topics=topics))
    assert outcomes == {topic.name: "created" for topic in topics}
    assert asyncio.run(check_topics(access, topics=topics)) == []


def test_creating_topics_twice_leaves_the_first_ones_alone(real_kafka: Broker) -> None:
    access, topics = KafkaAccess(real_kafka.bootstrap), renamed("twice")
    asyncio.run(create_topics(access, partitions=2, topics=topics))
    assert set(asyncio.run(create_topics(access, partitions=6, topics=topics)).values()) == {"exists"}
    assert asyncio.run(check_topics(access, partitions=2, topics=topics)) == []


def test_each_difference_is_told_with_its_remedy(real_kafka: Broker) -> None:
    access = KafkaAccess(real_kafka.bootstrap)
    declared = replace(TOPICS[0], name="differs")
    actual = replace(declared, partitions=3, timestamp_type="CreateTime", cleanup_policy="compact", retention_ms=DAY_MS)
    asyncio.run(create_topics(access, topics=[actual]))
    missing = replace(declared, name="nobody-made-it")
    told = asyncio.run(check_topics(access, topics=[declared, missing]))
    alter = (
        f"kafka-configs.sh --bootstrap-server {real_kafka.bootstrap} --alter --entity-type topics "
        f"--entity-name differs --add-config"
    )
    retention = str(declared.retention_ms)
    assert told == [
        Difference(
            "differs",
            "partitions",
            "3",
            "4",
            "a changed count moves customers away from their state; make the topic anew, "
            "or name this count with --partitions",
        ),
        Difference("differs", "cleanup.policy", "compact", "delete", f"{alter} cleanup.policy=delete"),
        Difference(
            "differs",
            "message.timestamp.type",
            "CreateTime",
            "LogAppendTime",
            f"{alter} message.timestamp.type=LogAppendTime",
        ),
        Difference("differs", "retention.ms", str(DAY_MS), retention, f"{alter} retention.ms={retention}"),
        Difference("nobody-made-it", "topic", "missing", "present", "create it with: streamseg topics create"),
    ]
    assert str(told[0]).startswith("differs: partitions is 3, expected 4; a changed count moves")


def test_a_longer_retention_than_asked_is_no_difference(real_kafka: Broker) -> None:
    access = KafkaAccess(real_kafka.bootstrap)
    declared = replace(TOPICS[0], name="kept-long")
    asyncio.run(create_topics(access, topics=[replace(declared, retention_ms=2 * declared.retention_ms)]))
    assert asyncio.run(check_topics(access, topics=[declared])) == []


def test_a_broker_without_create_topics_shows_them_on_first_use(kafka: Broker) -> None:
    if kafka.is_real:
        from streamseg.kafka.embedded import embedded_broker

        with embedded_broker() as bootstrap:
            outcomes = asyncio.run(create_topics(KafkaAccess(bootstrap)))
    else:
        outcomes = asyncio.run(create_topics(KafkaAccess(kafka.bootstrap)))
    assert outcomes == {topic.name: "appears on first use" for topic in TOPICS}


def test_brokers_that_do_not_answer_are_named() -> None:
    with pytest.raises(TransientError, match=r"^no broker answers at 127\.0\.0\.1:1; check STREAMSEG_KAFKA_BOOTSTRAP"):
        asyncio.run(create_topics(KafkaAccess("127.0.0.1:1")))
