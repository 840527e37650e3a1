"""Churn is an event that does not happen: who is looked at when nobody comes, when, and for how long."""

from __future__ import annotations

from streamseg.wire import ids
from tests.unit.core.story import Story, at


def test_silence_raises_an_alert_exactly_once(story: Story) -> None:
    story.scored_customer()
    story.turn(risk=0.9)
    assert story.someone_else(14) == ["changed active/quiet > at_risk/quiet", "churn_alert"]
    for day in range(15, 80):
        assert story.someone_else(day) == []


def test_a_customer_is_due_at_the_first_boundary_after_the_last_touchpoint(story: Story) -> None:
    story.scored_customer()
    story.turn(risk=0.6)
    assert story.someone_else(13.99) == []
    assert story.someone_else(14) == ["changed active/quiet > cooling/quiet"]


def test_a_touchpoint_exactly_on_a_boundary_is_not_swept_at_it(story: Story) -> None:
    story.scored_customer()
    story.touch(14, risk=0.1)
    assert story.someone_else(14) == []
    story.turn(risk=0.6)
    assert story.someone_else(20.99) == []
    assert story.someone_else(21) == ["changed active/quiet > cooling/quiet"]


def test_a_touchpoint_one_millisecond_before_a_boundary_is_swept_at_it(story: Story) -> None:
    story.scored_customer()
    story.touch(14, ms=-1, risk=0.1)
    story.turn(risk=0.6)
    assert story.someone_else(14) == ["changed active/quiet > cooling/quiet"]


def test_who_moves_the_watermark_over_a_boundary_is_scored_at_the_own_instant_only(story: Story) -> None:
    story.scored_customer()
    assert story.touch(14.5, risk=0.6) == ["changed active/quiet > cooling/quiet"]
    assert story.payload()["event_time"] == "2024-01-15T12:00:00.000Z"


def test_a_long_gap_of_the_only_customer_is_not_swept_at_all(story: Story) -> None:
    story.scored_customer()
    asked = story.dial.asked
    story.touch(70)
    assert story.dial.asked == asked + 1


def test_what_silence_brings_carries_the_boundary_as_its_time_and_its_cause(story: Story) -> None:
    story.scored_customer()
    story.turn(risk=0.9)
    story.someone_else(30)
    changed = story.payload_of("ada")
    assert changed["event_time"] == "2024-01-15T00:00:00.000Z"
    assert changed["event_id"] == ids.output_id(b"ada", f"silence:{at(14)}", "changed")


def test_each_missed_boundary_is_looked_at_in_order(story: Story) -> None:
    story.scored_customer()
    asked = story.dial.asked
    story.someone_else(7 + 7 * 5)
    assert story.dial.asked == asked + 5


def test_the_gate_may_open_while_the_customer_is_silent(story: Story) -> None:
    for hour in range(3):
        story.touch(hour / 24)
    assert story.someone_else(7) == ["changed new > active/quiet"]


def test_behind_the_gate_silence_says_nothing(story: Story) -> None:
    story.touch(0)
    story.touch(1)
    story.turn(risk=0.99)
    assert story.someone_else(100) == []


def test_after_52_silent_windows_nobody_looks_any_more(story: Story) -> None:
    story.scored_customer()
    story.someone_else(7 + 52 * 7)
    story.turn(risk=0.99)
    assert story.someone_else(7 + 80 * 7) == []


def test_the_52nd_silent_window_is_still_looked_at(story: Story) -> None:
    story.scored_customer()
    story.someone_else(7 + 52 * 7 - 1)
    story.turn(risk=0.99)
    assert story.someone_else(7 + 52 * 7) == ["changed active/quiet > lapsed/quiet", "churn_alert"]


def test_a_touchpoint_after_years_brings_the_customer_back_under_watch(story: Story) -> None:
    story.scored_customer()
    story.someone_else(1000)
    story.touch(1000, risk=0.1)
    story.turn(risk=0.6)
    assert story.someone_else(1008) == ["changed active/quiet > cooling/quiet"]


def test_the_wall_clock_of_an_idle_partition_brings_silence_too(story: Story) -> None:
    story.scored_customer()
    story.turn(risk=0.9)
    assert story.clock(14) == ["changed active/quiet > at_risk/quiet", "churn_alert"]
    assert story.clock(13) == []


def test_who_has_lapsed_is_left_alone_until_the_next_touchpoint(story: Story) -> None:
    story.scored_customer()
    story.turn(risk=0.9)
    assert story.someone_else(7 + 98) == [
        "changed active/quiet > at_risk/quiet",
        "churn_alert",
        "changed at_risk/quiet > lapsed/quiet",
    ]
    asked = story.dial.asked
    story.turn(risk=0.1)
    assert story.someone_else(7 + 40 * 7) == []
    assert story.dial.asked == asked
    assert story.touch(7 + 40 * 7 + 1, "purchase") == ["changed lapsed/quiet > won_back/quiet"]
    story.turn(risk=0.9)
    assert story.someone_else(7 + 42 * 7) == ["changed won_back/quiet > at_risk/quiet", "churn_alert"]
