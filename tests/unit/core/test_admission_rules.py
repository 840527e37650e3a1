"""Which touchpoints count: duplicates, lateness, and the order in which they are told apart."""

from __future__ import annotations

from streamseg.wire import topics
from tests.oracle.streams import DAY, MINUTE
from tests.unit.core.story import Story


def test_the_first_touchpoint_enters_the_customer_as_new(story: Story) -> None:
    assert story.touch(0) == ["entered - > new"]
    assert story.counts == {"received": 1, "suppressed": 1}


def test_a_repeated_event_id_is_a_duplicate_and_says_nothing(story: Story) -> None:
    story.touch(0, event_id="same")
    assert story.touch(0.5, event_id="same") == []
    assert story.counts == {"received": 2, "suppressed": 1, "duplicate": 1}


def test_an_event_id_of_another_customer_is_no_duplicate(story: Story) -> None:
    story.touch(0, event_id="same")
    assert story.touch(0, event_id="same", who="bo") == ["entered - > new"]


def test_a_duplicate_moves_no_watermark(story: Story) -> None:
    story.touch(0, event_id="same")
    story.touch(5, event_id="same")
    story.touch(0, ms=-DAY)
    assert story.counts["too_late"] == 0


def test_an_id_is_remembered_while_it_is_among_the_latest_64_however_old(story: Story) -> None:
    story.touch(0, event_id="old")
    for number in range(63):
        story.touch(100 + number)
    story.touch(200, event_id="old")
    assert story.counts["duplicate"] == 1


def test_the_65th_id_is_forgotten_once_it_is_older_than_the_lateness(story: Story) -> None:
    story.touch(0, event_id="old")
    for number in range(64):
        story.touch(100 + number)
    story.touch(200, event_id="old")
    assert story.counts["duplicate"] == 0


def test_within_the_lateness_an_id_is_remembered_beyond_64(story: Story) -> None:
    story.touch(0, event_id="old")
    for number in range(140):
        story.touch(0, ms=(number + 1) * MINUTE)
    story.touch(1, who="bo")
    story.touch(1, event_id="old")
    assert story.counts["duplicate"] == 1
    story.touch(1, ms=1, who="bo")
    story.touch(1, ms=1, event_id="old")
    assert story.counts["duplicate"] == 1


def test_exactly_at_the_lateness_a_touchpoint_counts(story: Story) -> None:
    story.touch(10)
    assert story.touch(9, who="bo") == ["entered - > new"]


def test_one_millisecond_beyond_the_lateness_it_goes_to_the_late_topic(story: Story) -> None:
    story.touch(10)
    assert story.touch(9, ms=-1, who="bo") == [topics.LATE_TOUCHPOINTS]
    assert story.counts["too_late"] == 1


def test_a_duplicate_that_is_also_too_late_counts_as_a_duplicate(story: Story) -> None:
    story.touch(0, event_id="same")
    story.touch(10)
    assert story.touch(0, event_id="same") == []
    assert story.counts["duplicate"] == 1


def test_a_too_late_touchpoint_is_not_remembered_as_seen(story: Story) -> None:
    story.touch(10, who="bo")
    story.touch(0, event_id="same")
    assert story.touch(10, event_id="same") == ["entered - > new"]


def test_a_late_touchpoint_speaks_at_the_watermark_not_at_its_own_time(story: Story) -> None:
    story.touch(10, who="bo")
    story.touch(9.5)
    assert story.payload()["event_time"] == "2024-01-11T00:00:00.000Z"


def test_the_gate_asks_for_three_touchpoints_and_seven_days(story: Story) -> None:
    story.touch(0)
    story.touch(6)
    assert story.touch(7, ms=-1) == []
    assert story.counts == {"received": 3, "suppressed": 3}
    assert story.touch(7) == ["changed new > active/quiet"]
    assert story.counts == {"received": 4, "suppressed": 3, "scored": 1}


def test_old_enough_with_two_touchpoints_stays_behind_the_gate(story: Story) -> None:
    story.touch(0)
    assert story.touch(30) == []
    assert story.touch(30) == ["changed new > active/quiet"]


def test_a_late_touchpoint_that_is_the_earliest_makes_the_customer_older(story: Story) -> None:
    story.touch(1)
    story.touch(2)
    assert story.touch(7.5) == []
    assert story.counts["suppressed"] == 3


def test_any_record_that_is_no_touchpoint_counts_as_dead_lettered(story: Story) -> None:
    assert story.touch(0, type=None) == [topics.DEAD_LETTERS]
    assert story.counts == {"received": 1, "dead_lettered": 1}
