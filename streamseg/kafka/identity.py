"""Which topic this is, its id and number of partitions as the brokers know them, and what the brokers are.

A topic's name arrives; its identity leaves. A topic that was deleted and made again has another id, so offsets and
state of the old one are never taken for its own. aiokafka asks for metadata up to version 5, which has no ids:
version 10 is spelt here (KIP-516, brokers from 2.8).
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import NoError, for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from streamseg.errors import ConfigError

NO_ID: Final = bytes(16)
"""Stands for "by name" in a request, and for "I have no ids" in an answer."""
LOOKS: Final = 25
LOOK_AGAIN_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """A topic as it is now."""

    id: str
    """The brokers' id of this very topic, a UUID; empty where they have none."""
    partitions: int


async def identify(client: AIOKafkaClient, topic: str) -> TopicIdentity:
    """Ask the brokers for the id and the width of a topic.

    Args:
        client: A started client (any consumer or producer has one).

    Raises:
        ConfigError: If there is no such topic after five seconds (a topic that was just created takes a moment).
        KafkaError: If the brokers don't answer.
    """
    may_create = False
    for _ in range(LOOKS):
        try:
            response = await client.send(client.get_random_node(), _TopicRequest(topic, may_create=may_create))
        except NotImplementedError:  # said by aiokafka where the brokers know only older versions
            return TopicIdentity("", len(await client._wait_on_metadata(topic)))
        for error_code, _name, topic_id, _internal, partitions, *_rest in response.topics:
            error = for_code(error_code)
            if error is NoError:
                return TopicIdentity("" if topic_id == NO_ID else str(uuid.UUID(bytes=topic_id)), len(partitions))
            if not error.retriable:
                raise error(topic)
        # Only the embedded broker may make it by being asked: elsewhere it would come out with wrong settings.
        may_create = _is_mock(response)
        await asyncio.sleep(LOOK_AGAIN_S)
    raise ConfigError(f"topic {topic!r} doesn't exist; create it with `streamseg topics create`")


async def is_embedded(client: AIOKafkaClient) -> bool:
    """Whether a started client speaks to librdkafka's mock cluster, which says so in its cluster id."""
    try:
        response = await client.send(client.get_random_node(), _TopicRequest(None))
    except NotImplementedError:  # as above
        return False
    return _is_mock(response)


def _is_mock(response: Any) -> bool:
    return str(response.cluster_id).startswith("mockCluster")


class _Uuid(AbstractType[bytes]):
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


class _TopicResponseV10(Response):
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _TopicRequestV10(RequestStruct):
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _TopicResponseV10
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _TopicRequest(Request[_TopicRequestV10]):
    API_KEY = 3

    def __init__(self, topic: str | None, *, may_create: bool = False) -> None:
        self._may_create = may_create
        self._topics: list[tuple[bytes, str, dict[int, bytes]]] = [] if topic is None else [(NO_ID, topic, {})]

    def build(self, request_struct_class: type[_TopicRequestV10]) -> _TopicRequestV10:
        return request_struct_class(self._topics, self._may_create, False, False, {})
