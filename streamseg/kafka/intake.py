"""The records of one input partition, batch by batch: large when there is much to do, else small and soon.

A partition's `Fetch` arrives; `Records` leave, in order. It refuses to skip: an offset that the brokers
no longer have is an error that says how many records are missing.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import OffsetOutOfRangeError

from streamseg.errors import TransientError
from streamseg.kafka.client import log_of
from streamseg.kafka.fetch import Fetch
from streamseg.kafka.resumption import Log, in_range
from streamseg.wire.records import Records

SMALL_BATCH: Final = 1_000
"""A batch below this waits for more while the last one still commits: it could not be committed earlier anyhow."""
FIRST_RECORDS: Final = 1_000
"""Most records of the first batch; from there on the limit follows the time that batches take."""
LEAST_RECORDS: Final = 100
QUICK_S: Final = 0.25
SLOW_S: Final = 1.0
"""A full batch that took less than `QUICK_S` to score is followed by larger ones, one above `SLOW_S` by smaller ones:
large batches cost least a record, but all partitions of a worker share few threads, and a restore waits for one."""
IDLE_WAIT_S: Final = 0.2
"""How long an agent waits for a record before it looks at the clock and at its orders."""


class Turns:
    """When the partitions of a worker begin small batches: one after the other, at least so far apart.

    A small batch takes some 3 ms of the event loop, however small it is. Begun as soon as the one before is committed,
    they fill the loop, and what waits for it takes longer than the batches gain.
    """

    def __init__(self, apart_s: float = 0.005) -> None:
        self._apart_s = apart_s
        self._next_s = 0.0

    async def come(self) -> None:
        """Wait for a turn."""
        now_s = asyncio.get_running_loop().time()
        turn_s = max(now_s, self._next_s)
        self._next_s = turn_s + self._apart_s
        await asyncio.sleep(turn_s - now_s)


class Intake:
    """Reads one partition; `seek` before the first batch.

    Args:
        consumer: Started; asked where the partition begins and ends, and never for a record.
        fetch: Of the partition.
        max_records: Most records of a batch; see `adapt`.
        flush_deadline_ms: A small batch waits at most so long for more.
        turns: Shared with the other partitions.
    """

    def __init__(
        self, consumer: AIOKafkaConsumer, fetch: Fetch, *, max_records: int, flush_deadline_ms: int, turns: Turns
    ) -> None:
        self.consumer: Final = consumer
        self._fetch, self._source = fetch, fetch.source
        self._max_records, self._turns = max_records, turns
        self.limit = min(FIRST_RECORDS, max_records)
        """Most records of the next batch."""
        self._flush_deadline_s = flush_deadline_ms / 1000

    def seek(self, offset: int) -> None:
        """Go on at this offset."""
        self._fetch.seek(offset)

    async def log(self) -> Log:
        """What the brokers have of the partition now."""
        return await log_of(self.consumer, self._source)

    @property
    def lag(self) -> int:
        """Records that the last fetch knew of and were not yet taken; publishers' open transactions don't count."""
        return self._fetch.lag

    async def next(self, committing: asyncio.Task[None] | None, *, wait: bool) -> Records:
        """The next batch; empty if there is nothing.

        Args:
            committing: The commit in flight. A small batch grows for as long as that lasts, within the deadline.
            wait: With no commit in flight, wait a moment for the first record.

        Raises:
            ConfigError: If the brokers no longer have the next record, or it can't be read here.
            TransientError: If the fetch failed as networks do.
        """
        enough = min(self.limit, SMALL_BATCH)
        if committing is not None and self.lag < enough:
            await asyncio.wait({committing}, timeout=self._flush_deadline_s)
            await self._turns.come()
        is_free = committing is None or committing.done()
        return await self._take(self.limit, least=min(enough, max(self.lag, int(wait and is_free))))

    def adapt(self, records: int, seconds: float) -> None:
        """Let the size of the next batches follow how long the last one took to score."""
        if seconds > SLOW_S:
            self.limit = max(min(LEAST_RECORDS, self._max_records), self.limit // 2)
        elif records == self.limit and seconds < QUICK_S:
            self.limit = min(2 * self.limit, self._max_records)

    async def _take(self, most: int, *, least: int) -> Records:
        try:
            return await self._fetch.take(most, least=least, wait_s=IDLE_WAIT_S)
        except OffsetOutOfRangeError as reason:
            in_range(self._source, self._fetch.position, await self.log())
            raise TransientError(f"fetch of {reason}") from reason
