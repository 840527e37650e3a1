"""Fetch the records of one partition, one response ahead of whoever takes them while more are there.

A client and an offset arrive; `Records` leave, in order. aiokafka's own fetcher makes an object of every record, 1.2 us
with the global lock held: here a response is read by one compiled pass. It refuses to know how many records make a
batch (intake.py's) and what to do when the brokers no longer have an offset.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    NoError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest

from streamseg.errors import TransientError
from streamseg.kafka.batches_in import read_batches
from streamseg.kafka.client import FETCH_BYTES
from streamseg.wire.records import NO_RECORDS, Records, joined

log = logging.getLogger(__name__)

READ_COMMITTED: Final = 1
PAUSE_S: Final = 0.1
"""Before a request is repeated that failed as networks do, or met a broker that doesn't lead the partition."""


class Fetch:
    """Reads one partition from the offset that was last sought; it holds two responses at most.

    Args:
        client: Started, and for this partition alone: a broker answers the requests of a connection one after another,
            and holds each for which it has no record.
        check_crcs: Compare the checksums of record batches.
        wait_ms: How long a broker may hold a request.
    """

    def __init__(self, client: AIOKafkaClient, source: TopicPartition, *, check_crcs: bool, wait_ms: int) -> None:
        self.source: Final = source
        self._client = client
        self._check_crcs, self._wait_ms = check_crcs, wait_ms
        self._where = f"{source.topic}[{source.partition}]"
        self._taken_from = NO_RECORDS
        """What is left of the response that is being taken."""
        self._next_offset = 0
        """Where the response ahead begins."""
        self._ahead: asyncio.Task[tuple[Records, int]] | None = None
        self._stable_end = 0

    @classmethod
    def of(cls, consumer: AIOKafkaConsumer, source: TopicPartition) -> Fetch:
        """Fetch by the client of a consumer to which nothing is assigned, as `open_reader` told its own fetcher."""
        rules = consumer._fetcher
        return cls(consumer._client, source, check_crcs=rules._check_crcs, wait_ms=rules._fetch_max_wait_ms)

    @property
    def position(self) -> int:
        """Offset of the next record to take; records that nobody may see are passed over."""
        return int(self._taken_from.offsets[0]) if self._taken_from else self._next_offset

    @property
    def lag(self) -> int:
        """Records that the last response knew of and were not yet taken; publishers' open transactions don't count."""
        return max(0, self._stable_end - self.position)

    def seek(self, offset: int) -> None:
        """Go on at this offset; what was fetched is dropped, and a request in flight is not waited for."""
        if self._ahead is not None:
            self._ahead.cancel()  # where it has failed meanwhile, asyncio then keeps that to itself
        self._ahead, self._taken_from, self._next_offset, self._stable_end = None, NO_RECORDS, offset, 0

    async def take(self, most: int, *, least: int, wait_s: float) -> Records:
        """The next records, at most `most`; for `least` of them wait, but so long at most for a response.

        Raises:
            OffsetOutOfRangeError: If the brokers don't have the position.
            TransientError: If the broker refused the request for a reason that may pass.
            ConfigError, KafkaError: If it won't pass.
        """
        pieces: list[Records] = []
        while most and (self._taken_from or await self._turn(wait_s if least > 0 else 0.0)):
            pieces.append(self._taken_from[:most])
            self._taken_from = self._taken_from[most:]
            most, least = most - len(pieces[-1]), least - len(pieces[-1])
            if least <= 0 and self._ahead is None:
                break
        return joined(pieces)

    async def aclose(self) -> None:
        """Stop fetching."""
        ahead = self._ahead
        self.seek(self.position)
        if ahead is not None:
            await asyncio.wait({ahead})

    async def _turn(self, wait_s: float) -> bool:
        """Begin to take the response ahead, and send for the next one if there is one; False if it has not come.

        At the end of the partition a request sent ahead would come back with the next record, and those behind it
        would wait for one more.
        """
        if self._ahead is None:
            self._ahead = asyncio.create_task(self._records())
        if wait_s and not self._ahead.done():
            await asyncio.wait({self._ahead}, timeout=wait_s)
        if not self._ahead.done():
            return False
        ahead, self._ahead = self._ahead, None
        self._taken_from, self._next_offset = ahead.result()
        if self._next_offset < self._stable_end:
            self._ahead = asyncio.create_task(self._records())
        return True

    async def _records(self) -> tuple[Records, int]:
        """The next response with records in it, and the offset behind it."""
        while True:
            part = await self._part()
            if part is None:
                await asyncio.sleep(PAUSE_S)
                continue
            self._stable_end, aborted, data = part
            records, next_offset = read_batches(
                data, self._next_offset, aborted, where=self._where, check_crcs=self._check_crcs
            )
            if records:
                return records, next_offset
            self._next_offset = next_offset

    async def _part(self) -> tuple[int, list[tuple[int, int]], bytes] | None:
        """Last stable offset, aborted transactions and record batches; None if the request is to be repeated."""
        leader = self._client.cluster.leader_for_partition(self.source)
        if leader is None or leader < 0:
            self._client.add_topic(self.source.topic)
            self._client.force_metadata_update()
            return None
        partition = (self.source.partition, self._next_offset, FETCH_BYTES)
        request = FetchRequest(self._wait_ms, 1, FETCH_BYTES, READ_COMMITTED, [(self.source.topic, [partition])])
        try:
            response = await self._client.send(leader, request)
        except KafkaError as reason:
            if not reason.retriable:
                raise
            log.warning("fetch of %s from broker %s: %r", self._where, leader, reason)
            return None
        return self._checked(response)

    def _checked(self, response: Any) -> tuple[int, list[tuple[int, int]], bytes] | None:
        if not response.topics:  # so a broker tells a client that it is over its quota
            return None
        ((_, ((_, error_code, _, stable_end, *found, data),)),) = response.topics
        error = for_code(error_code)
        if error is NoError:
            # Only versions from 5 on have a log start before the aborted transactions, from 11 on a replica behind.
            aborted = found[1 if response.API_VERSION >= 5 else 0]
            return stable_end, aborted or [], data
        if error.invalid_metadata:
            self._client.force_metadata_update()
            return None
        if error in (OffsetOutOfRangeError, TopicAuthorizationFailedError):
            raise error(self._where)
        raise TransientError(f"fetch of {self._where} at offset {self._next_offset}: {error(self._where)!r}")
