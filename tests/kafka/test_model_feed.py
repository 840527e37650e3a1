"""A worker hears of every model, takes those that are sound, and never lets go of one that works."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from streamseg.kafka.model_feed import NO_MODEL, ModelFeed
from streamseg.kafka.registry import publish, rollback
from streamseg.model.calibrate import Calibration
from tests.kafka.broker import Broker
from tests.kafka.models import WEEKS, an_untrained_model
from tests.kafka.room import WHY, Room

pytestmark = pytest.mark.kafka


def a_model(number: int = 1, horizon_days: float = 90.0) -> tuple[str, bytes]:
    """Version and bytes of a small model; each number is another one."""
    return an_untrained_model(calibration=Calibration(horizon_days), data_until_ms=2_000 + number)


class Listener:
    """What a feed has said, in order."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._more = asyncio.Event()

    def hear(self, what: str) -> None:
        self.heard.append(what)
        self._more.set()

    async def hears(self, count: int) -> list[str]:
        async with asyncio.timeout(60):
            while len(self.heard) < count:
                self._more.clear()
                await self._more.wait()
        return self.heard


def follow(broker: Broker, name: str, story: Callable[[Room, ModelFeed, Listener], Awaitable[None]]) -> None:
    async def play() -> None:
        room, listener = await Room.made(broker.bootstrap, name), Listener()
        feed = ModelFeed(
            room.access,
            windows=WEEKS,
            horizon_days=90,
            prepare=lambda scorer: None,
            loaded=lambda artifact: listener.hear(artifact.version),
            missing=listener.hear,
            topic=room.topic("models"),
        )
        running = asyncio.create_task(feed.run())
        try:
            await story(room, feed, listener)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(play())


def test_a_feed_waits_for_a_model_takes_each_new_one_and_goes_back(kafka: Broker) -> None:
    async def story(room: Room, feed: ModelFeed, listener: Listener) -> None:
        models = room.topic("models")
        assert await listener.hears(1) == [NO_MODEL]
        (first, data), (second, other) = a_model(1), a_model(2)
        await publish(room.access, first, data, why=WHY, topic=models)
        await feed.ready()
        one = feed.current()
        await publish(room.access, second, other, why=WHY, topic=models)
        await listener.hears(3)
        assert feed.current().version == second
        await rollback(room.access, why=WHY, topic=models)
        assert await listener.hears(4) == [NO_MODEL, first, second, first]
        assert feed.current() is one

    follow(kafka, "feed", story)


@pytest.mark.parametrize("horizon_days", [30.0, None])
def test_a_model_that_does_not_fit_is_refused_and_the_one_before_serves_on(
    kafka: Broker, horizon_days: float | None
) -> None:
    async def story(room: Room, feed: ModelFeed, listener: Listener) -> None:
        models = room.topic("models")
        good, data = a_model(1)
        await publish(room.access, good, data, why=WHY, topic=models)
        await listener.hears(1 if listener.heard[:1] == [good] else 2)
        bad, other = ("not-a-model", b"no artefact") if horizon_days is None else a_model(2, horizon_days)
        await publish(room.access, bad, other, why=WHY, topic=models)
        newer, more = a_model(3)
        await publish(room.access, newer, more, why=WHY, topic=models)
        while feed.current().version != newer:
            await asyncio.sleep(0.05)
        assert bad not in listener.heard

    follow(kafka, f"unfit-{horizon_days}", story)


def test_a_first_model_that_does_not_fit_leaves_the_worker_waiting_with_the_reason(kafka: Broker) -> None:
    async def story(room: Room, feed: ModelFeed, listener: Listener) -> None:
        version, data = a_model(2, 30.0)
        await publish(room.access, version, data, why=WHY, topic=room.topic("models"))
        while not (heard := [what for what in listener.heard if what != NO_MODEL]):
            await asyncio.sleep(0.05)
        assert heard[0].startswith(f"model {version} is refused: it forecasts 30 days and churn_horizon_days is 90")

    follow(kafka, "unfit-first", story)
