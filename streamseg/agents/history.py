"""The touchpoints topic as columns: what a model is trained on, and what its forecasts are compared with.

The topic's address arrives; batches of touchpoints stay here, each partition in its order, and each look reads only
what has come since. It refuses a topic that forgets too soon: a model of what happens to be left knows no seasons.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamseg.errors import ConfigError
from streamseg.kafka.admin import check_topics
from streamseg.kafka.client import KafkaAccess, open_reader
from streamseg.kafka.identity import identify, is_embedded
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.topics import TOPICS, TOUCHPOINTS
from streamseg.wire.touchpoint import DecodeLimits, decode

log = logging.getLogger(__name__)

CHUNK_RECORDS = 20_000


class TopicHistory:
    """Every touchpoint that was read, up to a bound; about 200 bytes of memory each.

    Args:
        access: Where Kafka is.
        limits: As the worker's, so that both learn from and judge the same touchpoints.
        max_touchpoints: Beyond it the oldest by event time are dropped; the log says so.
    """

    def __init__(self, access: KafkaAccess, limits: DecodeLimits, *, max_touchpoints: int) -> None:
        self._access, self._limits, self._most = access, limits, max_touchpoints
        self.batches: list[TouchpointBatch] = []
        self.ends: dict[int, int] = {}
        """By partition, the offset from which the next look goes on."""

    def __len__(self) -> int:
        return sum(map(len, self.batches))

    @property
    def until_ms(self) -> int:
        """Event time of the newest touchpoint; 0 where there is none."""
        return max((int(batch.event_ms.max()) for batch in self.batches), default=0)

    def newer_than(self, event_ms: int) -> int:
        """How many touchpoints are newer."""
        return sum(int((batch.event_ms > event_ms).sum()) for batch in self.batches)

    async def catch_up(self, until: Mapping[int, int] | None = None) -> int:
        """Read what has come since the last look, and return how many touchpoints that was.

        Args:
            until: By partition, where to stop, at most the ends of the topic; None reads all that it has now.

        Raises:
            ConfigError: If the topic is missing, or keeps its records for less than a year and a horizon.
        """
        read = refused = 0
        async with open_reader(self._access) as consumer:
            if not self.ends and not await is_embedded(consumer._client):
                await _refuse_short_retention(self._access)
            width = (await identify(consumer._client, TOUCHPOINTS)).partitions
            for partition in range(width):
                source = TopicPartition(TOUCHPOINTS, partition)
                async for records in self._records(consumer, source, None if until is None else until.get(partition)):
                    decoded = decode(records, limits=self._limits)
                    self.batches.append(decoded.batch)
                    self.ends[partition] = records[-1].offset + 1  # should the next fetch fail, none is read twice
                    read += len(decoded.batch)
                    refused += len(decoded.rejected)
                self.ends[partition] = await consumer.position(source)
        if read or refused:
            log.info("read %d touchpoints, %d can't be read", read, refused)
        self._drop_oldest()
        return read

    async def _records(
        self, consumer: AIOKafkaConsumer, source: TopicPartition, stop: int | None
    ) -> AsyncIterator[list[Any]]:
        """Yield one partition's records in chunks, to `stop` or the end that it has now."""
        consumer.assign([source])
        end = (await consumer.end_offsets([source]))[source]
        if stop is not None:
            end = min(end, stop)
        if source.partition in self.ends:
            consumer.seek(source, self.ends[source.partition])
        else:
            await consumer.seek_to_beginning(source)
        while await consumer.position(source) < end:
            fetched = await consumer.getmany(source, timeout_ms=500, max_records=CHUNK_RECORDS)
            if records := [record for record in fetched.get(source, ()) if record.offset < end]:
                yield records
        consumer.seek(source, max(end, self.ends.get(source.partition, 0)))

    def _drop_oldest(self) -> None:
        excess = len(self) - self._most
        if excess <= 0:
            return
        event_ms = np.concatenate([batch.event_ms for batch in self.batches])
        oldest_ms = int(np.partition(event_ms, excess)[excess])
        kept = [batch.take(np.flatnonzero(batch.event_ms >= oldest_ms)) for batch in self.batches]
        self.batches = [batch for batch in kept if len(batch)]
        log.warning(
            "%d touchpoints are more than max_touchpoints (%d): those before %d ms were dropped, %d are kept",
            len(event_ms),
            self._most,
            oldest_ms,
            len(self),
        )


async def _refuse_short_retention(access: KafkaAccess) -> None:
    topic = next(topic for topic in TOPICS if topic.name == TOUCHPOINTS)
    for difference in await check_topics(access, topics=[topic]):
        if difference.what == "retention.ms":
            raise ConfigError(f"nothing is trained: {difference}")
