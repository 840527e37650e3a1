"""Who takes a partition over while its last owner still commits goes on exactly where that commit left it.

The narrowest moment of an assignment, made to happen every time: the last owner commits just as the committed offset is
read. After the fence that commit is refused; before it (the wrong order) it would be counted twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamseg.compose import rules
from streamseg.datasets import jsonl
from streamseg.datasets.jsonl import FileRecord
from streamseg.datasets.simulator import Options, simulate
from streamseg.kafka.admin import create_topics
from streamseg.kafka.changelog import changelog_topic, make_changelog
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.identity import identify
from streamseg.kafka.intake import Turns
from streamseg.kafka.partition_agent import AgentRules, Committed, PartitionAgent
from streamseg.kafka.produce import produce
from streamseg.kafka.transaction import PartitionFenced, PartitionTransactions
from streamseg.partition_row import Position
from streamseg.pipeline import Pipeline
from streamseg.settings import Settings
from streamseg.wire.outputs import Output
from tests.faults.verdict import COMPARED, Leaving, committed, compare, leaving
from tests.kafka.broker import Broker
from tests.oracle.fake_scorer import FakeScorer

GROUP = "takeover"
SOURCE = TopicPartition("touchpoints", 0)
RULES = rules(Settings(), live=True)


def touchpoints() -> list[FileRecord]:
    return list(jsonl.records(simulate(Options(seed=3, customers=40, events=2_000, withdraw_share=0.0)).lines()))


def outputs_of_one_owner(records: Sequence[FileRecord]) -> list[Leaving]:
    """What leaves when nobody ever takes over."""
    pipeline = Pipeline(RULES, FakeScorer())
    outputs = list(pipeline.process(records, now_ms=None).outputs)
    while pipeline.backlog:
        outputs += pipeline.sweep(1_000, now_ms=None).outputs
    return [_leaving(output) for output in outputs if output.topic in COMPARED]


def _leaving(output: Output) -> Leaving:
    return leaving(output.topic, (output.key or b"").decode(), json.loads(output.value) if output.value else None)


class LastOwner:
    """The partition's owner so far: it has committed a part, and has the next part ready to be committed."""

    def __init__(self, access: KafkaAccess) -> None:
        self._access = access
        self._pipeline = Pipeline(RULES, FakeScorer())
        self._transactions = PartitionTransactions(
            access, group_id=GROUP, source=SOURCE, changelog=changelog_topic(GROUP)
        )

    async def own(self) -> None:
        await self._transactions.fence()

    async def commit(self, records: Sequence[FileRecord], topic_id: str) -> None:
        position = Position(records[-1].offset + 1, topic_id, 1, records[-1].offset + 1)
        effects = self._pipeline.process(records, now_ms=0, position=position)
        blocks = (*effects.said, *effects.rows)
        await self._transactions.commit(effects.passed_on, blocks, offset=position.next_offset)

    async def leave(self) -> None:
        await self._transactions.close()


async def take_over(bootstrap: str, records: list[FileRecord]) -> bool:
    """Let the last owner commit while the next one reads the offset; True if that commit was refused."""
    access, refused = KafkaAccess(bootstrap), False
    await create_topics(access, partitions=1)
    await make_changelog(access, GROUP, partitions=1)
    await produce(access, records)
    group = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=GROUP, enable_auto_commit=False)
    await group.start()
    topic = await identify(group._client, SOURCE.topic)
    last = LastOwner(access)
    await last.own()
    await last.commit(records[:500], topic.id)

    async def offset_while_the_last_owner_commits(source: TopicPartition) -> int | None:
        nonlocal refused
        offset: int | None = await group.committed(source)
        try:
            await last.commit(records[500:900], topic.id)
        except PartitionFenced:
            refused = True
        return offset

    done = asyncio.Event()

    def tell(committed: Committed) -> None:
        if committed.batch.position.next_offset == len(records) and committed.batch.backlog == 0:
            done.set()

    with ThreadPoolExecutor(max_workers=1) as scoring:
        agent = PartitionAgent(
            access,
            AgentRules(GROUP, changelog_topic(GROUP), wall_clock=False, max_batch_records=300),
            SOURCE,
            new_pipeline=lambda scorer: Pipeline(RULES, scorer),
            model=FakeScorer,
            committed_offset=offset_while_the_last_owner_commits,
            decoding=scoring,
            scoring=scoring,
            turns=Turns(),
            tell=tell,
            restored=lambda seconds: None,
            failed=lambda: None,
        )
        running = asyncio.create_task(agent.run())
        waiting = asyncio.create_task(done.wait())
        ended, _ = await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=240)
        agent.drain()
        waiting.cancel()
        await running
        assert ended, "240 s went by before the new owner had done everything"
    with suppress(PartitionFenced):
        await last.leave()
    await group.stop()
    return refused


@pytest.mark.kafka
def test_a_commit_at_the_moment_of_takeover_is_refused_and_nothing_is_doubled(own_kafka: Broker) -> None:
    records = touchpoints()
    refused = asyncio.run(take_over(own_kafka.bootstrap, records))
    verdict = compare(outputs_of_one_owner(records), committed(own_kafka.bootstrap))
    assert verdict.is_exactly_once, verdict
    assert verdict.expected > 100
    assert refused, "the last owner could still commit when the offset was read: the fence came too late"
