"""Topics of one test's own on the shared broker, and what stands on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aiokafka import TopicPartition

from streamseg.kafka.admin import create_topics
from streamseg.kafka.client import KafkaAccess, open_reader, written_ends
from streamseg.kafka.transaction import PartitionTransactions
from streamseg.wire.blocks import Block, block_of
from streamseg.wire.model_decisions import Why
from streamseg.wire.topics import CHANGELOG, MODELS, SEGMENT_CHANGES, TOPICS, TOUCHPOINTS

WHY = Why("operator", 1_700_000_000_000, ("a test",))
NAMES = {"input": TOUCHPOINTS, "outputs": SEGMENT_CHANGES, "changelog": CHANGELOG, "models": MODELS}


def rows(told: Sequence[tuple[bytes, bytes | None]]) -> Block:
    """Rows of the changelog, as they are committed."""
    return block_of(CHANGELOG, told)


def told(block: Block) -> dict[bytes, bytes | None]:
    """Values by key."""
    return {row.key: row.value for row in block if row.key is not None}


@dataclass(frozen=True, slots=True)
class Room:
    """Names that no other test uses."""

    access: KafkaAccess
    name: str

    @classmethod
    def named(cls, bootstrap: str, name: str) -> Room:
        """Make nothing yet."""
        return cls(KafkaAccess(bootstrap), name)

    @classmethod
    async def made(cls, bootstrap: str, name: str) -> Room:
        """Make the topics."""
        room = cls.named(bootstrap, name)
        declared = {topic.name: topic for topic in TOPICS}
        await create_topics(
            room.access, topics=[replace(declared[logical], name=room.topic(role)) for role, logical in NAMES.items()]
        )
        return room

    def topic(self, role: str) -> str:
        return f"{self.name}-{role}"

    def source(self, partition: int) -> TopicPartition:
        return TopicPartition(self.topic("input"), partition)

    def changelog(self, partition: int) -> TopicPartition:
        return TopicPartition(self.topic("changelog"), partition)

    def transactions(self, partition: int) -> PartitionTransactions:
        """As another worker would make them, for the same group."""
        return PartitionTransactions(
            self.access,
            group_id=self.name,
            source=self.source(partition),
            changelog=self.topic("changelog"),
            commit_limit_s=20,
        )

    async def committed(self, role: str) -> dict[int, list[tuple[bytes | None, bytes | None]]]:
        """What a reader of committed records finds, by partition."""
        found: dict[int, list[tuple[bytes | None, bytes | None]]] = {}
        where = [TopicPartition(self.topic(role), partition) for partition in range(4)]
        ends = await written_ends(self.access, where)
        async with open_reader(self.access) as consumer:
            consumer.assign(where)
            await consumer.seek_to_beginning(*where)
            while any([await consumer.position(each) < ends[each] for each in where]):
                for each, records in (await consumer.getmany(timeout_ms=200)).items():
                    found.setdefault(each.partition, []).extend((record.key, record.value) for record in records)
        return found
