"""Models stand in the registry whole, one of them is current, and going back is one message."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing

import pytest

from streamseg.errors import ConfigError
from streamseg.kafka.registry import CHUNK_BYTES, Registry, follow, promote, publish, read, rollback
from tests.kafka.broker import Broker
from tests.kafka.room import Room

pytestmark = pytest.mark.kafka
SMALL = b"a small model"
LARGE = random.Random(1).randbytes(2 * CHUNK_BYTES + 1)


def test_an_artefact_of_many_records_comes_back_byte_for_byte(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "large-model")
        await publish(room.access, "v1", LARGE, topic=room.topic("models"))
        registry = await read(room.access, topic=room.topic("models"))
        model = registry.model("v1")
        assert (model.data == LARGE, model.is_current, model.size) == (True, True, len(LARGE))

    asyncio.run(story())


def test_publishing_moves_the_pointer_unless_told_to_keep_it(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "pointer")
        models = room.topic("models")
        await publish(room.access, "v1", SMALL, topic=models)
        await publish(room.access, "v2", SMALL, topic=models, make_current=False)
        registry = await read(room.access, topic=models)
        assert (registry.current, registry.versions) == ("v1", ("v1", "v2"))
        await promote(room.access, "v2", topic=models)
        assert (await read(room.access, topic=models)).current == "v2"

    asyncio.run(story())


def test_a_rollback_goes_back_step_by_step_and_says_when_there_is_no_further_back(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "back")
        models = room.topic("models")
        for version in ("v1", "v2", "v3"):
            await publish(room.access, version, SMALL, topic=models)
        assert [await rollback(room.access, topic=models) for _ in range(2)] == ["v2", "v1"]
        assert (await read(room.access, topic=models)).current == "v1"
        with pytest.raises(ConfigError, match="no model was current before 'v1'; choose one with"):
            await rollback(room.access, topic=models)

    asyncio.run(story())


def test_a_follower_hears_of_each_change_after_the_state_that_it_found(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "follower")
        models = room.topic("models")
        async with aclosing(follow(room.access, topic=models)) as states:
            heard = [(await anext(states)).current]
            for version in ("v1", "v2"):
                await publish(room.access, version, SMALL, topic=models)
                while (state := await anext(states)).current == heard[-1]:
                    pass
                assert state.model(version).data == SMALL
                heard.append(state.current)
        assert heard == [None, "v1", "v2"]

    asyncio.run(story())


def test_a_version_that_is_not_stored_is_refused_with_those_that_are(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "unknown-model")
        models = room.topic("models")
        await publish(room.access, "v1", SMALL, topic=models)
        with pytest.raises(ConfigError, match=r"model 'v9' is not in the registry \(there: v1\)"):
            await promote(room.access, "v9", topic=models)
        assert (await read(room.access, topic=models)).current == "v1"

    asyncio.run(story())


def test_a_damaged_artefact_is_refused() -> None:
    registry = Registry()
    registry.apply(b"artifact/v1/0", b"half", 0)
    registry.apply(b"artifact/v1", b'{"chunks": 2, "bytes": 8, "sha256": "of something else"}', 0)
    with pytest.raises(ConfigError, match="model 'v1' in the registry is damaged: 4 of 8 bytes are there"):
        registry.model("v1")


def test_a_version_whose_records_were_deleted_is_forgotten() -> None:
    registry = Registry()
    registry.apply(b"artifact/v1/0", b"data", 0)
    registry.apply(b"artifact/v1", b'{"chunks": 1, "bytes": 4, "sha256": "?"}', 0)
    registry.apply(b"artifact/v1", None, 1)
    assert registry.versions == ()
