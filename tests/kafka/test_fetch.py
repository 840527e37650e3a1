"""One partition is fetched in order, one response ahead, whatever brokers answer; needs no broker."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    KafkaStorageError,
    NodeNotReadyError,
    NotLeaderForPartitionError,
    OffsetOutOfRangeError,
    ReplicaNotAvailableError,
    TopicAuthorizationFailedError,
)

from streamseg.errors import ConfigError, TransientError
from streamseg.kafka import fetch
from streamseg.kafka.fetch import Fetch
from tests.kafka.batches import ABORT, Sent, a_batch

HERE = TopicPartition("touchpoints", 0)
NOBODY = SimpleNamespace(topics=[])
"""What a broker answers a client that is over its quota."""


def answer(data: bytes = b"", *, end: int = 0, aborted: Any = None, error: int = 0, version: int = 11) -> Any:
    """A response as brokers of that version lay it out."""
    behind = [aborted, data] if version == 4 else [0, aborted, data] if version < 11 else [0, aborted, -1, data]
    return SimpleNamespace(API_VERSION=version, topics=[("touchpoints", [(0, error, end, end, *behind)])])


def batch(offset: int, count: int, **how: Any) -> bytes:
    return a_batch([Sent(b"k", b"v")] * count, offset, **how)


class Brokers:
    """Answers requests in turn, then holds them; every request is kept."""

    def __init__(self, *answers: Any, leader: int | None = 1) -> None:
        self.cluster, self.leader = self, leader
        self.updates = 0
        self.asked: list[int] = []
        self.held = 0
        self._answers = list(answers)

    def leader_for_partition(self, source: TopicPartition) -> int | None:
        return self.leader

    def add_topic(self, topic: str) -> None:
        self.leader = 1

    def force_metadata_update(self) -> None:
        self.updates += 1

    async def send(self, node: int, request: Any) -> Any:
        self.asked.append(request.topics[0][1][0][1])
        if not self._answers:
            self.held += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.held -= 1
        await asyncio.sleep(0)
        result = self._answers.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


@pytest.fixture(autouse=True)
def _no_pause_and_no_noise(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    monkeypatch.setattr(fetch, "PAUSE_S", 0.0)
    yield
    gc.collect()  # then asyncio tells of tasks that were forgotten, and of failures
    told = [*caplog.get_records("call"), *caplog.records]
    assert [record.message for record in told if record.levelname == "ERROR"] == []


def run(story: Callable[[Fetch], Awaitable[None]], brokers: Brokers) -> None:
    async def scene() -> None:
        reads = Fetch(brokers, HERE, check_crcs=True, wait_ms=500)
        reads.seek(0)
        await story(reads)
        await reads.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert brokers.held == 0

    asyncio.run(scene())


async def offsets(reads: Fetch, most: int = 100) -> list[int]:
    return [record.offset for record in await reads.take(most, least=1, wait_s=30)]


async def settled() -> None:
    """Let whatever can go on without an answer go on."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("version", [4, 5, 10, 11])
def test_the_next_response_is_on_its_way_while_more_are_there_and_no_other(version: int) -> None:
    brokers = Brokers(*(answer(batch(at, 4), end=12, version=version) for at in (0, 4, 8)))

    async def story(reads: Fetch) -> None:
        assert await offsets(reads, 3) == [0, 1, 2]
        await settled()
        assert (brokers.asked, reads.position, reads.lag) == ([0, 4], 3, 9)
        assert await offsets(reads, 3) == [3, 4, 5]
        await settled()
        assert brokers.asked == [0, 4, 8]
        assert await offsets(reads) == [6, 7, 8, 9, 10, 11]
        await settled()
        assert (brokers.asked, reads.lag) == ([0, 4, 8], 0)
        assert len(await reads.take(5, least=0, wait_s=0.0)) == 0
        await settled()
        assert brokers.asked == [0, 4, 8, 12]

    run(story, brokers)


def test_what_nobody_may_see_is_passed_over() -> None:
    marker = a_batch([Sent(ABORT, b"\0" * 6)], 2, producer=7, is_control=True)
    brokers = Brokers(answer(batch(0, 2, producer=7) + marker, end=3, aborted=[(7, 0)]), answer(batch(3, 1), end=5))

    async def story(reads: Fetch) -> None:
        assert await offsets(reads) == [3]
        assert (brokers.asked[:2], reads.position, reads.lag) == ([0, 3], 4, 1)

    run(story, brokers)


@pytest.mark.parametrize(
    ("first", "updates"),
    [
        (answer(error=NotLeaderForPartitionError.errno), 1),
        (answer(error=KafkaStorageError.errno), 1),
        (NodeNotReadyError("gone"), 0),
        (NOBODY, 0),
        (answer(), 0),
    ],
)
def test_what_may_pass_soon_is_asked_again(first: Any, updates: int) -> None:
    brokers = Brokers(first, answer(batch(0, 2)))

    async def story(reads: Fetch) -> None:
        assert await offsets(reads) == [0, 1]
        assert (brokers.asked[:2], brokers.updates) == ([0, 0], updates)

    run(story, brokers)


@pytest.mark.parametrize("leader", [None, -1])
def test_without_a_leader_nobody_is_asked_before_there_is_one(leader: int | None) -> None:
    brokers = Brokers(answer(batch(0, 1)), leader=leader)

    async def story(reads: Fetch) -> None:
        assert await offsets(reads) == [0]
        assert brokers.updates == 1

    run(story, brokers)


@pytest.mark.parametrize(
    ("first", "raised", "says"),
    [
        (answer(error=1), OffsetOutOfRangeError, r"touchpoints\[0\]"),
        (answer(error=29), TopicAuthorizationFailedError, r"touchpoints\[0\]"),
        (answer(error=ReplicaNotAvailableError.errno), TransientError, r"^fetch of touchpoints\[0\] at offset 0: Repl"),
        (answer(batch(0, 1)[:-1]), ConfigError, "a record batch is larger than the 69 bytes"),
    ],
)
def test_what_will_not_pass_is_raised_where_records_are_taken_and_then_asked_again(
    first: Any, raised: type[Exception], says: str
) -> None:
    brokers = Brokers(first, answer(batch(0, 1)))

    async def story(reads: Fetch) -> None:
        with pytest.raises(raised, match=says):
            await offsets(reads)
        assert reads.position == 0
        assert await offsets(reads) == [0]

    run(story, brokers)


def test_after_a_seek_nothing_of_before_is_taken_and_nobody_waits_for_it() -> None:
    brokers = Brokers(answer(batch(0, 4), end=9))

    async def story(reads: Fetch) -> None:
        assert await offsets(reads, 1) == [0]
        await settled()
        assert brokers.held == 1
        reads.seek(2)
        brokers._answers.append(answer(batch(0, 4), end=9))
        assert await offsets(reads) == [2, 3]
        assert (brokers.asked, reads.lag) == ([0, 4, 2], 5)

    run(story, brokers)


def test_a_failure_that_nobody_asks_for_is_no_noise() -> None:
    brokers = Brokers(answer(batch(0, 1)), answer(error=1))

    async def story(reads: Fetch) -> None:
        assert await offsets(reads, 1) == [0]
        await settled()
        reads.seek(0)

    run(story, brokers)
