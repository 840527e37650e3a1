"""Touchpoints reach the partition of their customer, in order, and none is lost on the way."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.partitioner import DefaultPartitioner

from streamseg.errors import ConfigError
from streamseg.kafka.admin import create_topics
from streamseg.kafka.client import KafkaAccess, open_reader
from streamseg.kafka.partitioner import partition_of, partitions_of
from streamseg.kafka.produce import MAX_RECORD_BYTES, produce
from streamseg.wire.spans import joined
from streamseg.wire.topics import TOUCHPOINTS
from tests.kafka.broker import Broker


@dataclass(frozen=True)
class Line:
    key: bytes
    value: bytes


def lines(count: int) -> list[Line]:
    """Touchpoints of 97 customers, with one line in a hundred that has no customer."""
    return [
        Line(b"" if i % 100 == 99 else b"c%d" % (i % 97), orjson.dumps({"event_id": f"e{i}", "pad": "x" * 100}))
        for i in range(count)
    ]


async def everything_on(access: KafkaAccess, topic: str, start: dict[int, int]) -> dict[int, list[tuple[bytes, bytes]]]:
    async with open_reader(access) as consumer:
        partitions = [TopicPartition(topic, partition) for partition in start]
        consumer.assign(partitions)
        for where in partitions:
            consumer.seek(where, start[where.partition])
        ends = await consumer.end_offsets(partitions)
        found: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
        while any([await consumer.position(where) < ends[where] for where in partitions]):
            for where, records in (await consumer.getmany(timeout_ms=500)).items():
                found[where.partition] += [(record.key, record.value) for record in records]
        return found


async def ends_of(access: KafkaAccess, topic: str) -> dict[int, int]:
    async with open_reader(access) as consumer:
        ends = await consumer.end_offsets([TopicPartition(topic, partition) for partition in range(4)])
        return {where.partition: end for where, end in ends.items()}


@pytest.mark.parametrize("rate", [None, 40_000.0])
def test_each_line_arrives_once_in_order_on_the_partition_of_its_customer(kafka: Broker, rate: float | None) -> None:
    sent = lines(20_000)
    told: list[int] = []

    async def there_and_back() -> tuple[int, dict[int, list[tuple[bytes, bytes]]]]:
        access = KafkaAccess(kafka.bootstrap)
        await create_topics(access)
        start = await ends_of(access, TOUCHPOINTS)
        count = await produce(access, sent, rate=rate, progress=told.append)
        return count, await everything_on(access, TOUCHPOINTS, start)

    count, found = asyncio.run(there_and_back())
    expected: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    for line in sent:
        expected[partition_of(line.key, 4)].append((line.key, line.value))
    assert count == told[-1] == len(sent)
    assert told == sorted(told)
    assert found == expected


def test_a_caller_that_does_not_admit_holds_the_publisher_back(kafka: Broker) -> None:
    asked: list[int] = []

    async def third_time_enough(sent: int) -> None:
        asked.append(sent)
        if len(asked) == 3:
            raise asyncio.CancelledError

    async def publish() -> int:
        access = KafkaAccess(kafka.bootstrap)
        await create_topics(access)
        return await produce(access, lines(20_000), admit=third_time_enough)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(publish())
    assert asked == [0, 2_000, 4_000]


def test_a_missing_topic_is_named_with_its_remedy(real_kafka: Broker) -> None:
    with pytest.raises(ConfigError) as refused:
        asyncio.run(produce(KafkaAccess(real_kafka.bootstrap), lines(1), topic="absent"))
    assert str(refused.value) == (
        f"topic 'absent' doesn't exist on {real_kafka.bootstrap}; create it with: streamseg topics create"
    )


def test_a_record_that_no_broker_takes_is_named_before_it_is_sent(kafka: Broker) -> None:
    long = [*lines(2), Line(b"c1", b"x" * MAX_RECORD_BYTES)]

    async def publish() -> None:
        access = KafkaAccess(kafka.bootstrap)
        await create_topics(access)
        await produce(access, long)

    with pytest.raises(ConfigError) as refused:
        asyncio.run(publish())
    assert str(refused.value) == (
        "record 3 has 1000002 bytes; a broker of default size takes at most 1000000; shorten it"
    )


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_rate_that_is_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError) as refused:
        asyncio.run(produce(KafkaAccess("127.0.0.1:1"), [], rate=rate))
    assert str(refused.value) == (
        f"rate is {rate!r} records per second; expected a number above 0, or none for full speed"
    )


@pytest.mark.parametrize("partitions", [1, 4, 7])
def test_customers_are_where_kafkas_default_partitioner_puts_them(partitions: int) -> None:
    keys = [b"", b"a", b"12346", "kundë".encode(), bytes(range(256))]
    by_kafka = [DefaultPartitioner()(key, list(range(partitions)), []) for key in keys]
    assert [partition_of(key, partitions) for key in keys] == by_kafka
    assert partitions_of(joined(keys), partitions).tolist() == by_kafka
