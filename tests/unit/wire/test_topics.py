from __future__ import annotations

import tomllib
from dataclasses import asdict

from streamseg.wire import topics
from streamseg.wire.schema import ROOT
from streamseg.wire.topics import TOPICS

BY_NAME = {topic.name: topic for topic in TOPICS}
DAY_MS = 86_400_000


def test_topics_toml_lists_every_topic_with_every_property() -> None:
    listed = tomllib.loads((ROOT / "topics.toml").read_text(encoding="utf-8"))["topic"]
    told = [{name: value for name, value in entry.items() if name != "schema"} for entry in listed]
    assert [{"config": {}, **entry} for entry in told] == [asdict(topic) for topic in TOPICS]
    assert all((ROOT / entry["schema"]).exists() for entry in listed if "schema" in entry)


def test_every_named_topic_is_declared_once() -> None:
    named = {value for name, value in vars(topics).items() if name.isupper() and isinstance(value, str)}
    assert named == set(BY_NAME)
    assert len(BY_NAME) == len(TOPICS)


def test_state_is_partitioned_as_its_input_is() -> None:
    assert BY_NAME[topics.CHANGELOG].partitions == BY_NAME[topics.TOUCHPOINTS].partitions


def test_touchpoints_carry_append_time_and_stay_for_400_days() -> None:
    assert BY_NAME[topics.TOUCHPOINTS].kafka_config() == {
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(400 * DAY_MS),
    }


def test_what_is_latest_of_a_key_is_compacted_and_kept_for_ever_and_what_happened_is_not() -> None:
    compacted = {topic.name for topic in TOPICS if topic.cleanup_policy == "compact"}
    assert compacted == {topics.CUSTOMER_PROFILES, topics.CHANGELOG, topics.MODELS}
    assert {topic.retention_ms for topic in TOPICS if topic.name in compacted} == {topics.FOREVER_MS}


def test_models_and_commands_have_one_order() -> None:
    assert BY_NAME[topics.MODELS].partitions == BY_NAME[topics.RETRAIN_COMMANDS].partitions == 1
