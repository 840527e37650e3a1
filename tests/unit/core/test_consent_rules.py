"""Consent: what withdrawal wipes, what it leaves, and how a customer comes back."""

from __future__ import annotations

from streamseg.wire import topics
from tests.unit.core.story import Story

NO = {"profiling": False}
YES = {"profiling": True}


def test_withdrawal_says_exited_and_deletes_the_profile(story: Story) -> None:
    story.scored_customer()
    assert story.touch(8, consent=NO) == ["exited active/quiet > -"]
    assert story.profiles() == [None]
    assert story.answers[-1].topic == topics.CUSTOMER_PROFILES
    assert story.counts["suppressed"] == 3


def test_exited_carries_no_score(story: Story) -> None:
    story.scored_customer()
    story.touch(8, consent=NO)
    exited = story.payload()
    assert (exited["segment"], exited["score"]) == (None, None)


def test_while_withdrawn_every_touchpoint_is_suppressed(story: Story) -> None:
    story.scored_customer()
    story.touch(8, consent=NO)
    assert [words for day in range(9, 40) for words in story.touch(day, risk=0.99)] == []
    assert story.counts["suppressed"] == 2 + 1 + 31


def test_while_withdrawn_silence_says_nothing(story: Story) -> None:
    story.scored_customer()
    story.touch(8, consent=NO)
    story.turn(risk=0.99)
    assert story.someone_else(200) == []


def test_withdrawing_twice_says_exited_once(story: Story) -> None:
    story.scored_customer()
    story.touch(8, consent=NO)
    assert story.touch(9, consent=NO) == []


def test_consent_given_again_starts_a_new_customer_with_that_touchpoint(story: Story) -> None:
    story.scored_customer()
    story.touch(8, consent=NO)
    assert story.touch(9, consent=YES) == ["entered - > new"]
    story.touch(10)
    assert story.touch(16, ms=-1) == []
    assert story.touch(16) == ["changed new > active/quiet"]


def test_ids_seen_before_the_withdrawal_are_still_duplicates(story: Story) -> None:
    story.touch(0, event_id="same")
    story.touch(1, consent=NO)
    story.touch(2, consent=YES)
    assert story.touch(3, event_id="same") == []
    assert story.counts["duplicate"] == 1


def test_the_cool_down_of_alerts_is_wiped_too(story: Story) -> None:
    story.scored_customer()
    assert "churn_alert" in story.touch(8, risk=0.9)
    story.touch(9, consent=NO)
    for day in (9, 10, 15):
        story.touch(day, consent=YES)
    assert "churn_alert" in story.touch(16, risk=0.9)


def test_a_customer_who_withdraws_first_never_enters(story: Story) -> None:
    assert story.touch(0, consent=NO) == []
    assert story.touch(1) == []
    assert story.counts == {"received": 2, "suppressed": 2}


def test_consent_that_was_never_withdrawn_changes_nothing(story: Story) -> None:
    story.scored_customer()
    assert story.touch(8, consent=YES, risk=0.1) == []
    assert story.counts["scored"] == 2


def test_silence_that_was_due_is_told_before_the_exit(story: Story) -> None:
    story.scored_customer()
    story.turn(risk=0.6)
    story.someone_else(14)
    assert story.touch(15, consent=NO) == ["exited cooling/quiet > -"]
