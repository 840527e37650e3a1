"""The transaction of one input partition: outputs, changelog rows and offset become visible together or not at all.

What a batch brought about arrives; nothing is returned, it stands in Kafka. It refuses to retry a commit: once the fate
of a commit is unknown, only fencing again and reading what was committed tells the truth.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.errors import (
    ConcurrentTransactions,
    GroupAuthorizationFailedError,
    InvalidProducerEpoch,
    KafkaError,
    MessageSizeTooLargeError,
    NoError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartitionError,
)
from aiokafka.producer.sender import AddPartitionsToTxnHandler

from streamseg.errors import ConfigError, InvariantError, TransientError
from streamseg.kafka.batches_out import record_batches
from streamseg.kafka.client import BATCH_BYTES, KafkaAccess, stop_within, transactional_producer
from streamseg.kafka.partitioner import partition_of, partitions_of
from streamseg.wire.blocks import BLOCK_TOPICS, Block, in_one
from streamseg.wire.outputs import Output
from streamseg.wire.spans import Int64Array, Spans
from streamseg.wire.topics import CHANGELOG

COMMIT_LIMIT_S: Final = 30.0
"""A commit that takes longer is given up as unknown; the brokers abort an open transaction after the same time."""
USUAL_FOR: Final = 8
"""A partition is added early to so many transactions after one that wrote there: a marker costs less than two more
round trips."""
MARKERS_PAUSE_S: Final = 0.005
"""Before asking again to open a transaction while the brokers still write the markers of the last one."""


class PartitionFenced(TransientError):  # noqa: N818 - what happened; the word of Kafka
    """Another worker has this input partition now, or our transaction was open for too long. Give up this partition."""


class CommitUnknown(TransientError):  # noqa: N818 - as above
    """The commit may or may not have happened. Fence again, restore, and go on from what was committed."""


class _Adding(AddPartitionsToTxnHandler):
    """Adds partitions before anything is sent to them; if it can't, aiokafka does it later, and says why it failed."""

    def handle_response(self, response: Any) -> float | None:
        codes = {code for _, partitions in response.errors for _, code in partitions}
        if ConcurrentTransactions.errno in codes:
            return MARKERS_PAUSE_S
        if codes == {NoError.errno}:
            self._sender._txn_manager._txn_partitions.update(self._tps)
        return None


class PartitionTransactions:
    """The transactional producer of one input partition of one group.

    Each input partition has a transactional id of its own: a worker that lost the partition is fenced by the next
    owner's `fence`, whatever the group's coordinator thinks. (With one id a worker, a zombie's commit doubles outputs.)
    """

    def __init__(
        self,
        access: KafkaAccess,
        *,
        group_id: str,
        source: TopicPartition,
        changelog: str,
        commit_limit_s: float = COMMIT_LIMIT_S,
    ) -> None:
        self.transactional_id: Final = f"{group_id}-{source.topic}-{source.partition}"
        self._access = access
        self._group_id = group_id
        self._source = source
        self._changelog = TopicPartition(changelog, source.partition)
        self._commit_limit_s = commit_limit_s
        self._producer: AIOKafkaProducer | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._usual = {self._changelog: USUAL_FOR}
        """Where the next transaction most likely writes, and for how many transactions that is still thought."""

    async def fence(self) -> None:
        """Become the only writer of this partition: whatever an earlier owner has open is aborted or completed by now.

        Read the committed offset and the end of the changelog only after this has returned.
        """
        await self.close()
        producer = transactional_producer(
            self._access,
            transactional_id=self.transactional_id,
            transaction_timeout_ms=round(self._commit_limit_s * 1000),
        )
        try:
            async with asyncio.timeout(self._commit_limit_s):
                await producer.start()
        except BaseException:
            await stop_within(producer)
            raise
        self._producer = producer

    def begin(self, *, offset: int | None) -> None:
        """Open the transaction of a batch that is still being scored: all of its commit's round trips but two.

        Once a batch, never while a commit is in flight, and for the same `offset` as the commit, which tells how
        it went.
        """
        if self._producer is not None:
            self._beginning = asyncio.create_task(self._open(self._producer, offset))
            _look_at(self._beginning)

    async def commit(self, outputs: Sequence[Output], blocks: Sequence[Block], *, offset: int | None) -> None:
        """Make this batch visible: all of it, or nothing.

        Args:
            outputs: Records with headers; partitioned by their key.
            blocks: Records for the output topics, partitioned by their key, and changelog rows, for the changelog
                partition of this input partition; in their order.
            offset: What to commit for the group, that of the first input record that is not part of this batch; None
                leaves what is committed as it is.

        Raises:
            PartitionFenced: Another producer of the same id was started. Nothing of this batch is visible.
            CommitUnknown: A time-out or a lost connection. Don't call again before `fence`.
            ConfigError: A topic is missing, too narrow for a record, or not allowed to us. Nothing is visible.
        """
        producer = self._producer
        if producer is None:
            raise InvariantError(f"commit of {self.transactional_id!r} without a fence before it; call fence() first")
        try:
            async with asyncio.timeout(self._commit_limit_s):
                beginning, self._beginning = self._beginning, None
                await (beginning or self._open(producer, offset))
                await self._send(producer, outputs, in_one(blocks))
                await producer.commit_transaction()
        except BaseException as reason:
            # Whatever it was, this producer never commits again.
            self._producer = None
            for unsent in (batch for batches in producer._message_accumulator._batches.values() for batch in batches):
                _look_at(unsent._drain_waiter)
            await stop_within(producer)
            raise self._judge(reason) from reason

    async def close(self) -> None:
        """Drop the producer. A transaction that is still open is aborted by the next fence, or in time."""
        producer, self._producer = self._producer, None
        beginning, self._beginning = self._beginning, None
        if beginning is not None:
            beginning.cancel()
        if producer is not None:
            await stop_within(producer)

    async def _open(self, producer: AIOKafkaProducer, offset: int | None) -> None:
        """Begin with what is known before the batch is scored: the partitions, nearly always, and the offset.

        A partition to which then nothing is written only gets a marker.
        """
        await producer.begin_transaction()
        sender, adding = producer._sender, _Adding(producer._sender, list(self._usual))
        while not await adding.do(await sender._find_coordinator(CoordinationType.TRANSACTION, self.transactional_id)):
            pass
        if offset is not None:
            await producer.send_offsets_to_transaction({self._source: offset}, self._group_id)

    async def _send(self, producer: AIOKafkaProducer, outputs: Sequence[Output], block: Block) -> None:
        """Send everything, and wait until it is acknowledged."""
        now_ms = time.time_ns() // 1_000_000
        parts: list[tuple[TopicPartition, Iterable[Any]]] = []
        for topic, name in enumerate(BLOCK_TOPICS):
            rows = np.flatnonzero(block.topic == topic)
            for where, some in (await self._places(producer, name, block, rows)).items():
                parts.append((where, record_batches(block, some, now_ms=now_ms, limit_bytes=BATCH_BYTES)))
        with_headers: dict[TopicPartition, list[Output]] = defaultdict(list)
        topics = {output.topic for output in outputs}
        widths = {topic: len(await producer.partitions_for(topic)) for topic in topics}
        for output in outputs:
            width = widths[output.topic]
            # A record without a key goes where it came from, so that the same batch always makes the same outputs.
            partition = self._source.partition % width if output.key is None else partition_of(output.key, width)
            with_headers[TopicPartition(output.topic, partition)].append(output)
        parts += [(where, _with_headers(producer, some, now_ms)) for where, some in with_headers.items()]
        # One thing after the other: brokers from 3.6 ask the coordinator about each produce request, and refuse it (as
        # NotEnoughReplicas, 100 ms of back-off) while it is asked about the offsets or adds something. So the offsets
        # are done with, and all partitions are added in one request before a record leaves.
        self._usual = {where: left - 1 for where, left in self._usual.items() if left > 1}
        for where, _ in parts:
            self._usual[where] = USUAL_FOR
            producer._txn_manager.maybe_add_partition_to_txn(where)
        # Every delivery is looked at: aiokafka's commit waits for the batches but doesn't ask whether they failed.
        await _all_of(*(self._send_partition(producer, where, batches) for where, batches in parts))

    async def _places(
        self, producer: AIOKafkaProducer, topic: str, block: Block, rows: Int64Array
    ) -> dict[TopicPartition, Int64Array]:
        """The partitions to which some records of one topic go, each with its records."""
        if not len(rows):
            return {}
        if topic == CHANGELOG:
            return {self._changelog: rows}
        width = len(await producer.partitions_for(topic))
        partition = partitions_of(Spans(block.key.text, block.key.start[rows], block.key.stop[rows]), width)
        return {TopicPartition(topic, one): rows[partition == one] for one in np.unique(partition).tolist()}

    @staticmethod
    async def _send_partition(producer: AIOKafkaProducer, where: TopicPartition, batches: Iterable[Any]) -> None:
        deliveries, largest = [], 0
        for batch in batches:
            largest = max(largest, batch.size())
            deliveries.append(_look_at(await producer.send_batch(batch, where.topic, partition=where.partition)))
        try:
            await asyncio.gather(*deliveries)
        except MessageSizeTooLargeError as reason:
            raise ConfigError(
                f"topic {where.topic!r} refuses a batch of {largest} bytes; "
                f"raise its max.message.bytes to at least {max(largest, BATCH_BYTES) + 4096}"
            ) from reason

    def _judge(self, reason: BaseException) -> BaseException:
        """Say what a failed commit means for this partition."""
        if isinstance(reason, ConfigError | asyncio.CancelledError):
            return reason
        chain = list(_causes(reason))
        if any(isinstance(cause, ProducerFenced | InvalidProducerEpoch) for cause in chain):
            return PartitionFenced(
                f"transactional id {self.transactional_id!r} was fenced: another worker has "
                f"{self._source.topic}[{self._source.partition}], or the transaction stood open for over "
                f"{self._commit_limit_s:.0f} s; this worker gives the partition up"
            )
        for cause in chain:
            if (remedy := _remedy(cause)) is not None:
                return ConfigError(f"commit of {self.transactional_id!r} is refused: {cause!r}; {remedy}")
        if isinstance(reason, KafkaError | TimeoutError | OSError):
            return CommitUnknown(
                f"commit of {self.transactional_id!r} ended in {reason!r}: it may or may not stand; restoring"
            )
        return reason


_REMEDIES: Final[Mapping[type[Exception], str]] = {
    UnknownTopicOrPartitionError: "create the topics with `streamseg topics create`",
    TopicAuthorizationFailedError: "allow this user Write and Describe on the topic",
    GroupAuthorizationFailedError: "allow this user Read on the consumer group",
    TransactionalIdAuthorizationFailed: "allow this user Write and Describe on the transactional id",
}


def _remedy(cause: BaseException) -> str | None:
    return next((words for kind, words in _REMEDIES.items() if isinstance(cause, kind)), None)


def _with_headers(producer: AIOKafkaProducer, outputs: Sequence[Output], now_ms: int) -> Iterator[Any]:
    """Batches of records that have headers."""
    batch = producer.create_batch()
    for output in outputs:
        told = {"timestamp": now_ms, "key": output.key, "value": output.value, "headers": list(output.headers)}
        # None says that the batch is full.
        if batch.append(**told) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(**told)
    yield batch


async def _all_of(*parts: Awaitable[None]) -> None:
    """Await all parts, whatever becomes of the others, and raise the first failure."""
    for outcome in await asyncio.gather(*parts, return_exceptions=True):
        if outcome is not None:
            raise outcome


def _look_at(future: asyncio.Future[Any]) -> asyncio.Future[Any]:
    """Mark a future's error as seen: when one fails they all do, and only the first is worth a line in the log."""
    future.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return future


def _causes(reason: BaseException | None) -> Iterable[Any]:
    """The exception and everything that it was raised from: aiokafka wraps what ended its sender."""
    while reason is not None:
        yield reason
        reason = reason.__cause__ or reason.__context__
