"""A restore gives the last value of every key, up to the end that the fence has fixed, and never more or less."""

from __future__ import annotations

import asyncio

import pytest

from streamseg.kafka.changelog import changelog_topic, make_changelog, restore
from streamseg.kafka.client import KafkaAccess, open_reader
from streamseg.kafka.identity import identify
from tests.kafka.broker import Broker
from tests.kafka.room import Room, rows, told

pytestmark = pytest.mark.kafka


def test_the_last_value_of_each_key_is_restored_and_tombstones_are_gone(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "restored")
        mine = room.transactions(1)
        await mine.fence()
        await mine.commit([], [rows([(b"a", b"1"), (b"b", b"1"), (b"c", b"1")])], offset=1)
        await mine.commit([], [rows([(b"a", b"2"), (b"b", None)])], offset=2)
        await mine.commit([], [rows([(b"d", b"1"), (b"d", b"2")])], offset=3)
        await mine.close()
        assert told(await restore(room.access, room.changelog(1))) == {b"a": b"2", b"c": b"1", b"d": b"2"}
        assert told(await restore(room.access, room.changelog(0))) == {}

    asyncio.run(story())


def test_a_changelog_that_ends_in_an_aborted_transaction_is_restored_to_its_end(real_kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(real_kafka.bootstrap, "aborted")
        mine = room.transactions(0)
        await mine.fence()
        await mine.commit([], [rows([(b"a", b"kept")])], offset=1)
        producer = mine._producer
        assert producer is not None
        await producer.begin_transaction()
        await (await producer.send(room.topic("changelog"), b"dropped", b"a", partition=0))
        await producer.abort_transaction()
        await mine.close()
        # The last offset is a marker: who waits for the record before it waits for ever.
        assert told(await restore(room.access, room.changelog(0))) == {b"a": b"kept"}

    asyncio.run(story())


def test_a_changelog_of_several_fetches_is_restored_whole(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "long")
        mine = room.transactions(0)
        await mine.fence()
        for part in range(4):
            await mine.commit([], [rows([(b"%d-%d" % (part, i), b"x" * 1_000) for i in range(1_000)])], offset=part)
        await mine.close()
        assert len(await restore(room.access, room.changelog(0))) == 4_000

    asyncio.run(story())


def test_each_group_has_a_changelog_of_its_own_as_wide_as_its_input(real_kafka: Broker) -> None:
    async def story() -> None:
        access = KafkaAccess(real_kafka.bootstrap)
        for _ in range(2):  # the second time it is there already
            await make_changelog(access, "wide", partitions=7)
        async with open_reader(access) as consumer:
            assert (await identify(consumer._client, changelog_topic("wide"))).partitions == 7

    asyncio.run(story())
