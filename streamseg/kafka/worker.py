"""One worker: its membership in the consumer group, and an inference agent for each partition that it is given.

Assignments arrive; agents start and drain. The group's consumer reads nothing: it is there to be a member, and each
agent reads with a consumer of its own. It refuses to go on in silence: what an agent can't mend ends the worker.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from mode import Service

from streamseg.errors import InvariantError, TransientError
from streamseg.kafka.changelog import make_changelog
from streamseg.kafka.client import KafkaAccess, stop_within, with_backoff
from streamseg.kafka.identity import identify
from streamseg.kafka.model_feed import NO_MODEL, ModelFeed
from streamseg.kafka.partition_agent import PartitionAgent
from streamseg.kafka.transaction import PartitionFenced
from streamseg.wire.topics import CHURN_ALERTS, CUSTOMER_PROFILES, DEAD_LETTERS, LATE_TOUCHPOINTS, SEGMENT_CHANGES

log = logging.getLogger(__name__)

START_LIMIT_S: Final = 300.0
LOOK_EVERY_S: Final = 1.0
OUTPUTS: Final = (SEGMENT_CHANGES, CHURN_ALERTS, CUSTOMER_PROFILES, DEAD_LETTERS, LATE_TOUCHPOINTS)
"""Must be there before the first record is consumed."""


@dataclass(frozen=True, slots=True)
class Membership:
    """How a worker is a member of its consumer group."""

    group_id: str
    topic: str
    instance_id: str | None
    """Static membership: a worker that returns under this name within the session gets its partitions back, and nobody
    else's move. The price: partitions of a worker that is gone for good wait for the whole session time-out."""
    session_timeout_ms: int = 45_000
    max_poll_interval_ms: int = 300_000
    heartbeat_interval_ms: int = 3_000
    rebalance_timeout_ms: int = 30_000
    """Members get so long to drain when partitions move."""


class Reports(Protocol):
    """Who is told how the worker is: `ops.health.Health`."""

    def waits(self, part: str, reason: str) -> None: ...
    def has(self, part: str) -> None: ...
    def fail(self, reason: str) -> None: ...


class Gauges(Protocol):
    """Who is told which partitions are served: `ops.metrics.Metrics`."""

    def serves(self, partitions: int) -> None: ...
    def revoked(self, partition: int) -> None: ...


class InferenceWorker(Service, ConsumerRebalanceListener):
    """A service of the Faust app's tree.

    Args:
        access, membership: Where Kafka is, and who we are in the group.
        models: The current model; nothing is consumed before there is one.
        new_agent: Makes the agent of a partition; it is given the group's committed offsets to ask.
        health: Told what the worker waits for.
        metrics: Told which partitions are served.
        scoring: The threads of the pipelines; closed with the worker.
        drain_s: So long may transactions in flight take at the end; what takes longer is cut off.
        watchdog_s: Lag and no commit for so long: rejoin the group once; still so: end the worker.
    """

    def __init__(
        self,
        access: KafkaAccess,
        membership: Membership,
        models: ModelFeed,
        *,
        new_agent: Callable[[TopicPartition, AIOKafkaConsumer], PartitionAgent],
        health: Reports,
        metrics: Gauges,
        scoring: Executor,
        drain_s: float,
        watchdog_s: float,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._access, self._membership, self._models = access, membership, models
        self._new_agent, self._health, self._metrics = new_agent, health, metrics
        self._scoring = scoring
        self._drain_s, self._watchdog_s = drain_s, watchdog_s
        self._agents: dict[TopicPartition, tuple[PartitionAgent, asyncio.Task[None]]] = {}
        self._group: AIOKafkaConsumer | None = None
        self._rejoin = asyncio.Event()

    # --- the service --------------------------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Say what is not there yet."""
        self._health.waits("model", NO_MODEL)
        self._health.waits("partitions", "no assignment yet: waiting for the consumer group")

    @Service.task
    async def _follow_models(self) -> None:
        await self._guarded(self._models.run())

    @Service.task
    async def _be_a_member(self) -> None:
        await self._guarded(self._stay_in_group())

    @Service.task
    async def _watch(self) -> None:
        await self._guarded(self._watch_progress())

    async def _guarded(self, work: Any) -> None:
        """Run a part of the worker; its failure is the worker's. (mode would log some errors and restart nothing.)"""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as reason:
            if self.should_stop:
                log.warning("while stopping: %r", reason)
                return
            self._health.fail(str(reason) or repr(reason))
            await self.crash(reason)

    async def on_stop(self) -> None:
        """Drain: finish the transactions in flight, then leave."""
        await self._drain(self._drain_s)
        if (group := self._group) is not None:
            self._group = None
            await stop_within(group, 1.0)
        self._scoring.shutdown(wait=False, cancel_futures=True)

    # --- membership ---------------------------------------------------------------------------------------------------

    async def _stay_in_group(self) -> None:
        await self._models.ready()
        self._health.has("model")
        while not self.should_stop:
            self._rejoin.clear()
            self._group = group = self._consumer()
            try:
                await with_backoff("joining the consumer group", group.start, limit_s=START_LIMIT_S)
                for output in OUTPUTS:
                    await identify(group._client, output)
                topic = await identify(group._client, self._membership.topic)
                await make_changelog(self._access, self._membership.group_id, partitions=topic.partitions)
                group.subscribe([self._membership.topic], listener=self)
                while not self.should_stop and not self._rejoin.is_set():
                    # Nothing is read, all partitions are paused: this call keeps us a member and raises its errors.
                    await group.getmany(timeout_ms=round(LOOK_EVERY_S * 1000))
            except KafkaError as reason:
                raise TransientError(
                    f"membership of the group {self._membership.group_id!r} ended: {reason!r}; each worker "
                    f"needs a STREAMSEG_INSTANCE_ID of its own (here {self._membership.instance_id!r}) and the "
                    f"right to read the group"
                ) from reason
            finally:
                if self._group is group:
                    await self._drain(self._drain_s)
                    await stop_within(group)
                    self._group = None

    def _consumer(self) -> AIOKafkaConsumer:
        member = self._membership
        return AIOKafkaConsumer(
            **self._access.options(),
            group_id=member.group_id,
            group_instance_id=member.instance_id,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            session_timeout_ms=member.session_timeout_ms,
            heartbeat_interval_ms=member.heartbeat_interval_ms,
            max_poll_interval_ms=member.max_poll_interval_ms,
            rebalance_timeout_ms=max(member.rebalance_timeout_ms, member.session_timeout_ms),
        )

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Finish what is in flight before others have the partitions. (aiokafka would drop an error here.)"""
        await self._guarded(self._drain(self._drain_s))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Start an agent for each partition."""
        await self._guarded(self._begin(sorted(assigned)))

    async def _begin(self, assigned: list[TopicPartition]) -> None:
        group = self._group
        if group is None or self.should_stop:
            return
        for source in assigned:
            # The group's consumer shall fetch nothing, nor ask for positions that it does not need.
            group.seek(source, 0)
            group.pause(source)
            agent = self._new_agent(source, group)
            self._agents[source] = agent, asyncio.create_task(self._guarded(self._serve(source, agent)))
        self._metrics.serves(len(assigned))
        self._health.has("partitions")
        log.info("assigned: %s", [source.partition for source in assigned] or "nothing (more workers than partitions)")

    async def _serve(self, source: TopicPartition, agent: PartitionAgent) -> None:
        """Run the agent; after a fence, again if the partition is still ours once the group has had its say."""
        while True:
            try:
                return await agent.run()
            except PartitionFenced as fenced:
                log.warning("%s", fenced)
            # Two heartbeats: a worker that has lost its membership learns it from one of them, and is revoked.
            if await agent.drains_within(2 * self._membership.heartbeat_interval_ms / 1000):
                return
            log.warning("%s[%d] is still ours: starting again from the fence", source.topic, source.partition)

    async def _drain(self, limit_s: float) -> None:
        agents, self._agents = self._agents, {}
        if not agents:
            return
        self._health.waits("partitions", "partitions are moving: waiting for the next assignment")
        for agent, _ in agents.values():
            agent.drain()
        tasks = [task for _, task in agents.values()]
        _, late = await asyncio.wait(tasks, timeout=max(limit_s, 0.1))
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for source in agents:
            self._metrics.revoked(source.partition)
        self._metrics.serves(0)
        log.info("drained %d partitions%s", len(tasks), f", cut off {len(late)}" if late else "")

    # --- progress -----------------------------------------------------------------------------------------------------

    async def _watch_progress(self) -> None:
        """Lag and no progress: rejoin the group once; if that does not help, end the worker."""
        rejoined_at: float | None = None
        while not self.should_stop:
            await asyncio.sleep(LOOK_EVERY_S)
            now = time.monotonic()
            agents = [agent for agent, _ in self._agents.values()]
            restoring = [agent.source.partition for agent in agents if not agent.is_ready]
            if agents and restoring:
                self._health.waits("restore", f"restoring partitions {restoring}")
            else:
                self._health.has("restore")
            stuck = [
                agent
                for agent in agents
                if (agent.lag > 0 or not agent.is_ready) and now - agent.progress_at > self._watchdog_s
            ]
            if not stuck:
                continue
            what = ", ".join(f"{agent.source.topic}[{agent.source.partition}] ({agent.lag} behind)" for agent in stuck)
            if rejoined_at is not None and now - rejoined_at < 4 * self._watchdog_s:
                raise InvariantError(
                    f"no progress for {self._watchdog_s:.0f} s on {what}, also after rejoining the group; ending, for "
                    f"the supervisor to start the worker again"
                )
            log.error("no progress for %.0f s on %s: rejoining the group", self._watchdog_s, what)
            rejoined_at = now
            self._rejoin.set()
