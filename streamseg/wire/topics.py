"""Every topic that streamseg reads or writes, declared once; `topics/topics.toml` is generated from here.

Names are logical: a deployment may put a prefix in front. This file knows no broker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

TOUCHPOINTS: Final = "touchpoints"
SEGMENT_CHANGES: Final = "segment-changes"
CHURN_ALERTS: Final = "churn-alerts"
CUSTOMER_PROFILES: Final = "customer-profiles"
DEAD_LETTERS: Final = "dead-letters"
LATE_TOUCHPOINTS: Final = "late-touchpoints"
CHANGELOG: Final = "streamseg-changelog"
MODELS: Final = "models"
RETRAIN_COMMANDS: Final = "retrain-commands"

FOREVER_MS: Final = -1
_DAY_MS: Final = 86_400_000
_WITH_HEADERS: Final = {"max.message.bytes": "2097152"}
"""A record that just fitted its topic must still fit with what we say about it."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it must be on the broker; `streamseg topics create` makes it and `check` compares."""

    name: str
    """Logical name."""
    key: str
    """What the record's key is, in words; records of one key stay in order."""
    partitions: int
    """Unless set otherwise. The changelog must have as many as the touchpoints: one belongs to the other."""
    timestamp_type: Literal["CreateTime", "LogAppendTime"]
    cleanup_policy: Literal["delete", "compact"]
    retention_ms: int
    """Milliseconds that a record is kept; -1 = for ever (and always so where compacted)."""
    owner: str
    """Who writes to it, and is asked when its contents are wrong."""
    purpose: str
    """One sentence."""
    config: Mapping[str, str] = field(default_factory=dict)
    """Further topic settings of Kafka, by their Kafka names."""

    def kafka_config(self) -> dict[str, str]:
        """All topic settings by their Kafka names, as `create` sends them and `check` compares them.

        >>> TOPICS[0].kafka_config()["message.timestamp.type"]
        'LogAppendTime'
        """
        return {
            "cleanup.policy": self.cleanup_policy,
            "message.timestamp.type": self.timestamp_type,
            "retention.ms": str(self.retention_ms),
            **self.config,
        }


TOPICS: Final[tuple[Topic, ...]] = (
    Topic(
        name=TOUCHPOINTS,
        key="customer_id, UTF-8",
        partitions=4,
        # Append time bounds how far a wrong event_time can lead: see allowed skew in the settings.
        timestamp_type="LogAppendTime",
        cleanup_policy="delete",
        # A year of history and a churn horizon's margin: what the retrainer learns from.
        retention_ms=400 * _DAY_MS,
        owner="publishers",
        purpose="Every touchpoint of every customer: the one input.",
    ),
    Topic(
        name=SEGMENT_CHANGES,
        key="customer_id, UTF-8",
        partitions=4,
        timestamp_type="CreateTime",
        cleanup_policy="delete",
        retention_ms=400 * _DAY_MS,
        owner="streamseg worker",
        purpose="A customer entered, changed or left a segment; append-only.",
    ),
    Topic(
        name=CHURN_ALERTS,
        key="customer_id, UTF-8",
        partitions=4,
        timestamp_type="CreateTime",
        cleanup_policy="delete",
        retention_ms=400 * _DAY_MS,
        owner="streamseg worker",
        purpose="A customer is about to be lost, with the reasons; append-only.",
    ),
    Topic(
        name=CUSTOMER_PROFILES,
        key="customer_id, UTF-8",
        partitions=4,
        timestamp_type="CreateTime",
        cleanup_policy="compact",
        retention_ms=FOREVER_MS,
        owner="streamseg worker",
        purpose="The latest segment, risk and value of each customer; a tombstone after consent is withdrawn.",
    ),
    Topic(
        name=DEAD_LETTERS,
        key="as it arrived",
        partitions=4,
        timestamp_type="CreateTime",
        cleanup_policy="delete",
        retention_ms=30 * _DAY_MS,
        owner="streamseg worker",
        purpose="Records that can't be read as touchpoints: identical bytes, with the reason in headers.",
        config=_WITH_HEADERS,
    ),
    Topic(
        name=LATE_TOUCHPOINTS,
        key="customer_id, UTF-8",
        partitions=4,
        timestamp_type="CreateTime",
        cleanup_policy="delete",
        retention_ms=30 * _DAY_MS,
        owner="streamseg worker",
        purpose="Touchpoints that came after the allowed lateness: identical bytes, with the lateness in headers.",
        config=_WITH_HEADERS,
    ),
    Topic(
        name=CHANGELOG,
        key="a row's own key, bytes",
        partitions=4,
        timestamp_type="CreateTime",
        cleanup_policy="compact",
        retention_ms=FOREVER_MS,
        owner="streamseg worker",
        purpose="State of the worker, partition by partition as the touchpoints; read back after an assignment.",
    ),
    Topic(
        name=MODELS,
        key="artifact/<version>, artifact/<version>/<chunk>, decision/<at_ms>-<kind>-<version>, or current",
        partitions=1,
        timestamp_type="CreateTime",
        cleanup_policy="compact",
        retention_ms=FOREVER_MS,
        owner="streamseg retrain",
        purpose="Model registry: artefacts by version, every decision about them, and the pointer to the current one.",
    ),
    Topic(
        name=RETRAIN_COMMANDS,
        key="none",
        partitions=1,
        timestamp_type="CreateTime",
        cleanup_policy="delete",
        retention_ms=7 * _DAY_MS,
        owner="operators",
        purpose="Requests to train a model now.",
    ),
)
"""All topics, in the order of the journey."""
