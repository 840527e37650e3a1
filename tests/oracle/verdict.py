"""The rules of one assessment, as sentences: from a customer's segment and a score to what the segment is now.

Arrives: where the customer stands, one score, an instant. Leaves: the next stage and behaviour. Emits nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

DAY_MS = 86_400_000
LEVEL = {None: 0, "new": 0, "active": 0, "won_back": 0, "cooling": 1, "at_risk": 2, "lapsed": 2}


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that the rules speak of, with their defaults; the oracle's own copy of the numbers."""

    window_days: int = 7
    allowed_lateness_ms: int = DAY_MS
    outcome_types: frozenset[str] = frozenset({"purchase", "renew"})
    churn_horizon_days: int = 90
    min_touchpoints: int = 3
    min_age_days: int = 7
    enter: tuple[float, float] = (0.5, 0.75)
    exit: tuple[float, float] = (0.4, 0.65)
    min_dwell_days: int = 1
    alert_cooldown_days: int = 30
    won_back_days: int = 30
    lapse_days: int = 90
    behaviour_margin: float = 0.8
    profile_step: float = 0.1
    profile_ttl_days: int = 90
    holdout_percent: int = 5
    keep_ids: int = 64


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a customer stands: a stage (None before the first one), a behaviour, since when."""

    stage: str | None = None
    behaviour: str | None = None
    since_ms: int = 0


def next_level(level: int, risk: float, rules: Rules) -> int:
    """Hysteresis: up while the risk reaches what a level asks to enter, then down while it is below what it asks."""
    while level < 2 and risk >= rules.enter[level]:
        level += 1
    while level > 0 and risk < rules.exit[level - 1]:
        level -= 1
    return level


def next_stage(now: Standing, risk: float, t: int, *, outcome: bool, silent_ms: int, rules: Rules) -> str:
    """The stage that the score asks for; `silent_ms` is the time since the last outcome, or the first touchpoint."""
    if outcome and now.stage == "lapsed":
        return "won_back"
    level = next_level(LEVEL[now.stage], risk, rules)
    if level < 2 and now.stage == "won_back" and t - now.since_ms < rules.won_back_days * DAY_MS:
        return "won_back"
    if level == 0:
        return "active"
    if level == 1:
        return "cooling"
    return "lapsed" if silent_ms >= rules.lapse_days * DAY_MS else "at_risk"


def next_behaviour(current: str | None, distance: dict[str, float], rules: Rules) -> str:
    """The nearest centre, if it is clearly nearer than the present one, or if the model no longer knows that one."""
    nearest = min(distance, key=lambda name: distance[name])
    if current not in distance or distance[nearest] < rules.behaviour_margin * distance[current]:
        return nearest
    return current


def settle(now: Standing, stage: str, behaviour: str, t: int, rules: Rules) -> Standing:
    """The standing after this assessment: the asked one, or the present one where the dwell forbids a change."""
    if (stage, behaviour) == (now.stage, now.behaviour):
        return now
    dwelling = t - now.since_ms < rules.min_dwell_days * DAY_MS
    settled = now.stage not in (None, "new")
    returns = stage == "won_back" and now.stage != "won_back"
    if dwelling and settled and not returns:
        return now
    return Standing(stage, behaviour, t)
