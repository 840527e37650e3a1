"""An agent of one partition goes on where the last one stopped, and stops loudly where it can't."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from streamseg.compose import rules
from streamseg.datasets import jsonl
from streamseg.datasets.jsonl import FileRecord
from streamseg.datasets.simulator import Options, simulate
from streamseg.errors import ConfigError
from streamseg.kafka import partition_agent
from streamseg.kafka.admin import create_topics
from streamseg.kafka.intake import Turns
from streamseg.kafka.partition_agent import AgentRules, Committed, PartitionAgent
from streamseg.kafka.produce import produce
from streamseg.kafka.transaction import PartitionFenced
from streamseg.pipeline import Pipeline
from streamseg.settings import Settings
from streamseg.wire.topics import SEGMENT_CHANGES
from tests.kafka.broker import Broker
from tests.kafka.room import Room
from tests.kafka.test_transaction import offset_of
from tests.oracle.fake_scorer import FakeScorer

pytestmark = pytest.mark.kafka
RULES = rules(Settings(), live=True)
BATCH = 100


def touchpoints(count: int) -> list[FileRecord]:
    return list(jsonl.records(simulate(Options(seed=5, customers=30, events=count)).lines()))


async def work(
    room: Room,
    *,
    until: Callable[[list[Committed]], bool],
    model: Callable[[], FakeScorer] | None = None,
    wall_clock: bool = False,
) -> list[Committed]:
    """Run an agent of partition 0 until its transactions are as asked; then drain it."""
    scorer, told, enough = FakeScorer(), [], asyncio.Event()

    def tell(committed: Committed) -> None:
        told.append(committed)
        if until(told):
            enough.set()

    group = AIOKafkaConsumer(**room.access.options(), group_id=room.name, enable_auto_commit=False)
    await group.start()
    with ThreadPoolExecutor(max_workers=1) as scoring:
        agent = PartitionAgent(
            room.access,
            AgentRules(room.name, room.topic("changelog"), wall_clock, max_batch_records=BATCH, idle_after_ms=1),
            room.source(0),
            new_pipeline=lambda scorer: Pipeline(RULES, scorer),
            model=model or (lambda: scorer),
            committed_offset=group.committed,
            decoding=scoring,
            scoring=scoring,
            turns=Turns(),
            tell=tell,
            restored=lambda seconds: None,
            failed=lambda: None,
        )
        running, waiting = asyncio.create_task(agent.run()), asyncio.create_task(enough.wait())
        try:
            await asyncio.wait({running, waiting}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
            agent.drain()
            await running
        finally:
            waiting.cancel()
            await group.stop()
    return told


def received(told: list[Committed]) -> int:
    return sum(committed.batch.effects.counts.received for committed in told)


async def furnished(broker: Broker, name: str, records: list[FileRecord]) -> tuple[Room, int]:
    """A room with touchpoints; how many of them are on partition 0."""
    room = await Room.made(broker.bootstrap, name)
    await create_topics(room.access)  # the pipeline writes to the topics of the deployment
    await produce(room.access, records, topic=room.topic("input"))
    return room, len((await room.committed("input")).get(0, []))


def test_the_successor_takes_the_next_record_and_none_twice(kafka: Broker) -> None:
    async def story() -> None:
        room, there = await furnished(kafka, "successor", touchpoints(2_000))
        first = await work(room, until=lambda told: len(told) == 2)
        stopped_at = first[-1].batch.position.next_offset
        assert BATCH <= received(first) == stopped_at < there
        second = await work(room, until=lambda told: received(told) == there - stopped_at)
        assert received(second) == there - stopped_at
        assert second[0].batch.position.next_offset == stopped_at + second[0].batch.effects.counts.received

    asyncio.run(story())


def test_small_transactions_tell_the_group_first_and_at_rest(
    real_kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_agent, "TELL_EVERY_S", 3_600.0)

    async def story() -> None:
        room, there = await furnished(real_kafka, "told-agent", touchpoints(2_000))
        told = await work(room, until=lambda told: told[-1].batch.position.told_offset == there)
        positions = [committed.batch.position for committed in told]
        first = positions[0].next_offset
        assert [position.told_offset for position in positions] == [first] * (len(told) - 1) + [there]
        assert (positions[-2].next_offset, told[-1].batch.effects.counts.received) == (there, 0)
        mine = room.transactions(0)
        await mine.fence()  # by which the last commit is visible
        assert await offset_of(room, 0) == there
        await mine.close()

    asyncio.run(story())


def test_what_the_group_was_not_told_is_not_processed_again(
    real_kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_agent, "TELL_EVERY_S", 3_600.0)

    async def story() -> None:
        room, there = await furnished(real_kafka, "untold-agent", touchpoints(12_000))
        first = await work(room, until=lambda told: len(told) >= 3)
        done = first[-1].batch.position
        assert done.told_offset < done.next_offset < there
        second = await work(room, until=lambda told: received(told) == there - done.next_offset)
        assert received(second) == there - done.next_offset

    asyncio.run(story())


def test_an_agent_that_is_fenced_ends_and_says_so(real_kafka: Broker) -> None:
    async def story() -> None:
        room, _ = await furnished(real_kafka, "fenced-agent", touchpoints(12_000))
        heir = room.transactions(0)
        loop, fencing = asyncio.get_running_loop(), list[asyncio.Task[None]]()

        def fence_it(told: list[Committed]) -> bool:
            # A fence in the midst of EndTxn leaves its fate unknown, and the agent begins again: the next one ends it.
            if all(task.done() for task in fencing):
                fencing.append(loop.create_task(heir.fence()))
            return False

        with pytest.raises(PartitionFenced, match="was fenced"):
            await work(room, until=fence_it)
        await asyncio.gather(*fencing)
        await heir.close()

    asyncio.run(story())


def test_records_that_were_deleted_unread_stop_the_agent_with_their_number(real_kafka: Broker) -> None:
    async def story() -> None:
        room, there = await furnished(real_kafka, "deleted", touchpoints(2_000))
        done = (await work(room, until=lambda told: len(told) == 1))[-1].batch.position.next_offset
        admin = AIOKafkaAdminClient(**room.access.options())
        await admin.start()
        await admin.delete_records({room.source(0): RecordsToDelete(there)})
        await admin.close()
        with pytest.raises(ConfigError, match=f"oldest one left at {there}: {there - done} touchpoints were deleted"):
            await work(room, until=lambda told: False)

    asyncio.run(story())


def test_a_new_model_serves_from_the_next_batch_on_and_no_batch_is_of_two(kafka: Broker) -> None:
    async def story() -> None:
        room, there = await furnished(kafka, "swapped", touchpoints(2_000))
        old, new = FakeScorer(), FakeScorer(version="fake-b", model_key=202, shift=0.2)
        committed: list[Committed] = []

        def until(told: list[Committed]) -> bool:
            committed[:] = told
            return received(told) == there

        await work(room, until=until, model=lambda: old if len(committed) < 2 else new)
        versions = [models_of(each) for each in committed]
        assert all(len(version) <= 1 for version in versions)
        told = [version.pop() for version in versions if version]
        assert told == sorted(told)
        assert {told[0], told[-1]} == {"fake-a", "fake-b"}

    asyncio.run(story())


def models_of(committed: Committed) -> set[str]:
    """Versions that stand on the changes of one transaction."""
    changes = [output.value for output in committed.batch.effects.outputs if output.topic == SEGMENT_CHANGES]
    versions = {orjson.loads(value)["model_version"] for value in changes if value}
    return versions - {None}


def test_an_idle_partition_moves_with_the_wall_clock_and_finishes_its_sweep(kafka: Broker) -> None:
    async def story() -> None:
        room, there = await furnished(kafka, "idle", touchpoints(500))
        told = await work(
            room,
            wall_clock=True,
            until=lambda told: received(told) == there and told[-1].batch.backlog == 0 and _swept(told) > 0,
        )
        assert told[-1].batch.watermark_ms > max(committed.batch.watermark_ms for committed in told[:1])
        assert told[-1].batch.position.next_offset == there

    asyncio.run(story())


def _swept(told: list[Committed]) -> int:
    return sum(committed.batch.effects.counts.swept for committed in told)
