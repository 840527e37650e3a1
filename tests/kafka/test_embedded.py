"""The embedded broker carries groups, transactions and committed reads: enough for a demo and quick tests."""

from __future__ import annotations

import asyncio

from streamseg.kafka.changelog import restore
from streamseg.kafka.client import open_reader
from streamseg.kafka.embedded import PARTITIONS, embedded_broker
from streamseg.kafka.identity import identify, is_embedded
from tests.kafka.room import Room, rows, told


def test_topics_appear_on_first_use_with_its_number_of_partitions() -> None:
    async def story(bootstrap: str) -> None:
        room = Room.named(bootstrap, "appears")
        async with open_reader(room.access) as consumer:
            assert await is_embedded(consumer._client)
            assert (await identify(consumer._client, "appears")).partitions == PARTITIONS

    with embedded_broker() as bootstrap:
        asyncio.run(story(bootstrap))


def test_a_committed_transaction_is_read_back_past_its_marker() -> None:
    async def story(bootstrap: str) -> None:
        room = await Room.made(bootstrap, "embedded")
        async with open_reader(room.access) as consumer:
            await identify(consumer._client, room.topic("input"))
        mine = room.transactions(0)
        await mine.fence()
        for value in (b"1", b"2", b"3"):
            await mine.commit([], [rows([(b"row", value)])], offset=int(value))
        await mine.close()
        assert told(await restore(room.access, room.changelog(0))) == {b"row": b"3"}

    with embedded_broker() as bootstrap:
        asyncio.run(story(bootstrap))


def test_two_of_them_know_nothing_of_each_other() -> None:
    with embedded_broker() as one, embedded_broker(brokers=3) as other:
        assert len(other.split(",")) == 3
        assert one not in other
