"""The topics on the brokers: made as they're declared, and compared with the declaration.

Arrives: the list of `wire.topics`. Leaves: topics, or a list of differences, each with its remedy. It refuses to change
or delete a topic that exists: what a retention or a partition count costs is for the operator to weigh.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError, TopicAlreadyExistsError, for_code

from streamseg.errors import ConfigError, TransientError
from streamseg.kafka.client import KafkaAccess
from streamseg.wire.topics import TOPICS, Topic

USUAL_REPLICATION: Final = 3
"""Copies of each partition where there are brokers enough: one may be down for repair and one may fail."""
VISIBLE_LIMIT_S: Final = 30

Outcome = Literal["created", "exists", "appears on first use"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a topic isn't as it must be."""

    topic: str
    what: str
    """`topic`, `partitions`, or the Kafka name of a setting."""
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} is {self.found}, expected {self.expected}; {self.remedy}"


async def create_topics(
    access: KafkaAccess,
    *,
    partitions: int | None = None,
    replication: int | None = None,
    topics: Sequence[Topic] = TOPICS,
) -> dict[str, Outcome]:
    """Make the topics that aren't there, with their settings; those that are there stay as they are.

    Args:
        access: Where the brokers are.
        partitions: Count for the topics that are split by customer; None takes each topic's own.
        replication: Copies of each partition; None is three, or one a broker where there are fewer.
        topics: What to make.

    Returns:
        Topic name to what became of it. A broker without CreateTopics (the embedded one) makes topics on first use.

    Raises:
        ConfigError: If the brokers refuse a topic; names it and their reason.
        TransientError: If no broker answers.
    """
    async with _admin(access) as admin:
        cluster = await admin.describe_cluster()
        if cluster["controller_id"] not in {broker["node_id"] for broker in cluster["brokers"]}:
            # The embedded broker: nobody to ask for a topic there; asking for its metadata makes it.
            await admin.describe_topics([topic.name for topic in topics])
            return {topic.name: "appears on first use" for topic in topics}
        wanted = [
            NewTopic(
                topic.name,
                _count(topic, partitions),
                replication or min(USUAL_REPLICATION, len(cluster["brokers"])),
                None,
                topic.kafka_config(),
            )
            for topic in topics
        ]
        outcomes = _outcomes((await admin.create_topics(wanted)).to_object(), access)
        await _until_visible(admin, set(outcomes), access)
        return outcomes


async def check_topics(
    access: KafkaAccess, *, partitions: int | None = None, topics: Sequence[Topic] = TOPICS
) -> list[Difference]:
    """Compare the topics on the brokers with their declaration; an empty list means that all is well.

    Args:
        access: Where the brokers are.
        partitions: Expected count of the topics that are split by customer; None takes each topic's own.
        topics: What to compare.

    Raises:
        ConfigError: If the settings of a topic may not be read.
        TransientError: If no broker answers.
    """
    async with _admin(access) as admin:
        names = [topic.name for topic in topics]
        # All topics, not these: asking for a name may create it, on brokers that make topics on first use.
        found = {
            each["topic"]: len(each["partitions"]) for each in await admin.describe_topics() if each["topic"] in names
        }
        settings = await _settings(admin, sorted(found), access)
    differences: list[Difference] = []
    for topic in topics:
        if topic.name not in found:
            differences.append(
                Difference(topic.name, "topic", "missing", "present", "create it with: streamseg topics create")
            )
            continue
        differences += _partition_differences(topic, found[topic.name], _count(topic, partitions))
        differences += _setting_differences(topic, settings[topic.name], access.bootstrap_servers)
    return differences


def _outcomes(answer: dict[str, Any], access: KafkaAccess) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for result in answer["topic_errors"]:
        name, error = result["topic"], for_code(result["error_code"])
        if result["error_code"] and error is not TopicAlreadyExistsError:
            raise ConfigError(
                f"topic {name!r} can't be created on {access.bootstrap_servers}: "
                f"{result.get('error_message') or error.__name__}"
            )
        outcomes[name] = "exists" if result["error_code"] else "created"
    return outcomes


async def _until_visible(admin: AIOKafkaAdminClient, names: set[str], access: KafkaAccess) -> None:
    """Wait for the brokers to know what the controller has made; before that it is unknown to its users."""
    for _ in range(VISIBLE_LIMIT_S * 10):
        seen = {each["topic"] for each in await admin.describe_topics() if each["partitions"]}
        if names <= seen:
            return
        await asyncio.sleep(0.1)
    raise TransientError(
        f"topics {', '.join(sorted(names - seen))} were created and are still unknown on {access.bootstrap_servers} "
        f"after {VISIBLE_LIMIT_S} s; check that all brokers are up"
    )


def _count(topic: Topic, partitions: int | None) -> int:
    """Topics with one partition hold one order for everybody; the count is for those that are split by customer."""
    return topic.partitions if partitions is None or topic.partitions == 1 else partitions


def _partition_differences(topic: Topic, found: int, expected: int) -> list[Difference]:
    if found == expected:
        return []
    remedy = (
        "a changed count moves customers away from their state; make the topic anew, "
        "or name this count with --partitions"
    )
    return [Difference(topic.name, "partitions", str(found), str(expected), remedy)]


def _setting_differences(topic: Topic, found: dict[str, str], bootstrap: str) -> list[Difference]:
    differences = []
    for name, expected in topic.kafka_config().items():
        value = found.get(name, "(unknown)")
        if _serves(topic, name, value, expected):
            continue
        remedy = (
            f"kafka-configs.sh --bootstrap-server {bootstrap} --alter --entity-type topics "
            f"--entity-name {topic.name} --add-config {name}={expected}"
        )
        differences.append(Difference(topic.name, name, value, expected, remedy))
    return differences


def _serves(topic: Topic, name: str, value: str, expected: str) -> bool:
    if name != "retention.ms":
        return value == expected
    # Compaction alone never deletes by age, and who keeps more than asked has lost nothing.
    if topic.cleanup_policy == "compact" or value == "-1":
        return True
    return expected != "-1" and value.lstrip("-").isdigit() and int(value) >= int(expected)


async def _settings(admin: AIOKafkaAdminClient, names: list[str], access: KafkaAccess) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    try:
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    except IncompatibleBrokerVersion as reason:
        raise ConfigError(
            f"{access.bootstrap_servers} doesn't tell the settings of topics (the embedded broker has none); "
            f"check topics on a real Kafka"
        ) from reason
    settings: dict[str, dict[str, str]] = {}
    for resource in (resource for answer in answers for resource in answer.to_object()["resources"]):
        name = resource["resource_name"]
        if resource["error_code"]:
            raise ConfigError(
                f"the settings of topic {name!r} can't be read on {access.bootstrap_servers}: "
                f"{resource['error_message'] or for_code(resource['error_code']).__name__}; "
                f"allow this user DescribeConfigs on the topic"
            )
        settings[name] = {entry["config_names"]: entry["config_value"] for entry in resource["config_entries"]}
    return settings


@asynccontextmanager
async def _admin(access: KafkaAccess) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(**access.options())
    try:
        await admin.start()
    except (TimeoutError, KafkaConnectionError, OSError) as reason:
        raise TransientError(
            f"no broker answers at {access.bootstrap_servers}; check STREAMSEG_KAFKA_BOOTSTRAP_SERVERS and the network"
        ) from reason
    try:
        yield admin
    finally:
        await admin.close()
