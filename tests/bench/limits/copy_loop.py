"""The bare transactional loop: consume, write as many records of the same size as the worker does, commit; no work.

What leaves is counted beforehand (`facts.py`). As in the worker each partition has a consumer and a transactional
producer of its own, a transaction takes up to as many touchpoints, and records leave in batches filled by hand. What
leaves is its touchpoint, filled up with blanks or cut: so a reader of outputs sees its event time (latency/).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streamseg.kafka.changelog import changelog_topic
from streamseg.kafka.client import BATCH_BYTES, FETCH_BYTES
from streamseg.wire.topics import CHANGELOG
from tests.bench.facts import Facts, Leaving
from tests.bench.place import Place
from tests.faults.cluster import PARTITIONS


async def copy_all(place: Place) -> None:
    """Go on until the harness ends it."""
    facts = Facts.read(place.facts)
    await asyncio.gather(*(_copy(place, facts, partition) for partition in range(PARTITIONS)))


async def _copy(place: Place, facts: Facts, partition: int) -> None:
    source = TopicPartition("touchpoints", partition)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=place.bootstrap,
        isolation_level="read_committed",
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=place.bootstrap,
        transactional_id=f"{place.group}-{partition}",
        max_batch_size=BATCH_BYTES,
    )
    await consumer.start()
    await producer.start()
    consumer.assign([source])
    consumer.seek(source, 0)
    taken = 0
    while True:
        fetched = await consumer.getmany(source, timeout_ms=200, max_records=place.max_batch)
        records = fetched.get(source, ())
        if not records:
            continue
        before, taken, values = taken, taken + len(records), [record.value for record in records]
        async with producer.transaction():
            await asyncio.gather(
                *(_write(producer, where, one, before, values) for where, one in _where(place, facts, partition))
            )
            await producer.send_offsets_to_transaction({source: records[-1].offset + 1}, place.group)


def _where(place: Place, facts: Facts, partition: int) -> Iterator[tuple[TopicPartition, Leaving]]:
    for one in facts.leaving:
        topic = changelog_topic(place.group) if one.topic == CHANGELOG else one.topic
        yield TopicPartition(topic, partition), one


def copies(one: Leaving, before: int, values: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """As many keys and values as the touchpoints after the first `before` bring about, of the mean size."""
    first, last = round(before * one.per_touchpoint), round((before + len(values)) * one.per_touchpoint)
    for number in range(first, last):
        cause = values[min(max(int(number / one.per_touchpoint) - before, 0), len(values) - 1)]
        yield number.to_bytes(max(one.key_bytes, 8), "big"), cause[: one.value_bytes].ljust(one.value_bytes)


async def _write(
    producer: AIOKafkaProducer, where: TopicPartition, one: Leaving, before: int, values: Sequence[bytes]
) -> None:
    now_ms, deliveries = time.time_ns() // 1_000_000, []
    batch = producer.create_batch()
    for key, value in copies(one, before, values):
        if batch.append(timestamp=now_ms, key=key, value=value) is None:
            deliveries.append(await producer.send_batch(batch, where.topic, partition=where.partition))
            batch = producer.create_batch()
            batch.append(timestamp=now_ms, key=key, value=value)
    if batch.record_count():
        deliveries.append(await producer.send_batch(batch, where.topic, partition=where.partition))
    await asyncio.gather(*deliveries)


if __name__ == "__main__":
    asyncio.run(copy_all(Place.here()))
