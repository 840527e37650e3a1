"""Where to go on in an input partition: what Kafka says, what our changelog says, and what to do when they differ.

Two memories of one transaction arrive: the group's committed offset and the partition row. An offset leaves, or the
reason for which nobody may go on. Pure: it asks nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiokafka import TopicPartition

from streamseg.errors import ConfigError, InvariantError
from streamseg.kafka.identity import TopicIdentity
from streamseg.partition_row import Position


@dataclass(frozen=True, slots=True)
class Log:
    """The records that the brokers have of a partition now: `earliest` to `end` - 1."""

    earliest: int
    end: int


def start_offset(
    source: TopicPartition,
    *,
    topic: TopicIdentity,
    log: Log,
    committed: int | None,
    remembered: Position | None,
) -> int:
    """Say at which offset to go on.

    Args:
        source: The input partition.
        topic: What the input topic is now.
        log: What the brokers have of it now.
        committed: The group's offset, read after the fence; None = none. A group that was idle for a week loses it, and
            the embedded broker keeps none.
        remembered: Of the restored partition row: where to go on, and the offset that was committed with it or before
            it; None = the changelog is empty.

    Raises:
        ConfigError: Something outside was changed: the topic, its width, its retention, the offset or the changelog.
        InvariantError: The two memories differ in a way that nobody outside could have caused.

    >>> here, topic = TopicPartition("touchpoints", 0), TopicIdentity("", 4)
    >>> start_offset(here, topic=topic, log=Log(7, 9), committed=None, remembered=None)
    7
    """
    where = f"{source.topic}[{source.partition}]"
    if remembered is None:
        if committed is not None:
            raise ConfigError(
                f"{where} has committed offset {committed}, but its changelog is empty: the state is lost. Restore the "
                f"changelog topic, or start anew from the earliest offset under another STREAMSEG_GROUP_ID"
            )
        return log.earliest
    if remembered.partitions != topic.partitions:
        raise ConfigError(
            f"topic {source.topic!r} has {topic.partitions} partitions; the state was made with "
            f"{remembered.partitions}: customers would change partition. Set the topic up again with "
            f"{remembered.partitions} partitions, or start anew under another STREAMSEG_GROUP_ID"
        )
    if remembered.topic_id != topic.id:
        raise ConfigError(
            f"topic {source.topic!r} is not the one that the state was made from (id {topic.id}, expected "
            f"{remembered.topic_id}): it was deleted and created again. Start anew under another STREAMSEG_GROUP_ID"
        )
    told = remembered.told_offset
    if committed is not None and committed > told:
        raise ConfigError(
            f"{where} has committed offset {committed}, its state was committed with {told}: the group's offset was "
            f"moved from outside, or changelog records were lost. Set the offset back to {told}"
        )
    if committed is not None and committed < told:
        raise InvariantError(
            f"{where} has committed offset {committed}, but its state was committed with {told} and holds records up "
            f"to {remembered.next_offset - 1}: going on would count some twice. If somebody set the group's offset "
            f"back, set it to {told}; to process again, start anew under another STREAMSEG_GROUP_ID"
        )
    return in_range(source, remembered.next_offset, log)


def in_range(source: TopicPartition, offset: int, log: Log) -> int:
    """The offset, if the brokers have it or will write it next.

    Raises:
        ConfigError: With the size of the gap: records that were deleted before they were processed, or are gone.
    """
    where = f"{source.topic}[{source.partition}]"
    if offset < log.earliest:
        raise ConfigError(
            f"{where}: the next touchpoint is at offset {offset}, the oldest one left at {log.earliest}: "
            f"{log.earliest - offset} touchpoints were deleted before they were processed. Raise retention.ms; to go "
            f"on without them, start anew under another STREAMSEG_GROUP_ID"
        )
    if offset > log.end:
        raise ConfigError(
            f"{where}: the next touchpoint is at offset {offset}, but the topic ends at {log.end}: "
            f"{offset - log.end} processed touchpoints are gone (data loss on the brokers, or another cluster). Check "
            f"STREAMSEG_KAFKA_BOOTSTRAP_SERVERS"
        )
    return offset
