"""The whole touchpoints topic as columns: what a model is trained on.

The topic's address arrives; batches of touchpoints leave, each partition in its order, up to the end that it had when
the reading began. It refuses a topic that forgets too soon: a model of what happens to be left knows no seasons.
"""

from __future__ import annotations

import logging
from typing import Any

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


async def read_history(access: KafkaAccess, limits: DecodeLimits) -> list[TouchpointBatch]:
    """Read every touchpoint that the topic has now.

    Args:
        access: Where Kafka is.
        limits: As the worker's, so that both learn from and judge the same touchpoints.

    Raises:
        ConfigError: If the topic is missing, or keeps its records for less than a year and a horizon.
    """
    async with open_reader(access) as consumer:
        if not await is_embedded(consumer._client):
            await _refuse_short_retention(access)
        width = (await identify(consumer._client, TOUCHPOINTS)).partitions
        batches: list[TouchpointBatch] = []
        refused = 0
        for source in (TopicPartition(TOUCHPOINTS, partition) for partition in range(width)):
            async for records in _records(consumer, source):
                decoded = decode(records, limits=limits)
                batches.append(decoded.batch)
                refused += len(decoded.rejected)
    log.info("read %d touchpoints, %d can't be read", sum(map(len, batches)), refused)
    return batches


async def _records(consumer: AIOKafkaConsumer, source: TopicPartition) -> Any:
    """Yield one partition's records in chunks, to the end that it has now."""
    consumer.assign([source])
    end = (await consumer.end_offsets([source]))[source]
    await consumer.seek_to_beginning(source)
    while await consumer.position(source) < end:
        fetched = await consumer.getmany(source, timeout_ms=500, max_records=CHUNK_RECORDS)
        if records := [record for record in fetched.get(source, ()) if record.offset < end]:
            yield records


async def _refuse_short_retention(access: KafkaAccess) -> None:
    topic = next(topic for topic in TOPICS if topic.name == TOUCHPOINTS)
    for difference in await check_topics(access, topics=[topic]):
        if difference.what == "retention.ms":
            raise ConfigError(f"nothing is trained: {difference}")
