"""Models stand in the registry whole, one of them is current, and going back is one message."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import Any

import pytest

from streamseg.errors import ConfigError
from streamseg.kafka.registry import (
    CHUNK_BYTES,
    KEPT_BEFORE,
    KEPT_DECISIONS,
    Registry,
    follow,
    note,
    promote,
    publish,
    read,
    rollback,
)
from streamseg.wire.model_decisions import Why, encode_decision
from tests.kafka.broker import Broker
from tests.kafka.room import WHY, Room

pytestmark = pytest.mark.kafka
SMALL = b"a small model"
LARGE = random.Random(1).randbytes(2 * CHUNK_BYTES + 1)


def test_an_artefact_of_many_records_comes_back_byte_for_byte(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "large-model")
        await publish(room.access, "v1", LARGE, why=WHY, topic=room.topic("models"))
        registry = await read(room.access, topic=room.topic("models"))
        model = registry.model("v1")
        assert (model.data == LARGE, model.is_current, model.size) == (True, True, len(LARGE))

    asyncio.run(story())


def test_publishing_moves_the_pointer_unless_told_to_keep_it(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "pointer")
        models = room.topic("models")
        await publish(room.access, "v1", SMALL, why=WHY, topic=models)
        await publish(room.access, "v2", SMALL, why=WHY, kind="stored", topic=models)
        registry = await read(room.access, topic=models)
        assert (registry.current, registry.versions) == ("v1", ("v1", "v2"))
        await promote(room.access, "v2", why=WHY, topic=models)
        assert (await read(room.access, topic=models)).current == "v2"

    asyncio.run(story())


def test_a_rollback_goes_back_step_by_step_and_says_when_there_is_no_further_back(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "back")
        models = room.topic("models")
        for version in ("v1", "v2", "v3"):
            await publish(room.access, version, SMALL, why=WHY, topic=models)
        assert [await rollback(room.access, why=WHY, topic=models) for _ in range(2)] == ["v2", "v1"]
        assert (await read(room.access, topic=models)).current == "v1"
        with pytest.raises(ConfigError, match="no model was current before 'v1'; choose one with"):
            await rollback(room.access, why=WHY, topic=models)

    asyncio.run(story())


def test_every_change_stands_on_the_topic_with_its_reasons_and_what_changes_nothing_does_not(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "decisions")
        models = room.topic("models")
        by_drift = Why("drift", 1_000, ("psi.recency 0.40 exceeds 0.25",), {"psi.recency": 0.4})
        await publish(room.access, "v1", SMALL, why=Why("operator", 1), topic=models)
        await publish(room.access, "v2", SMALL, why=by_drift, topic=models)
        await promote(room.access, "v2", why=Why("operator", 1_001), topic=models)
        await rollback(room.access, of="v2", why=Why("matured", 1_002, ("worse",)), topic=models)
        await note(room.access, Why("data", 1_003).decision("failed", None), topic=models)
        assert [(one.kind, one.version, one.by) for one in (await read(room.access, topic=models)).decisions] == [
            ("promoted", "v1", "operator"),
            ("promoted", "v2", "drift"),
            ("rolled_back", "v2", "matured"),
            ("failed", None, "data"),
        ]
        kept = (await read(room.access, topic=models)).decisions[1]
        assert (kept.reasons, kept.figures) == (by_drift.reasons, by_drift.figures)

    asyncio.run(story())


def test_the_artefact_that_no_rollback_reaches_any_more_is_deleted(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "forgotten")
        models = room.topic("models")
        await publish(room.access, "stored", SMALL, kind="stored", why=WHY, topic=models)
        for i in range(KEPT_BEFORE + 2):
            await publish(room.access, f"v{i}", SMALL, why=WHY, topic=models)
        registry = await read(room.access, topic=models)
        assert registry.versions == ("stored", *(f"v{i}" for i in range(1, KEPT_BEFORE + 2)))
        assert registry.before[-1] == "v1"
        await promote(room.access, "v1", why=WHY, topic=models)
        assert (await read(room.access, topic=models)).model("v1").data == SMALL

    asyncio.run(story())


def test_a_rollback_of_one_version_leaves_another_that_has_become_current_alone(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "overtaken")
        models = room.topic("models")
        for version in ("v1", "v2", "v3"):
            await publish(room.access, version, SMALL, why=WHY, topic=models)
        with pytest.raises(ConfigError, match="model v2 is not rolled back: v3 has become current meanwhile"):
            await rollback(room.access, of="v2", why=WHY, topic=models)
        assert (await read(room.access, topic=models)).current == "v3"

    asyncio.run(story())


def test_a_challenger_waits_in_the_shadow_until_it_is_judged_or_overtaken() -> None:
    registry = a_registry("v1", "v2", "v3")
    for kind, version, waiting in (
        ("shadowed", "v2", "v2"),
        ("trained", "v3", "v2"),
        ("shadowed", "v3", "v3"),
        ("refused", "v1", "v3"),
        ("refused", "v3", None),
        ("shadowed", "v2", "v2"),
        ("promoted", "v3", None),
        ("shadowed", "v1", "v1"),
        ("rolled_back", "v3", "v1"),
        ("promoted", "v1", None),
        ("shadowed", "gone", None),
    ):
        hear(registry, kind, version)
        shadow = registry.shadow
        assert (shadow.version if shadow else None) == waiting, (kind, version)


def test_the_oldest_decisions_are_deleted_so_that_the_registry_stays_quick_to_read() -> None:
    registry = a_registry()
    for _ in range(KEPT_DECISIONS):
        hear(registry, "refused", "v1")
    first, *_ = registry.decisions
    assert registry.old_decisions(1) == [first.key]
    registry.apply(first.key, None, 0)
    assert first not in registry.decisions
    assert registry.old_decisions(1) == []


def test_a_decision_that_can_not_be_read_keeps_no_worker_from_its_model() -> None:
    registry = a_registry("v1")
    registry.apply(b"decision/0000000000001-promoted-v1", b"{}", 0)
    assert registry.versions == ("v1",)
    with pytest.raises(ConfigError, match="a decision on the topic models can't be read"):
        _ = registry.decisions


def a_registry(*versions: str) -> Registry:
    registry = Registry()
    for version in versions:
        registry.apply(b"artifact/" + version.encode(), b'{"chunks": 0, "bytes": 0, "sha256": "?"}', 0)
    return registry


def hear(registry: Registry, kind: Any, version: str) -> None:
    """One decision more, a millisecond after the last."""
    decision = Why("operator", len(registry.decisions) + 1).decision(kind, version)
    registry.apply(decision.key, encode_decision(decision), 0)


def test_a_follower_hears_of_each_change_after_the_state_that_it_found(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "follower")
        models = room.topic("models")
        async with aclosing(follow(room.access, topic=models)) as states:
            heard = [(await anext(states)).current]
            for version in ("v1", "v2"):
                await publish(room.access, version, SMALL, why=WHY, topic=models)
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
        await publish(room.access, "v1", SMALL, why=WHY, topic=models)
        with pytest.raises(ConfigError, match=r"model 'v9' is not in the registry \(there: v1\)"):
            await promote(room.access, "v9", why=WHY, topic=models)
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
