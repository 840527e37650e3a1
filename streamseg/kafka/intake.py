"""The records of one input partition, batch by batch: large when there is much to do, else small and soon.

An assigned, sought consumer arrives; lists of records leave, in order. It refuses to skip: an offset that the brokers
no longer have is an error that says how many records are missing.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from streamseg.errors import TransientError
from streamseg.kafka.resumption import Log, in_range

SMALL_BATCH: Final = 1_000
"""A batch below this waits for more while the last one still commits: it could not be committed earlier anyhow."""
FIRST_RECORDS: Final = 1_000
"""Most records of the first batch; from there on the limit follows the time that batches take."""
LEAST_RECORDS: Final = 100
QUICK_S: Final = 0.25
SLOW_S: Final = 1.0
"""A full batch that took less than `QUICK_S` to score is followed by larger ones, one above `SLOW_S` by smaller ones:
large batches cost least a record, but all partitions of a worker share one thread, and a restore waits for it."""
IDLE_WAIT_MS: Final = 200
"""How long an idle agent waits for a record before it looks at the clock and at its orders."""


class Intake:
    """Reads one partition. Its consumer serves this partition alone: a shared one fetches nothing for a busy partition
    while another one's records, of the same broker, are not yet taken (aiokafka, up to 200 ms a time).

    Args:
        consumer: Started, the partition assigned; `seek` before the first batch.
        max_records: Most records of a batch; see `adapt`.
        flush_deadline_ms: A small batch waits at most so long for more.
    """

    def __init__(
        self, consumer: AIOKafkaConsumer, source: TopicPartition, *, max_records: int, flush_deadline_ms: int
    ) -> None:
        self.consumer: Final = consumer
        self._source = source
        self._max_records = max_records
        self.limit = min(FIRST_RECORDS, max_records)
        """Most records of the next batch."""
        self._flush_deadline_s = flush_deadline_ms / 1000

    def seek(self, offset: int) -> None:
        """Go on at this offset."""
        self.consumer.seek(self._source, offset)

    async def log(self) -> Log:
        """What the brokers have of the partition now."""
        earliest = (await self.consumer.beginning_offsets([self._source]))[self._source]
        return Log(earliest, (await self.consumer.end_offsets([self._source]))[self._source])

    async def lag(self) -> int:
        """Records that the last fetch knew of and were not yet taken; publishers' open transactions don't count."""
        end: int = self.consumer.last_stable_offset(self._source) or 0
        position: int = await self.consumer.position(self._source)
        return max(0, end - position)

    async def next(self, committing: asyncio.Task[None] | None, *, wait: bool) -> list[Any]:
        """The next batch; empty if there is nothing.

        Args:
            committing: The commit in flight. A small batch grows for as long as that lasts, within the deadline.
            wait: With no commit in flight, wait a moment for the first record.

        Raises:
            ConfigError: If the brokers no longer have the next record.
            TransientError: If the fetch failed as networks do.
        """
        records = await self._fetch(self.limit, IDLE_WAIT_MS if wait and committing is None else 0)
        if committing is None:
            return records
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._flush_deadline_s
        while len(records) < min(SMALL_BATCH, self.limit) and not committing.done() and loop.time() < deadline:
            await asyncio.wait({committing}, timeout=0.005)
            records += await self._fetch(self.limit - len(records), 0)
        return records

    def adapt(self, records: int, seconds: float) -> None:
        """Let the size of the next batches follow how long the last one took to score."""
        if seconds > SLOW_S:
            self.limit = max(min(LEAST_RECORDS, self._max_records), self.limit // 2)
        elif records == self.limit and seconds < QUICK_S:
            self.limit = min(2 * self.limit, self._max_records)

    async def _fetch(self, limit: int, timeout_ms: int) -> list[Any]:
        where = f"{self._source.topic}[{self._source.partition}]"
        try:
            fetched = await self.consumer.getmany(self._source, timeout_ms=timeout_ms, max_records=limit)
        except OffsetOutOfRangeError as reason:
            in_range(self._source, await self.consumer.position(self._source), await self.log())
            raise TransientError(f"fetch of {where}: {reason!r}") from reason
        except KafkaError as reason:
            if not reason.retriable:
                raise
            raise TransientError(f"fetch of {where}: {reason!r}") from reason
        return list(fetched.get(self._source, ()))
