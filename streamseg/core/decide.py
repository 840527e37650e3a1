"""From forecasts to segments and alerts: stages with hysteresis, dwell and cool-down, behaviours with a margin.

Arrives: steps with their scores, and the customers' rows. Leaves: a verdict for each step at which something is to be
said, and the rows as they then stand. State changes only where something is emitted, so silence leaves no trace.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.core.features import Records
from streamseg.core.scores import Float64Array, Scores
from streamseg.core.steps import Steps
from streamseg.core.windows import DAY_MS, Int64Array

STAGES: Final = ("none", "new", "active", "cooling", "at_risk", "lapsed", "won_back")
NONE, NEW, ACTIVE, COOLING, AT_RISK, LAPSED, WON_BACK = range(len(STAGES))

_LEVEL: Final = np.array([0, 0, 0, 1, 2, 2, 0])
"""Risk level of each stage: 0 fine, 1 cooling, 2 at risk."""
_OF_LEVEL: Final = np.array([ACTIVE, COOLING, AT_RISK])
_NO_RISK: Final = -1.0
"""`published_risk` of a profile without a score; no risk is within a step of it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When a customer moves between segments. Probabilities in 0 to 1, exit below enter; spans in days."""

    cooling_enter: float = 0.5
    cooling_exit: float = 0.4
    at_risk_enter: float = 0.75
    at_risk_exit: float = 0.65
    lapse_days: int = 90
    """An at-risk customer without an outcome for so long has lapsed."""
    min_dwell_days: int = 1
    """A segment is kept for so long before it may change again (a return after lapsing excepted)."""
    alert_cooldown_days: int = 30
    """No second churn alert for a customer within so many days."""
    won_back_days: int = 30
    """A customer who returned after lapsing stays won back for so long, unless at risk again."""
    behaviour_margin: float = 0.8
    """A new behaviour must be nearer than this share of the distance to the present one. 0 to 1."""
    profile_step: float = 0.1
    """A profile is published again when the risk has moved this far."""
    profile_ttl_days: int = 90
    """A profile is valid for so long, and renewed before."""

    def __post_init__(self) -> None:
        ladder = (0.0, self.cooling_exit, self.cooling_enter, self.at_risk_exit, self.at_risk_enter, 1.0)
        if not (ladder[1] <= ladder[2] <= ladder[4] and ladder[1] <= ladder[3] <= ladder[4]) or not (
            ladder[1] > 0.0 and ladder[4] < 1.0
        ):
            raise ValueError(
                f"thresholds cooling {self.cooling_enter}/{self.cooling_exit}, at_risk {self.at_risk_enter}/"
                f"{self.at_risk_exit} (enter/exit) must lie in 0 to 1, "
                "each exit at most its enter, cooling below at_risk"
            )


VERDICT: Final = np.dtype(
    [
        ("at", "i8"),  # position in the steps
        ("slot", "i8"),
        ("row", "i8"),  # of the touchpoint that is the cause, as in the steps
        ("instant_ms", "i8"),
        ("is_scored", "i8"),
        ("is_changed", "i8"),  # else there is a profile to be published, no more
        ("is_alert", "i8"),
        ("previous_stage", "i8"),
        ("previous_behaviour", "i8"),
        ("stage", "i8"),
        ("behaviour", "i8"),  # -1 = none
    ]
)
"""What is to be said at one step."""


def decide(rows: Records, steps: Steps, scores: Scores | None, policy: Policy, *, window_ms: int) -> Records:
    """Move the customers of the steps from segment to segment, each through its own steps in order.

    Args:
        rows: of `rows.CUSTOMER` by slot; the decision fields are written.
        steps: N rows; gated ones are not scored and can only enter as `new`.
        scores: of the N rows (values of gated rows are not read); None when every row is gated.
        policy: The rules.
        window_ms: Length of a window: a profile is renewed if it would run out before the next one closes.

    Returns:
        Of `VERDICT`, in the order of the steps; no row for a step at which nothing is to be said.
    """
    verdicts = np.empty(len(steps), VERDICT)
    none = np.zeros(len(steps))
    risk, distance = (none, none[:, None]) if scores is None else (scores.churn_probability, scores.behaviour_distance)
    said = _decide(
        rows,
        steps.slot,
        steps.row,
        steps.instant_ms,
        steps.quiet_ms,
        steps.is_outcome,
        steps.is_gated,
        risk,
        distance,
        steps.kind != "reconcile",
        _rules(policy, window_ms)[0],
        verdicts,
    )
    return verdicts[:said].copy()


_RULES: Final = np.dtype(
    [(f.name, "i8" if f.type == "int" else "f8") for f in fields(Policy)] + [("window_days", "f8")]
)


@lru_cache
def _rules(policy: Policy, window_ms: int) -> Records:
    return np.array([(*astuple(policy), window_ms / DAY_MS)], _RULES)


@compiled
def _decide(
    rows: Records,
    slot: Int64Array,
    cause_row: Int64Array,
    instant_ms: Int64Array,
    quiet_ms: Int64Array,
    is_outcome: NDArray[np.bool_],
    is_gated: NDArray[np.bool_],
    risk: Float64Array,
    distance: Float64Array,
    may_alert: bool,
    rules: Any,
    verdicts: Records,
) -> int:
    said = 0
    for at in range(len(slot)):
        row, now_ms = rows[slot[at]], instant_ms[at]
        had, had_behaviour = row.stage, row.behaviour
        stage, behaviour, alert = had, had_behaviour, False
        if is_gated[at]:
            if had != NONE:
                continue
            stage, told_risk = NEW, _NO_RISK
        else:
            told_risk = risk[at]
            level = _level(_LEVEL[had], told_risk, rules)
            stage = _OF_LEVEL[level]
            if level == 2 and quiet_ms[at] >= rules.lapse_days * DAY_MS:
                stage = LAPSED
            is_fresh = now_ms - row.since_ms < rules.won_back_days * DAY_MS
            if (is_outcome[at] and had == LAPSED) or (had == WON_BACK and level < 2 and is_fresh):
                stage = WON_BACK
            nearest = np.argmin(distance[at])
            if had_behaviour < 0 or distance[at, nearest] < rules.behaviour_margin * distance[at, had_behaviour]:
                behaviour = nearest
            in_dwell = had >= ACTIVE and now_ms - row.since_ms < rules.min_dwell_days * DAY_MS
            if in_dwell and (stage != WON_BACK or had == WON_BACK):
                stage, behaviour = had, had_behaviour
            runs_out_ms = row.published_ms + rules.profile_ttl_days * DAY_MS
            is_due = row.published_ms < 0 or runs_out_ms < now_ms + rules.window_days * DAY_MS
            is_moved = abs(told_risk - row.published_risk) >= rules.profile_step
            if stage == had and behaviour == had_behaviour and not is_due and not is_moved:
                continue
            has_cooled = row.alerted_ms < 0 or now_ms - row.alerted_ms >= rules.alert_cooldown_days * DAY_MS
            alert = may_alert and has_cooled and _LEVEL[had] < 2 and _LEVEL[stage] == 2
        verdict = verdicts[said]
        said += 1
        verdict.at, verdict.slot, verdict.row, verdict.instant_ms = at, slot[at], cause_row[at], now_ms
        verdict.previous_stage, verdict.previous_behaviour = had, had_behaviour
        verdict.stage, verdict.behaviour = stage, behaviour
        verdict.is_scored, verdict.is_alert = not is_gated[at], alert
        verdict.is_changed = stage != had or behaviour != had_behaviour
        row.stage, row.behaviour = stage, behaviour
        if verdict.is_changed:
            row.since_ms = now_ms
        if alert:
            row.alerted_ms = now_ms
        row.published_ms, row.published_risk = now_ms, told_risk
        # Later rows of these steps have touched the customer already: an earlier one's emission may not set it back.
        row.assessed_ms = max(row.assessed_ms, now_ms)
    return said


@compiled
def _level(level: int, risk: float, rules: Any) -> int:
    """Up through every threshold that the risk has reached, then down through every one that it has left."""
    if level == 0 and risk >= rules.cooling_enter:
        level = 1
    if level == 1 and risk >= rules.at_risk_enter:
        level = 2
    if level == 2 and risk < rules.at_risk_exit:
        level = 1
    if level == 1 and risk < rules.cooling_exit:
        level = 0
    return level
