"""Where an agent goes on: where both memories of the last transaction agree, and nowhere else."""

from __future__ import annotations

import pytest
from aiokafka import TopicPartition

from streamseg.errors import ConfigError, InvariantError
from streamseg.kafka.identity import TopicIdentity
from streamseg.kafka.resumption import Log, start_offset
from streamseg.partition_row import Position

HERE = TopicPartition("touchpoints", 1)
TOPIC = TopicIdentity("id-1", 4)
LOG = Log(0, 100)


def go_on(
    *,
    committed: int | None,
    at: int | None,
    told: int | None = None,
    topic: TopicIdentity = TOPIC,
    log: Log = LOG,
    width: int = 4,
) -> int:
    remembered = None if at is None else Position(at, "id-1", width, at if told is None else told)
    return start_offset(HERE, topic=topic, log=log, committed=committed, remembered=remembered)


def test_the_first_start_begins_at_the_earliest_offset() -> None:
    assert go_on(committed=None, at=None, log=Log(7, 100)) == 7


def test_a_restart_goes_on_where_offset_and_state_agree() -> None:
    assert go_on(committed=42, at=42) == 42


def test_a_state_without_a_committed_offset_goes_on_where_the_state_ends() -> None:
    assert go_on(committed=None, at=42) == 42


def test_a_state_that_moved_on_since_the_group_was_told_goes_on_where_the_state_ends() -> None:
    assert go_on(committed=30, at=42, told=30) == 42


def test_an_offset_without_a_state_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"touchpoints\[1\] has committed offset 42, but its changelog is empty"):
        go_on(committed=42, at=None)


def test_an_offset_that_was_set_forward_is_refused_with_the_one_to_set() -> None:
    with pytest.raises(ConfigError, match=r"its state was committed with 30: .* Set the offset back to 30"):
        go_on(committed=42, at=42, told=30)


def test_an_offset_behind_the_state_is_refused_since_records_would_count_twice() -> None:
    with pytest.raises(
        InvariantError, match="committed with 35 and holds records up to 41: going on would count some twice"
    ):
        go_on(committed=30, at=42, told=35)


def test_a_widened_topic_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="has 6 partitions; the state was made with 4: customers would change partition"
    ):
        go_on(committed=42, at=42, topic=TopicIdentity("id-1", 6))


def test_a_topic_that_was_made_again_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"is not the one that the state was made from \(id id-2, expected id-1\)"):
        go_on(committed=42, at=42, topic=TopicIdentity("id-2", 4))


def test_records_that_were_deleted_before_they_were_processed_are_told_by_number() -> None:
    with pytest.raises(
        ConfigError, match="oldest one left at 60: 18 touchpoints were deleted before they were processed"
    ):
        go_on(committed=42, at=42, log=Log(60, 100))


def test_processed_records_that_are_gone_are_told_by_number() -> None:
    with pytest.raises(ConfigError, match="the topic ends at 40: 2 processed touchpoints are gone"):
        go_on(committed=42, at=42, log=Log(0, 40))
