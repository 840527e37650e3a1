"""The inference agent of one input partition: fence, restore, then batch after batch, exactly once.

Records of one partition arrive; transactions leave. The order is fixed, since every other order loses or doubles:
fence → committed offset → restore to the end of the changelog after the fence → seek → process. It refuses to know
what a touchpoint is (the pipeline's) and who has which partition (the worker's).
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

from aiokafka import TopicPartition

from streamseg.core.scores import Scorer
from streamseg.errors import ConfigError, TransientError
from streamseg.kafka.changelog import restore
from streamseg.kafka.client import KafkaAccess, open_reader, with_backoff
from streamseg.kafka.fetch import Fetch
from streamseg.kafka.identity import identify
from streamseg.kafka.intake import SMALL_BATCH, Intake, Turns
from streamseg.kafka.processed import Batch, decode, let_time_pass, now_ms, process
from streamseg.kafka.resumption import start_offset
from streamseg.kafka.transaction import PartitionFenced, PartitionTransactions
from streamseg.partition_row import Position
from streamseg.pipeline import Pipeline
from streamseg.wire.records import Records

log = logging.getLogger(__name__)
T = TypeVar("T")

START_LIMIT_S: Final = 120.0
"""How long fencing and reading may fail as networks do before the agent says so."""
OFFSET_LOOKS: Final = 10
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
"""Between two attempts after a failure, doubling."""
TELL_EVERY_S: Final = 5.0
"""Small transactions leave the group's offset where it is for so long: the partition row says where to go on, and
telling the group is two of a transaction's five round trips."""
HANDED_OVER_FROM: Final = 256
"""Smaller batches are processed on the event loop: two threads that take turns with it at Python's lock cost a small
batch more than all its work."""


@dataclass(frozen=True, slots=True)
class AgentRules:
    """How an agent works; the same for every partition of a worker."""

    group_id: str
    changelog: str
    """Topic of the changelog; its partition is the input's."""
    wall_clock: bool
    """An idle partition moves with the clock; else time stands still without touchpoints."""
    max_batch_records: int = 16_000
    flush_deadline_ms: int = 50
    """A small batch waits at most so long for more."""
    sweep_slice: int = 2_048
    """Silent customers in one transaction."""
    idle_after_ms: int = 5_000
    """Wall clock only: so long without a record is idle."""
    commit_limit_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Committed:
    """A transaction that stands, for whoever counts."""

    partition: int
    batch: Batch
    now_ms: int
    seconds: float
    """How long the commit took."""
    lag: int
    """Records that the brokers have and that are not yet processed."""


class PartitionAgent:
    """One input partition, from its assignment to its loss.

    Args:
        access, rules: Where Kafka is, and how to work.
        source: The input partition.
        new_pipeline: Makes an empty pipeline for the model that is given.
        model: The current model; another object after a swap.
        committed_offset: The group's committed offset of a partition, None for none.
        decoding: A thread that decodes the next batch while another one is scored.
        scoring: The threads in which the pipelines of this process run; one pipeline in one of them at a time.
        turns: Shared by the agents of this process.
        tell, restored, failed: Called after each transaction, each restore (with its seconds), each fate unknown.
    """

    def __init__(
        self,
        access: KafkaAccess,
        rules: AgentRules,
        source: TopicPartition,
        *,
        new_pipeline: Callable[[Scorer], Pipeline],
        model: Callable[[], Scorer],
        committed_offset: Callable[[TopicPartition], Awaitable[int | None]],
        decoding: Executor,
        scoring: Executor,
        turns: Turns,
        tell: Callable[[Committed], None],
        restored: Callable[[float], None],
        failed: Callable[[], None],
    ) -> None:
        self.source: Final = source
        self.lag = 0
        """Records behind the end of the partition, as far as the last fetch knew."""
        self.progress_at = time.monotonic()
        """When this agent last committed, moved on in its restore, or had nothing to do."""
        self.is_ready = False
        """Restored, and processing."""
        self._access, self._rules = access, rules
        self._new_pipeline, self._model = new_pipeline, model
        self._committed_offset, self._decoding, self._scoring = committed_offset, decoding, scoring
        self._turns = turns
        self._tell, self._restored, self._failed = tell, restored, failed
        self._draining = asyncio.Event()
        self._transactions = PartitionTransactions(
            access,
            group_id=rules.group_id,
            source=source,
            changelog=rules.changelog,
            commit_limit_s=rules.commit_limit_s,
        )

    def drain(self) -> None:
        """Finish the transaction in flight and return from `run`."""
        self._draining.set()

    async def drains_within(self, seconds: float) -> bool:
        """Wait so long for the order to drain; whether it came."""
        try:
            async with asyncio.timeout(seconds):
                return await self._draining.wait()
        except TimeoutError:
            return False

    async def run(self) -> None:
        """Work until drained, starting again from the fence whenever the fate of a commit is unknown.

        Raises:
            PartitionFenced: Another worker has the partition.
            ConfigError, InvariantError: Nobody may go on before a person has looked.
        """
        rules, pause_s = self._rules, FIRST_PAUSE_S
        try:
            async with open_reader(self._access) as consumer, aclosing(Fetch.of(consumer, self.source)) as fetch:
                intake = Intake(
                    consumer,
                    fetch,
                    max_records=rules.max_batch_records,
                    flush_deadline_ms=rules.flush_deadline_ms,
                    turns=self._turns,
                )
                while not self._draining.is_set():
                    try:
                        pipeline, position = await self._unless_draining(self._take_over(intake))
                        pause_s = FIRST_PAUSE_S
                        await self._process(intake, pipeline, position)
                    except _Draining:
                        return
                    except PartitionFenced:
                        raise
                    except TransientError as reason:
                        log.warning("%s; starting again from the fence", reason)
                        self._failed()
                        await asyncio.sleep(pause_s)
                        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                    finally:
                        self.is_ready, self.lag = False, 0
        finally:
            await self._transactions.close()

    # --- taking over --------------------------------------------------------------------------------------------------

    async def _take_over(self, intake: Intake) -> tuple[Pipeline, Position]:
        since, where = time.perf_counter(), f"{self.source.topic}[{self.source.partition}]"
        self._moved()
        await _patiently(f"the fence of {where}", self._transactions.fence)
        # Only now: an offset that was read before the fence may be moved by the owner before us.
        committed = await _patiently(f"the offset of {where}", partial(self._committed_offset, self.source))
        client, changelog = intake.consumer._client, TopicPartition(self._rules.changelog, self.source.partition)
        topic = await _patiently(f"the identity of {where}", partial(identify, client, self.source.topic))
        beside = await _patiently(f"the changelog of {where}", partial(identify, client, changelog.topic))
        if beside.partitions < topic.partitions:
            raise ConfigError(
                f"topic {changelog.topic!r} has {beside.partitions} partitions and {self.source.topic!r} has "
                f"{topic.partitions}: each input partition needs one of the same number; widen the changelog"
            )
        rows = await _patiently(f"the restore of {where}", partial(restore, self._access, changelog, moved=self._moved))
        pipeline = self._new_pipeline(self._model())
        row = await self._in_scoring_thread(pipeline.restore, rows)
        for _ in range(OFFSET_LOOKS):
            if row is None or committed is None or committed >= row.position.told_offset:
                break
            # Brokers before 4.0 make the offset visible a moment after the markers for which the fence has waited.
            await asyncio.sleep(0.5)
            committed = await _patiently(f"the offset of {where}", partial(self._committed_offset, self.source))
        offset = start_offset(
            self.source,
            topic=topic,
            log=await _patiently(f"the ends of {where}", intake.log),
            committed=committed,
            remembered=row.position if row else None,
        )
        intake.seek(offset)
        seconds = time.perf_counter() - since
        self._restored(seconds)
        log.info("%s: restored %d rows in %.1f s, going on at offset %d", where, len(rows), seconds, offset)
        # Without a committed offset the first batch tells it, since it moves on.
        return pipeline, Position(offset, topic.id, topic.partitions, offset if committed is None else committed)

    # --- batch after batch --------------------------------------------------------------------------------------------

    async def _process(self, intake: Intake, pipeline: Pipeline, position: Position) -> None:
        """Process the next batch while the last one commits; never two commits at once."""
        committing: asyncio.Task[None] | None = None
        backlog, record_at, told_at = pipeline.backlog, time.monotonic(), -math.inf
        self.is_ready = True
        self._moved()
        try:
            while not self._draining.is_set():
                if backlog == 0:
                    # Silence that fell due under one model is judged by it, whenever the sweep comes to it.
                    await self._swap_if_changed(pipeline)
                records = await intake.next(committing, wait=backlog == 0)
                self.lag = intake.lag
                now, rests = time.monotonic(), not records and committing is None
                if records:
                    record_at, position = now, replace(position, next_offset=records[-1].offset + 1)
                tells = position.commits is None and (
                    rests or len(records) >= SMALL_BATCH or now - told_at > TELL_EVERY_S
                )
                if tells:
                    told_at, position = now, replace(position, told_offset=position.next_offset)
                if records and (committing is None or committing.done()):
                    self._transactions.begin(offset=position.commits)
                if not records and self._rules.wall_clock and (now - record_at) * 1000 > self._rules.idle_after_ms:
                    backlog = await self._in_scoring_thread(let_time_pass, pipeline)
                batch = None
                if records or backlog or tells:
                    batch = await self._processed(pipeline, records, position, backlog)
                    backlog = batch.backlog
                    intake.adapt(len(records), batch.seconds)
                elif self.lag == 0:
                    self._moved()
                if committing is not None:
                    await committing
                committing = None if batch is None else asyncio.create_task(self._commit(batch))
        except _Draining:
            log.info("%s[%d]: a batch that was not yet scored is left", self.source.topic, self.source.partition)
        except BaseException:
            if committing is not None:
                committing.cancel()
                await asyncio.gather(committing, return_exceptions=True)
            raise
        if committing is not None:
            await committing

    async def _processed(self, pipeline: Pipeline, records: Records, position: Position, backlog: int) -> Batch:
        work = partial(process, pipeline, records, position=position, sweep_slice=self._rules.sweep_slice)
        if backlog == 0 and len(records) < HANDED_OVER_FROM:
            await asyncio.sleep(0)  # so that the request that opens the transaction leaves before
            return work(decode(pipeline, records))
        return await self._in_scoring_thread(work, await self._in_thread(self._decoding, decode, pipeline, records))

    def _moved(self) -> None:
        self.progress_at = time.monotonic()

    async def _commit(self, batch: Batch) -> None:
        since = time.perf_counter()
        effects = batch.effects
        blocks = (*effects.said, *effects.rows)
        await self._transactions.commit(effects.passed_on, blocks, offset=batch.position.commits)
        self._moved()
        self._tell(Committed(self.source.partition, batch, now_ms(), time.perf_counter() - since, self.lag))

    async def _swap_if_changed(self, pipeline: Pipeline) -> None:
        scorer = self._model()
        if scorer is not pipeline.scorer:
            await self._in_scoring_thread(pipeline.swap, scorer)
            log.info("%s[%d]: model %s", self.source.topic, self.source.partition, scorer.version)

    async def _in_scoring_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do it where pipelines run. What still waits for a thread when we drain is not begun."""
        return await self._in_thread(self._scoring, work, *arguments)

    async def _in_thread(self, thread: Executor, work: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await self._unless_draining(loop.run_in_executor(thread, work, *arguments))

    async def _unless_draining(self, work: Awaitable[T]) -> T:
        """Await `work`, or cancel it and raise `_Draining` once we drain: only a commit is worth waiting for."""
        task = asyncio.ensure_future(work)
        order = asyncio.create_task(self._draining.wait())
        try:
            await asyncio.wait({task, order}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise _Draining
            return task.result()
        finally:
            order.cancel()
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


class _Draining(Exception):  # noqa: N818 - an order, not an error
    """The order to drain came first."""


async def _patiently(what: str, attempt: Callable[[], Awaitable[T]]) -> T:
    return await with_backoff(what, attempt, limit_s=START_LIMIT_S)
