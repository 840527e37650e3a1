"""Touchpoints onto the topic: what a publisher does, for the demo, load tests and first trials.

Arrives: keys and values, for example from `datasets.jsonl`. Leaves: the same on the topic, each where Kafka's default
partitioner puts its key; the broker stamps the time. Idempotent, acknowledged by all replicas, not transactional.
It refuses to judge a value: what can't be read as a touchpoint is sent as it is, and the worker says what is wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from time import monotonic
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaProducer

from streamseg.errors import ConfigError
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.partitioner import partition_of
from streamseg.wire.topics import TOUCHPOINTS

SLICE: Final = 2_000
"""Records between two looks at the clock, the event loop and the caller; about 20 ms at full speed."""
TICKS_PER_S: Final = 50
"""With a rate, how often a slice of it leaves."""
BATCH_BYTES: Final = 262_144
"""Bytes of one batch of one partition; four of them are a request that a broker of default size takes."""
MAX_RECORD_BYTES: Final = 1_000_000
"""A record above this is refused by a broker of default size (`max.message.bytes`, less the batch's own header)."""


class Keyed(Protocol):
    """One record to send; `datasets.jsonl.FileRecord` is one."""

    @property
    def key(self) -> bytes:
        """Customer id in UTF-8; empty where the line names none."""
        ...

    @property
    def value(self) -> bytes:
        """The line without its line ending."""
        ...


async def produce(
    access: KafkaAccess,
    records: Iterable[Keyed],
    *,
    rate: float | None = None,
    progress: Callable[[int], None] | None = None,
    admit: Callable[[int], Awaitable[None]] | None = None,
    topic: str = TOUCHPOINTS,
) -> int:
    """Put every record onto the topic, in order within a customer, and return how many the brokers have acknowledged.

    Args:
        access: Where the brokers are.
        records: What to send; taken no faster than it leaves, so it may be a long file that is read on the way.
        rate: Records per second, above 0; None is as fast as the brokers take them.
        progress: Called after each slice with the number of records sent so far.
        admit: Awaited before each slice with that number; a caller that must not run ahead of its readers waits in it.
        topic: Name of the topic.

    Raises:
        ConfigError: If `rate` isn't above 0, the topic doesn't exist, or a value is longer than a broker takes.
        KafkaError: If a batch couldn't be delivered; what was sent before it stays.
    """
    if rate is not None and not rate > 0:
        raise ConfigError(f"rate is {rate!r} records per second; expected a number above 0, or none for full speed")
    producer = AIOKafkaProducer(**access.options(), acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES)
    try:
        await producer.start()
        outlet = _Outlet(producer, topic, len(await _partitions(producer, topic, access.bootstrap_servers)))
        source, size = iter(records), SLICE if rate is None else max(1, min(SLICE, round(rate / TICKS_PER_S)))
        started, sent = monotonic(), 0
        while chunk := list(islice(source, size)):
            if admit is not None:
                await admit(sent)
            await outlet.send(chunk, first=sent + 1)
            sent += len(chunk)
            if rate is not None:
                await outlet.flush()
                await asyncio.sleep(max(0.0, started + sent / rate - monotonic()))
            if progress is not None:
                progress(sent)
        await outlet.flush()
        await outlet.acknowledged()
        return sent
    finally:
        await producer.stop()


async def _partitions(producer: AIOKafkaProducer, topic: str, bootstrap: str) -> set[int]:
    await producer.client.force_metadata_update()
    producer.client.add_topic(topic)
    # On a broker that makes topics on first use, the first answer says "not yet".
    for _ in range(10):
        partitions = producer.client.cluster.partitions_for_topic(topic)
        if partitions:
            return set(partitions)
        await producer.client.force_metadata_update()
        await asyncio.sleep(0.2)
    raise ConfigError(f"topic {topic!r} doesn't exist on {bootstrap}; create it with: streamseg topics create")


class _Outlet:
    """One open batch for each partition. One call of aiokafka's `send` a record is several times slower."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, partitions: int) -> None:
        self._producer, self._topic, self._partitions = producer, topic, partitions
        self._open = [producer.create_batch() for _ in range(partitions)]
        self._unacknowledged: set[asyncio.Future[Any]] = set()

    async def send(self, chunk: list[Keyed], *, first: int) -> None:
        for number, record in enumerate(chunk, first):
            key, value = record.key, record.value
            if len(key) + len(value) > MAX_RECORD_BYTES:
                raise ConfigError(
                    f"record {number} has {len(key) + len(value)} bytes; a broker of default size takes at most "
                    f"{MAX_RECORD_BYTES}; shorten it"
                )
            partition = partition_of(key, self._partitions)
            if self._open[partition].append(timestamp=None, key=key, value=value) is None:
                await self._close(partition)
                self._open[partition].append(timestamp=None, key=key, value=value)
        await asyncio.sleep(0)
        self._raise_failures()

    async def flush(self) -> None:
        for partition, batch in enumerate(self._open):
            if batch.record_count():
                await self._close(partition)

    async def acknowledged(self) -> None:
        if self._unacknowledged:
            await asyncio.wait(self._unacknowledged)
        self._raise_failures()

    async def _close(self, partition: int) -> None:
        batch, self._open[partition] = self._open[partition], self._producer.create_batch()
        batch.close()
        self._unacknowledged.add(await self._producer.send_batch(batch, self._topic, partition=partition))

    def _raise_failures(self) -> None:
        done = {future for future in self._unacknowledged if future.done()}
        self._unacknowledged -= done
        for future in done:
            future.result()
