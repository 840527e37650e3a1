"""The model registry: a compacted topic that holds artefacts by version, one pointer, `current`, and every decision.

Bytes of artefacts and reasons arrive; versions, bytes and decisions leave. What belongs together is written in one
transaction under the registry's own transactional id, the pointer last, so a reader of committed records never meets a
pointer without its artefact. It refuses to know what a model is: that is `model.artifact`'s.

    artifact/<version>/<i>             at most 900 KB of the artefact's bytes
    artifact/<version>                 {"chunks": n, "bytes": n, "sha256": "..."}
    decision/<at_ms>-<kind>-<version>  what was decided, by whom and why (wire/model_decisions.py); the newest are kept
    current                            {"version": "...", "before": ["...", ...]}   where a rollback goes, newest first
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streamseg.errors import ConfigError, TransientError
from streamseg.kafka.client import KafkaAccess, open_reader, stop_within, transactional_producer, written_ends
from streamseg.wire.model_decisions import KEY as DECISION
from streamseg.wire.model_decisions import ModelDecision, Why, decode_decision, encode_decision
from streamseg.wire.topics import MODELS

CHUNK_BYTES: Final = 900_000
"""Below every broker's default limit of 1 MiB a record."""
CURRENT: Final = b"current"
ARTIFACT: Final = b"artifact/"
KEPT_BEFORE: Final = 20
"""How many earlier versions the pointer remembers; the artefact of one that falls off is deleted."""
KEPT_DECISIONS: Final = 300
"""At a decision a day most of a year; older ones are deleted, so that the registry stays quick to read."""
WRITE_LIMIT_S: Final = 30.0

Record = tuple[bytes, bytes | None]
"""Key and value; None is a tombstone."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One version in the registry."""

    version: str
    size: int
    """Bytes."""
    stored_ms: int
    """Broker's time of its record, milliseconds UTC."""
    is_current: bool
    data: bytes = field(repr=False)


@dataclass(slots=True)
class Registry:
    """What the records read so far amount to."""

    current: str | None = None
    before: tuple[str, ...] = ()
    _heads: dict[str, tuple[dict[str, Any], int]] = field(default_factory=dict)
    _chunks: dict[bytes, bytes] = field(default_factory=dict)
    _decisions: dict[bytes, bytes] = field(default_factory=dict)

    def apply(self, key: bytes, value: bytes | None, timestamp_ms: int) -> None:
        """Take one record, in the order of the topic. Keys of other kinds are left alone."""
        if key == CURRENT:
            pointer = orjson.loads(value) if value else {"version": None, "before": []}
            self.current, self.before = pointer["version"], tuple(pointer["before"])
        elif key.startswith(ARTIFACT):
            version, _, chunk = key[len(ARTIFACT) :].decode().partition("/")
            if value is None:
                self._chunks.pop(key, None)
                if not chunk:
                    self._heads.pop(version, None)
            elif chunk:
                self._chunks[key] = value
            else:
                self._heads[version] = (orjson.loads(value), timestamp_ms)
        elif key.startswith(DECISION):
            # Read when asked for: a decision that can't be read must not keep a worker from its model.
            self._decisions.pop(key, None)
            if value is not None:
                self._decisions[key] = value

    @property
    def versions(self) -> tuple[str, ...]:
        """All stored versions, the oldest first."""
        return tuple(self._heads)

    @property
    def decisions(self) -> tuple[ModelDecision, ...]:
        """What is remembered, the oldest first.

        Raises:
            ConfigError: If one of them can't be read.
        """
        return tuple(decode_decision(value) for _, value in sorted(self._decisions.items()))

    @property
    def shadow(self) -> ModelDecision | None:
        """The decision by which the newest challenger waits in the shadow; None if it was judged, or is overtaken."""
        waiting: ModelDecision | None = None
        for decision in self.decisions:
            if decision.kind == "shadowed":
                waiting = decision
            elif decision.kind == "promoted" or (decision.kind == "refused" and decision.version == _version(waiting)):
                waiting = None
        return waiting if _version(waiting) in self._heads else None

    def keys(self, version: str) -> list[bytes]:
        """Keys of the records of an artefact; none if it is not stored."""
        if version not in self._heads:
            return []
        head, _ = self._heads[version]
        return [*(_chunk_key(version, i) for i in range(head["chunks"])), ARTIFACT + version.encode()]

    def old_decisions(self, coming: int) -> list[bytes]:
        """Keys of those that must go, so that with so many new ones `KEPT_DECISIONS` are there."""
        return sorted(self._decisions)[: max(0, len(self._decisions) + coming - KEPT_DECISIONS)]

    def model(self, version: str) -> StoredModel:
        """Put the artefact of a version together.

        Raises:
            ConfigError: If there is no such version, or its bytes are not those that were published.
        """
        if version not in self._heads:
            known = ", ".join(self.versions) or "none"
            raise ConfigError(f"model {version!r} is not in the registry (there: {known}); see `streamseg models list`")
        head, stored_ms = self._heads[version]
        data = b"".join(self._chunks.get(_chunk_key(version, i), b"") for i in range(head["chunks"]))
        if hashlib.sha256(data).hexdigest() != head["sha256"]:
            raise ConfigError(
                f"model {version!r} in the registry is damaged: {len(data)} of {head['bytes']} bytes are there or they "
                f"are others; publish it again with `streamseg models publish FILE`"
            )
        return StoredModel(version, len(data), stored_ms, version == self.current, data)


async def read(access: KafkaAccess, *, topic: str = MODELS) -> Registry:
    """Read the registry to its present end."""
    where, registry = TopicPartition(topic, 0), Registry()
    end = (await written_ends(access, [where]))[where]
    async with open_reader(access) as consumer:
        await _read_to(end, consumer, where, registry)
        return registry


async def follow(access: KafkaAccess, *, topic: str = MODELS) -> AsyncGenerator[Registry]:
    """Yield the registry as it is at its present end, then again after each change; without a group, without end.

    The same object each time: take from it what is needed before asking for more.
    """
    where, registry = TopicPartition(topic, 0), Registry()
    end = (await written_ends(access, [where]))[where]
    async with open_reader(access) as consumer:
        await _read_to(end, consumer, where, registry)
        yield registry
        while True:
            if _apply(await consumer.getmany(where, timeout_ms=1_000), registry):
                yield registry


async def publish(
    access: KafkaAccess,
    version: str,
    data: bytes,
    *,
    why: Why,
    kind: Literal["promoted", "stored", "shadowed"] = "promoted",
    topic: str = MODELS,
) -> None:
    """Store an artefact and, if it is `promoted`, point at it: both or neither.

    Raises:
        ConfigError: If the registry's topic is missing or may not be written.
        TransientError: If the brokers did not answer; publishing the same version again is harmless.
    """

    def records(registry: Registry) -> list[Record]:
        chunks = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
        head = {"chunks": len(chunks), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        written: list[Record] = [(_chunk_key(version, i), chunk) for i, chunk in enumerate(chunks)]
        written.append((ARTIFACT + version.encode(), orjson.dumps(head)))
        written += _decided(registry, why.decision(kind, version))
        if kind == "promoted" and registry.current != version:
            written += _moved(registry, version)
        return written

    await _write(access, topic, records)


async def promote(access: KafkaAccess, version: str, *, why: Why, topic: str = MODELS) -> None:
    """Point at a stored version.

    Raises:
        ConfigError: If it is not stored, or damaged.
    """

    def records(registry: Registry) -> list[Record]:
        registry.model(version)
        if registry.current == version:
            return []
        return [*_decided(registry, why.decision("promoted", version)), *_moved(registry, version)]

    await _write(access, topic, records)


async def rollback(access: KafkaAccess, *, why: Why, of: str | None = None, topic: str = MODELS) -> str:
    """Point at the version before the current one, and return it.

    Args:
        access: Where Kafka is.
        why: It becomes the decision about the version that is left.
        of: Only if this version is still current; None = whichever it is.
        topic: Name of the registry's topic.

    Raises:
        ConfigError: If there was none, it is damaged, or another version is current than `of`.
    """
    back_to: list[str] = []

    def records(registry: Registry) -> list[Record]:
        if of is not None and registry.current != of:
            raise ConfigError(f"model {of} is not rolled back: {registry.current} has become current meanwhile")
        if not registry.before:
            raise ConfigError(
                f"no model was current before {registry.current!r}; choose one with `streamseg models promote VERSION`"
            )
        back_to.append(registry.before[0])
        registry.model(registry.before[0])
        decided = _decided(registry, why.decision("rolled_back", registry.current))
        return [*decided, _pointer(registry.before[0], registry.before[1:])]

    await _write(access, topic, records)
    return back_to[0]


async def note(access: KafkaAccess, decision: ModelDecision, *, topic: str = MODELS) -> None:
    """Remember a decision that changes neither artefacts nor the pointer.

    Raises:
        TransientError: If the brokers did not answer.
    """
    await _write(access, topic, lambda registry: _decided(registry, decision))


async def _write(access: KafkaAccess, topic: str, records: Callable[[Registry], list[Record]]) -> None:
    """Fence other writers, read what is there, and write what `records` makes of it, in one transaction."""
    producer = transactional_producer(
        access, transactional_id=f"{topic}-registry", transaction_timeout_ms=round(WRITE_LIMIT_S * 1000)
    )
    try:
        async with asyncio.timeout(WRITE_LIMIT_S):
            await producer.start()
            await producer.partitions_for(topic)
            written = records(await read(access, topic=topic))
            if not written:
                return
            async with producer.transaction():
                deliveries = [await producer.send(topic, value, key, partition=0) for key, value in written]
                await asyncio.gather(*deliveries)
    except (KafkaError, TimeoutError, OSError) as reason:
        raise TransientError(
            f"the registry topic {topic!r} could not be written: {reason!r}; check that it exists (`streamseg topics "
            f"create`) and that the brokers answer, then try again"
        ) from reason
    finally:
        await stop_within(producer)


async def _read_to(end: int, consumer: AIOKafkaConsumer, where: TopicPartition, registry: Registry) -> None:
    consumer.assign([where])
    await consumer.seek_to_beginning(where)
    while await consumer.position(where) < end:
        _apply(await consumer.getmany(where, timeout_ms=200), registry)


def _apply(batches: dict[TopicPartition, list[Any]], registry: Registry) -> bool:
    for records in batches.values():
        for record in records:
            registry.apply(record.key, record.value, record.timestamp)
    return bool(batches)


def _decided(registry: Registry, decision: ModelDecision) -> list[Record]:
    """The record of a decision, and tombstones for those that are too old by now."""
    return [(decision.key, encode_decision(decision)), *((key, None) for key in registry.old_decisions(1))]


def _version(decision: ModelDecision | None) -> str | None:
    return decision.version if decision is not None else None


def _chunk_key(version: str, i: int) -> bytes:
    return ARTIFACT + f"{version}/{i}".encode()


def _moved(registry: Registry, version: str) -> list[Record]:
    """The pointer to another version, after tombstones for the artefact that it is the last to remember."""
    before = registry.before if registry.current is None else (registry.current, *registry.before)
    kept = before[:KEPT_BEFORE]
    forgotten = [key for lost in before[KEPT_BEFORE:] if lost not in (version, *kept) for key in registry.keys(lost)]
    return [*((key, None) for key in forgotten), _pointer(version, kept)]


def _pointer(version: str, before: tuple[str, ...]) -> Record:
    return CURRENT, orjson.dumps({"version": version, "before": before})
