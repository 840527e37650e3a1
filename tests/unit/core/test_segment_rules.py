"""From scores to segments: hysteresis, dwell, cool-down, lapse and return, behaviours, profiles."""

from __future__ import annotations

import pytest

from tests.unit.core.story import Story


def test_the_risk_that_enters_a_level_is_higher_than_the_one_that_keeps_it(story: Story) -> None:
    story.scored_customer()
    assert story.touch(9, risk=0.4999) == []
    assert story.touch(10, risk=0.5) == ["changed active/quiet > cooling/quiet"]
    assert story.touch(12, risk=0.4) == []
    assert story.touch(14, risk=0.3999) == ["changed cooling/quiet > active/quiet"]


def test_a_risk_that_wavers_around_a_threshold_does_not_flap(story: Story) -> None:
    story.scored_customer()
    story.touch(9, risk=0.76)
    assert [words for day in range(10, 60) for words in story.touch(day, risk=(0.74, 0.76)[day % 2])] == []


def test_a_risk_may_cross_two_levels_at_once_both_ways(story: Story) -> None:
    story.scored_customer()
    assert story.touch(9, "view", risk=0.75) == ["changed active/quiet > at_risk/quiet", "churn_alert"]
    assert story.touch(11, risk=0.64) == ["changed at_risk/quiet > cooling/quiet"]
    assert story.touch(13, risk=0.39) == ["changed cooling/quiet > active/quiet"]
    story.touch(15, risk=0.99)
    assert story.touch(17, risk=0.01) == ["changed at_risk/quiet > active/quiet"]


def test_a_segment_is_kept_for_a_day_at_least(story: Story) -> None:
    story.scored_customer()
    story.touch(10, risk=0.6)
    assert story.touch(11, ms=-1, risk=0.1) == []
    assert story.touch(11, risk=0.1) == ["changed cooling/quiet > active/quiet"]


def test_alerts_keep_thirty_days_apart(story: Story) -> None:
    story.scored_customer()
    assert "churn_alert" in story.touch(10, risk=0.9)
    story.touch(12, risk=0.1)
    assert story.touch(40, ms=-1, risk=0.9) == ["changed active/quiet > at_risk/quiet"]
    story.touch(42, risk=0.1)
    assert "churn_alert" in story.touch(44, risk=0.9)


def test_exactly_thirty_days_after_an_alert_the_next_may_come(story: Story) -> None:
    story.scored_customer()
    story.touch(10, risk=0.9)
    story.touch(12, risk=0.1)
    assert "churn_alert" in story.touch(40, risk=0.9)


def test_ninety_days_after_the_last_purchase_at_risk_becomes_lapsed_without_a_second_alert(story: Story) -> None:
    story.scored_customer()
    story.touch(20, risk=0.9)
    assert story.touch(97, ms=-1, risk=0.9) == []
    assert story.touch(97, risk=0.9) == ["changed at_risk/quiet > lapsed/quiet"]


def test_without_any_purchase_the_ninety_days_run_from_the_first_touchpoint(story: Story) -> None:
    for day in (0, 1, 89):
        story.touch(day, risk=0.9)
    assert story.touch(90, risk=0.9) == ["changed at_risk/quiet > lapsed/quiet"]


def test_a_purchase_wins_a_lapsed_customer_back_at_once_whatever_the_risk(story: Story) -> None:
    story.scored_customer()
    assert story.touch(100, risk=0.9) == ["changed active/quiet > lapsed/quiet", "churn_alert"]
    assert story.touch(100, ms=1, risk=0.9) == []
    assert story.touch(100, "purchase", ms=2, risk=0.9) == ["changed lapsed/quiet > won_back/quiet"]


def test_won_back_lasts_thirty_days_then_is_active(story: Story) -> None:
    story.scored_customer()
    story.touch(100, risk=0.9)
    story.touch(101, "purchase", risk=0.1)
    assert story.touch(131, ms=-1, risk=0.1) == []
    assert story.touch(131, risk=0.1) == ["changed won_back/quiet > active/quiet"]


def test_won_back_outlasts_a_middling_risk_but_not_a_high_one(story: Story) -> None:
    story.scored_customer()
    story.touch(100, risk=0.9)
    story.touch(101, "purchase", risk=0.1)
    assert story.touch(101, ms=1, risk=0.9) == []
    assert story.touch(102, ms=1, risk=0.6) == []
    assert story.touch(103, risk=0.9) == ["changed won_back/quiet > at_risk/quiet"]


def test_a_behaviour_changes_only_for_a_clearly_nearer_centre(story: Story) -> None:
    story.scored_customer()
    story.dial.distance = (1.0, 0.8)
    assert story.touch(10) == []
    story.dial.distance = (1.0, 0.7999)
    assert story.touch(11) == ["changed active/quiet > active/buyer"]


def test_the_first_behaviour_is_the_nearest_and_the_first_of_equals(story: Story) -> None:
    story.dial.distance = (1.0, 1.0)
    story.scored_customer()
    assert story.payload()["segment"] == "active/quiet"


def test_a_change_of_behaviour_alone_dwells_too(story: Story) -> None:
    story.scored_customer()
    story.touch(100, risk=0.9)
    story.touch(101, "purchase", risk=0.1)
    assert story.touch(101.5, risk=0.1, nearest=1) == []
    assert story.touch(102, risk=0.1) == ["changed won_back/quiet > won_back/buyer"]


def test_a_change_of_behaviour_counts_as_a_change_of_segment_for_the_dwell(story: Story) -> None:
    story.scored_customer()
    story.touch(10, nearest=1)
    assert story.touch(10.9, risk=0.6) == []
    assert story.touch(11, risk=0.6) == ["changed active/buyer > cooling/buyer"]


def test_each_change_is_followed_by_a_profile(story: Story) -> None:
    story.scored_customer()
    story.touch(10, risk=0.6)
    (profile,) = story.profiles()
    assert profile is not None
    assert (profile["segment"], profile["churn_probability"]) == ("cooling/quiet", 0.6)


@pytest.mark.parametrize(("risk", "count"), [(0.19, 0), (0.25, 1), (0.1, 0)])
def test_a_profile_is_renewed_when_the_risk_has_moved_by_a_tenth(story: Story, risk: float, count: int) -> None:
    story.scored_customer()
    story.touch(8, risk=risk)
    assert len(story.profiles()) == count


def test_small_moves_add_up_against_the_published_risk(story: Story) -> None:
    story.scored_customer()
    counts = []
    for day, risk in ((8, 0.15), (9, 0.19), (10, 0.21), (11, 0.3)):
        story.touch(day, risk=risk)
        counts.append(len(story.profiles()))
    assert counts == [0, 0, 1, 0]


def test_a_profile_is_renewed_before_it_runs_out(story: Story) -> None:
    story.scored_customer()
    story.touch(7 + 83, risk=0.1)
    assert len(story.profiles()) == 0
    story.touch(7 + 83, ms=1)
    assert len(story.profiles()) == 1


def test_an_alert_names_score_threshold_and_what_it_was_before(story: Story) -> None:
    story.scored_customer()
    story.touch(10, risk=0.9)
    alert = story.payload("churn_alert")
    assert (alert["score"], alert["threshold"], alert["horizon_days"]) == (0.9, 0.75, 90)
    assert (alert["previous_segment"], alert["segment"]) == ("active/quiet", "at_risk/quiet")


def test_a_customer_without_a_score_has_none_to_show(story: Story) -> None:
    story.touch(0)
    entered = story.payload()
    assert (entered["score"], entered["model_version"], entered["previous_segment"]) == (None, None, None)
