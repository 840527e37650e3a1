"""What a partition's table is rebuilt from: its changelog partition, read to the end that the fence has fixed.

A changelog partition arrives; the last value of every key leaves, and what the partition row says about the input is
compared with what Kafka says. It refuses to know what is in a row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from aiokafka import TopicPartition

from streamseg.core.latest import Latest
from streamseg.errors import ConfigError, TransientError
from streamseg.kafka.admin import create_topics
from streamseg.kafka.client import KafkaAccess, log_of, open_reader
from streamseg.kafka.fetch import Fetch
from streamseg.kafka.identity import identify
from streamseg.wire.blocks import Block
from streamseg.wire.topics import CHANGELOG, TOPICS, Topic

STALL_LIMIT_S: Final = 60.0
"""A restore that gets nothing for so long is given up and begun again."""
MOST_AT_ONCE: Final = 100_000
"""Records that are taken before the progress is looked at; some tens of megabytes."""
LOOK_S: Final = 0.2
"""How long a look at the progress waits for a response."""


def changelog_topic(group_id: str) -> str:
    """Name of the changelog of a consumer group: groups share nothing, so each has a topic of its own.

    >>> changelog_topic("streamseg")
    'streamseg-changelog'
    """
    return f"{group_id}-changelog"


def topics_of(group_id: str) -> list[Topic]:
    """All topics of a deployment: those of `wire.topics`, the changelog under its group's name."""
    return [replace(topic, name=changelog_topic(group_id)) if topic.name == CHANGELOG else topic for topic in TOPICS]


async def make_changelog(access: KafkaAccess, group_id: str, *, partitions: int) -> None:
    """Make the group's changelog as wide as its input, unless it is there: it is the workers' own.

    Raises:
        ConfigError: If it is missing and may not be made.
        TransientError: If no broker answers.
    """
    name = changelog_topic(group_id)
    try:
        declared = [topic for topic in topics_of(group_id) if topic.name == name]
        await create_topics(access, partitions=partitions, topics=declared)
    except ConfigError:
        # Without the right to create topics it may still be there, made by an administrator.
        async with open_reader(access) as consumer:
            await identify(consumer._client, name)


def _nobody() -> None:
    """Is told nothing."""


async def restore(access: KafkaAccess, changelog: TopicPartition, *, moved: Callable[[], None] = _nobody) -> Block:
    """Read the changelog partition from its beginning to the end that it has now.

    Call it after the fence: then nothing can be added before its end any more, and all up to it is decided.

    Args:
        access, changelog: What to read.
        moved: Called whenever there was progress.

    Returns:
        The last value of each key; keys whose last value is a tombstone are absent.

    Raises:
        TransientError: If the brokers give nothing for a minute.
    """
    rows = Latest()
    async with open_reader(access) as consumer, aclosing(Fetch.of(consumer, changelog)) as fetch:
        log = await log_of(consumer, changelog)
        fetch.seek(log.earliest)
        loop = asyncio.get_running_loop()
        moved_at, position = loop.time(), fetch.position
        # Not "last offset = end - 1": transaction markers take offsets and are never returned.
        while position < log.end:
            records = await fetch.take(MOST_AT_ONCE, least=1, wait_s=LOOK_S)
            rows.add(*records.keys_and_values())
            before, position = position, fetch.position
            if position > before:
                moved_at = loop.time()
                moved()
            elif loop.time() - moved_at > STALL_LIMIT_S:
                raise TransientError(
                    f"restore of {changelog.topic}[{changelog.partition}] stands at offset {position} of {log.end} for "
                    f"{STALL_LIMIT_S:.0f} s; check that the brokers answer"
                )
    return rows.block()
