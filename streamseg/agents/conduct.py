"""What the retraining agent does next, and why: a decision of what is known, without Kafka, models or a clock.

A `Situation` arrives; a `Step` leaves, with its reasons in words. The order is that of harm: a bad model goes first, a
challenger in the shadow is judged before another one is trained, and a person's command waits for no cool-down.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

from streamseg.wire.model_decisions import By

HOUR_MS: Final = 3_600_000
What = Literal["wait", "roll_back", "promote", "refuse", "shadow", "train"]


@dataclass(frozen=True, slots=True)
class Triggers:
    """When a model is trained without a command, and how long a challenger is watched; 0 switches a trigger off."""

    interval_hours: float
    new_touchpoints: int
    cooldown_hours: float
    """After a training nothing but a command causes another one for so long."""
    shadow_days: float
    """0 = a challenger that passed the gate serves at once."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """A challenger that passed the gate and is watched on live traffic."""

    version: str
    seen_days: float
    """Event time since the last of its training."""
    findings: tuple[str, ...]
    """What was measured on that traffic, in words."""
    faults: tuple[str, ...]
    """Those of the findings that speak against it."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a step depends on. Times are milliseconds UTC by the agent's clock."""

    now_ms: int
    last_training_ms: int
    """When a training last ended, well or not; the agent's start if none is remembered."""
    is_first: bool
    """No training is remembered."""
    is_commanded: bool
    current: str | None
    before: str | None
    """Where a rollback goes."""
    worse: tuple[str, ...]
    """Why the current model is worse than the one before it, by matured outcomes; empty if it isn't."""
    drift: tuple[str, ...]
    """Findings that the current model does not fit the stream any more."""
    new_touchpoints: int
    """Newer than any that a training has seen."""
    shadow: Shadow | None


@dataclass(frozen=True, slots=True)
class Step:
    """What to do, what caused it, and why."""

    what: What
    by: By | None
    """None only where nothing is done."""
    reasons: tuple[str, ...]


def next_step(now: Situation, triggers: Triggers) -> Step:
    """Choose the one thing to do in a situation."""
    if now.worse and now.before is not None:
        return Step("roll_back", "matured", now.worse)
    if now.shadow is not None and now.shadow.seen_days >= triggers.shadow_days:
        return _judge(now.shadow)
    if now.is_commanded:
        return Step("train", "command", ("a command arrived",))
    if now.shadow is not None:
        seen = f"{now.shadow.seen_days:.1f} of {triggers.shadow_days:g} days"
        return Step("wait", None, (f"{now.shadow.version} has been in the shadow for {seen}",))
    return _train_or_wait(now, triggers)


def fate(
    *,
    version: str,
    promote: bool,
    reasons: tuple[str, ...],
    by: By,
    judged_against: str | None,
    current: str | None,
    rolled_back: Collection[str | None],
    triggers: Triggers,
) -> Step:
    """What becomes of a challenger that comes out of training.

    Args:
        version: Its version.
        promote: Whether the gate is for it.
        reasons: The gate's.
        by: What caused the training.
        judged_against: The model that served when the training began.
        current: The model that serves now.
        rolled_back: Versions that were found worse once: none of them is promoted again without a person.
        triggers: Whether a challenger is watched first.
    """
    if not promote:
        return Step("refuse", by, reasons)
    if current != judged_against:
        return Step("refuse", by, (f"it was judged against {judged_against}, and {current} is current by now",))
    if version in rolled_back:
        return Step("refuse", by, (f"{version} was rolled back once; `streamseg models promote` is a person's to say",))
    # Without a model that serves there is nobody to compare with, and workers wait.
    return Step("shadow" if triggers.shadow_days > 0 and current is not None else "promote", by, reasons)


def _judge(shadow: Shadow) -> Step:
    if shadow.faults:
        return Step("refuse", "shadow", shadow.faults)
    return Step("promote", "shadow", shadow.findings)


def _train_or_wait(now: Situation, triggers: Triggers) -> Step:
    hours = (now.now_ms - now.last_training_ms) / HOUR_MS
    cause = _cause(now, triggers, hours)
    if cause is None:
        return Step("wait", None, ("nothing asks for a training",))
    # What failed or was refused would fail again on the same data.
    if not now.is_first and not now.new_touchpoints:
        return Step("wait", None, (*cause.reasons, "but nothing has come since the last training"))
    if not now.is_first and hours < triggers.cooldown_hours:
        left = f"but the last training ended {hours:.1f} h ago, and the cool-down is {triggers.cooldown_hours:g} h"
        return Step("wait", None, (*cause.reasons, left))
    return cause


def _cause(now: Situation, triggers: Triggers, hours: float) -> Step | None:
    """The strongest reason for a training: the world has changed, there is much to learn, it is time."""
    if now.drift:
        return Step("train", "drift", now.drift)
    if triggers.new_touchpoints and now.new_touchpoints >= triggers.new_touchpoints:
        return Step(
            "train", "data", (f"{now.new_touchpoints:,} new touchpoints, of {triggers.new_touchpoints:,} asked",)
        )
    if triggers.interval_hours and hours >= triggers.interval_hours:
        return Step("train", "schedule", (f"{hours:.1f} h since the last training, of {triggers.interval_hours:g}",))
    return None
