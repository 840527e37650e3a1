"""From a churn probability to what is said of a customer: stages with hysteresis and dwell, alerts, profiles; as JSON.

Arrives: what was decided before, a probability, an instant. Leaves: payloads with a `kind`, and the topic of each kind.
The default thresholds of the worker; no behaviours and no reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from streamseg.core.decide import Policy
from streamseg.core.windows import DAY_MS
from streamseg.wire.topics import CHURN_ALERTS, CUSTOMER_PROFILES, SEGMENT_CHANGES
from tests.bench.peers.fold import OUTCOMES, Customer, Touch

POLICY: Final = Policy()
GATE_TOUCHPOINTS: Final = 3
GATE_DAYS: Final = 7
TOPIC_OF: Final = {
    "entered": SEGMENT_CHANGES,
    "changed": SEGMENT_CHANGES,
    "churn_alert": CHURN_ALERTS,
    "profile": CUSTOMER_PROFILES,
}
LEVEL: Final = {"cooling": 1, "at_risk": 2, "lapsed": 2}

Said = dict[str, Any]
"""One payload."""


@dataclass(slots=True)
class Decided:
    """What was last said of a customer."""

    stage: str = "none"
    since_ms: int = 0
    alerted_ms: int = -(1 << 60)
    published_ms: int = -(1 << 60)
    published_risk: float = -1.0


def is_gated(customer: Customer, at_ms: int) -> bool:
    """Too little is known to score."""
    return customer.touchpoints < GATE_TOUCHPOINTS or at_ms - customer.first_ms < GATE_DAYS * DAY_MS


def decide(
    decided: Decided, touch: Touch, risk: float | None, *, at_ms: int, quiet_since_ms: int, version: str
) -> list[Said]:
    """Move a customer from stage to stage, and say what is to be said.

    Args:
        decided: Of the customer; written.
        touch: The touchpoint just counted.
        risk: Churn probability; None below the gate.
        at_ms: The instant of the score.
        quiet_since_ms: The customer's latest outcome, or first touchpoint.
        version: Of the model.
    """
    previous = decided.stage
    stage = _next_stage(decided, touch, risk, at_ms, quiet_since_ms)
    changed = stage != previous
    says = [("entered" if previous == "none" else "changed")] if changed else []
    if LEVEL.get(stage, 0) == 2 > LEVEL.get(previous, 0) and at_ms - decided.alerted_ms >= _days(
        POLICY.alert_cooldown_days
    ):
        says.append("churn_alert")
        decided.alerted_ms = at_ms
    moved = risk is not None and abs(risk - decided.published_risk) >= POLICY.profile_step
    expiring = risk is not None and at_ms - decided.published_ms > _days(POLICY.profile_ttl_days - 7)
    if not (changed or moved or expiring):
        return []
    if changed:
        decided.stage, decided.since_ms = stage, at_ms
    decided.published_ms, decided.published_risk = at_ms, -1.0 if risk is None else risk
    return [_payload(kind, touch, stage, previous, risk, at_ms, version) for kind in [*says, "profile"]]


def _next_stage(decided: Decided, touch: Touch, risk: float | None, at_ms: int, quiet_since_ms: int) -> str:
    stage = decided.stage
    if risk is None:
        return "new" if stage == "none" else stage
    level = LEVEL.get(stage, 0)
    if level == 0 and risk >= POLICY.cooling_enter:
        level = 1
    if level == 1 and risk >= POLICY.at_risk_enter:
        level = 2
    if level == 2 and risk < POLICY.at_risk_exit:
        level = 1
    if level == 1 and risk < POLICY.cooling_exit:
        level = 0
    following = ("active", "cooling", "at_risk")[level]
    if level == 2 and at_ms - quiet_since_ms >= _days(POLICY.lapse_days):
        following = "lapsed"
    returned = stage == "lapsed" and touch.type in OUTCOMES
    stays = stage == "won_back" and level < 2 and at_ms - decided.since_ms < _days(POLICY.won_back_days)
    if returned or stays:
        return "won_back"
    in_dwell = at_ms - decided.since_ms < _days(POLICY.min_dwell_days)
    return stage if in_dwell and stage not in ("none", "new") else following


def _payload(kind: str, touch: Touch, stage: str, previous: str, risk: float | None, at_ms: int, version: str) -> Said:
    said = {
        "event_id": f"{touch.event_id}-{kind}",
        "kind": kind,
        "customer_id": touch.customer_id,
        "segment": stage,
        "model_version": None if risk is None else version,
        "event_time": at_ms,
        "valid_until": at_ms + _days(POLICY.profile_ttl_days),
        "horizon_days": 90,
        "origin": "live",
        "holdout": False,
    }
    if kind == "profile":
        return {**said, "churn_probability": risk}
    return {**said, "previous_segment": previous, "score": risk, "threshold": POLICY.at_risk_enter}


def _days(count: int) -> int:
    return count * DAY_MS
