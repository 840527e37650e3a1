"""A worker consumes nothing without a model, serves what it is given, and ends itself when nothing moves any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamseg.compose import rules
from streamseg.datasets import jsonl
from streamseg.datasets.simulator import Options, simulate
from streamseg.errors import InvariantError
from streamseg.kafka.admin import create_topics
from streamseg.kafka.changelog import changelog_topic
from streamseg.kafka.intake import Turns
from streamseg.kafka.model_feed import NO_MODEL, ModelFeed
from streamseg.kafka.partition_agent import AgentRules, Committed, PartitionAgent
from streamseg.kafka.produce import produce
from streamseg.kafka.registry import publish
from streamseg.kafka.worker import InferenceWorker, Membership
from streamseg.ops.health import Health
from streamseg.ops.metrics import Metrics
from streamseg.pipeline import Pipeline
from streamseg.settings import Settings
from tests.kafka.broker import Broker
from tests.kafka.room import WHY, Room
from tests.kafka.test_model_feed import a_model

pytestmark = pytest.mark.kafka
RULES = rules(Settings(), live=True)
RECORDS = 300


class Stage:
    """A worker of its own group, in this process, and what it says."""

    def __init__(self, room: Room, watchdog_s: float) -> None:
        self.room, self.health, self.metrics = room, Health(), Metrics()
        self.scoring = ThreadPoolExecutor(max_workers=1)
        self.told: list[Committed] = []
        self.models = ModelFeed(
            room.access,
            windows=RULES.spec.windows,
            horizon_days=RULES.horizon_days,
            prepare=lambda scorer: None,
            loaded=lambda artifact: None,
            missing=lambda reason: self.health.waits("model", reason),
            topic=room.topic("models"),
        )
        self.worker = InferenceWorker(
            room.access,
            Membership(room.name, room.topic("input"), "worker-1", session_timeout_ms=6_000, heartbeat_interval_ms=500),
            self.models,
            new_agent=self._agent,
            health=self.health,
            metrics=self.metrics,
            scoring=self.scoring,
            drain_s=3,
            watchdog_s=watchdog_s,
        )

    def _agent(self, source: TopicPartition, group: AIOKafkaConsumer) -> PartitionAgent:
        return PartitionAgent(
            self.room.access,
            AgentRules(self.room.name, changelog_topic(self.room.name), wall_clock=False),
            source,
            new_pipeline=lambda scorer: Pipeline(RULES, scorer),
            model=self.models.current,
            committed_offset=group.committed,
            decoding=self.scoring,
            scoring=self.scoring,
            turns=Turns(),
            tell=self.told.append,
            restored=lambda seconds: None,
            failed=lambda: None,
        )

    @property
    def received(self) -> int:
        return sum(committed.batch.effects.counts.received for committed in self.told)

    async def published(self) -> None:
        version, data = a_model()
        await publish(self.room.access, version, data, why=WHY, topic=self.room.topic("models"))

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(90):
            while not is_so():
                await asyncio.sleep(0.05)


def play(broker: Broker, name: str, story: Callable[[Stage], Awaitable[None]], *, watchdog_s: float = 60) -> None:
    async def run() -> None:
        room = await Room.made(broker.bootstrap, name)
        await create_topics(room.access)  # the pipeline writes to the topics of the deployment
        shop = simulate(Options(seed=5, customers=30, events=RECORDS)).lines()
        await produce(room.access, jsonl.records(shop), topic=room.topic("input"))
        stage = Stage(room, watchdog_s)
        await stage.worker.start()
        try:
            await story(stage)
        finally:
            await stage.worker.stop()

    asyncio.run(run())


def test_nothing_is_consumed_before_there_is_a_model_and_readiness_says_so(kafka: Broker) -> None:
    async def story(stage: Stage) -> None:
        stage.health.started()
        await stage.until(lambda: NO_MODEL in stage.health.ready.reasons)
        assert not stage.told
        await stage.published()
        await stage.until(lambda: stage.received == RECORDS)
        assert stage.health.ready.ok
        assert stage.metrics.value("streamseg_partitions") == 4

    play(kafka, "no-model-yet", story)


def test_a_worker_whose_partitions_do_not_move_rejoins_and_then_ends_itself(kafka: Broker) -> None:
    async def story(stage: Stage) -> None:
        stuck = Event()
        stage.scoring.submit(stuck.wait)
        try:
            await stage.published()
            await stage.until(lambda: stage.worker.crashed)
            reason = stage.worker.crash_reason
            assert isinstance(reason, InvariantError)
            assert "no progress for 2 s on" in str(reason)
            assert "also after rejoining the group" in str(reason)
            assert not stage.health.live.ok
        finally:
            stuck.set()

    play(kafka, "stuck", story, watchdog_s=2)
