"""What the agent does next, as a table of situations; no broker, no model, no clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streamseg.agents.conduct import HOUR_MS, Shadow, Situation, Step, Triggers, fate, next_step

TRIGGERS = Triggers(interval_hours=168.0, new_touchpoints=10_000, cooldown_hours=24.0, shadow_days=7.0)
CALM = Situation(
    now_ms=100 * HOUR_MS,
    last_training_ms=50 * HOUR_MS,
    is_first=False,
    is_commanded=False,
    current="v2",
    before="v1",
    worse=(),
    drift=(),
    new_touchpoints=500,
    shadow=None,
)
DRIFTED = replace(CALM, drift=("PSI of score churn 0.400 exceeds 0.250",))
WATCHED = Shadow("v3", seen_days=7.0, findings=("alert rate 0.20, that of v2 0.21",), faults=())
YOUNG = replace(WATCHED, seen_days=2.5)
WORSE = ("log loss 0.60 against 0.50",)


@pytest.mark.parametrize(
    ("now", "step"),
    [
        (CALM, Step("wait", None, ("nothing asks for a training",))),
        (replace(CALM, is_commanded=True), Step("train", "command", ("a command arrived",))),
        (DRIFTED, Step("train", "drift", DRIFTED.drift)),
        (replace(CALM, new_touchpoints=10_000), Step("train", "data", ("10,000 new touchpoints, of 10,000 asked",))),
        (
            replace(CALM, now_ms=218 * HOUR_MS),
            Step("train", "schedule", ("168.0 h since the last training, of 168",)),
        ),
        # The cool-down holds back all but a command.
        (
            replace(DRIFTED, last_training_ms=98 * HOUR_MS),
            Step("wait", None, (*DRIFTED.drift, "but the last training ended 2.0 h ago, and the cool-down is 24 h")),
        ),
        (
            replace(DRIFTED, last_training_ms=98 * HOUR_MS, is_commanded=True),
            Step("train", "command", ("a command arrived",)),
        ),
        (
            replace(DRIFTED, new_touchpoints=0),
            Step("wait", None, (*DRIFTED.drift, "but nothing has come since the last training")),
        ),
        # An agent that remembers no training has nothing to cool down from.
        (
            replace(CALM, is_first=True, last_training_ms=99 * HOUR_MS, new_touchpoints=20_000),
            Step("train", "data", ("20,000 new touchpoints, of 10,000 asked",)),
        ),
        # A bad model goes first, whatever else there is to do.
        (
            replace(DRIFTED, worse=WORSE, is_commanded=True, shadow=WATCHED),
            Step("roll_back", "matured", WORSE),
        ),
        (replace(CALM, worse=WORSE, before=None), Step("wait", None, ("nothing asks for a training",))),
        # A challenger in the shadow is judged when its time is over, and until then nothing trains by itself.
        (replace(DRIFTED, shadow=WATCHED), Step("promote", "shadow", WATCHED.findings)),
        (
            replace(CALM, shadow=replace(WATCHED, faults=("it alerts too often",))),
            Step("refuse", "shadow", ("it alerts too often",)),
        ),
        (
            replace(DRIFTED, shadow=YOUNG),
            Step("wait", None, ("v3 has been in the shadow for 2.5 of 7 days",)),
        ),
        (replace(CALM, shadow=YOUNG, is_commanded=True), Step("train", "command", ("a command arrived",))),
    ],
)
def test_in_each_situation_the_agent_does_one_thing_and_says_why(now: Situation, step: Step) -> None:
    assert next_step(now, TRIGGERS) == step


def test_triggers_at_zero_are_off() -> None:
    off = Triggers(interval_hours=0.0, new_touchpoints=0, cooldown_hours=0.0, shadow_days=0.0)
    asking = replace(CALM, now_ms=10_000 * HOUR_MS, new_touchpoints=1_000_000)
    assert next_step(asking, off) == Step("wait", None, ("nothing asks for a training",))


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({}, Step("shadow", "drift", ("better",))),
        ({"triggers": replace(TRIGGERS, shadow_days=0.0)}, Step("promote", "drift", ("better",))),
        ({"current": None, "judged_against": None}, Step("promote", "drift", ("better",))),
        ({"promote": False}, Step("refuse", "drift", ("better",))),
        (
            {"current": "v9"},
            Step("refuse", "drift", ("it was judged against v2, and v9 is current by now",)),
        ),
        (
            {"rolled_back": {"v3"}},
            Step("refuse", "drift", ("v3 was rolled back once; `streamseg models promote` is a person's to say",)),
        ),
    ],
)
def test_a_challenger_out_of_training_is_shadowed_promoted_or_refused(changes: dict[str, object], step: Step) -> None:
    usual: dict[str, object] = {
        "version": "v3",
        "promote": True,
        "reasons": ("better",),
        "by": "drift",
        "judged_against": "v2",
        "current": "v2",
        "rolled_back": set(),
        "triggers": TRIGGERS,
    }
    assert fate(**usual | changes) == step  # type: ignore[arg-type]  # a table of keywords
