"""From forecasts to segments and alerts: stages with hysteresis, dwell and cool-down, behaviours with a margin.

Arrives: steps with their scores, and the customers' rows. Leaves: a verdict for each step at which something is to be
said, and the rows as they then stand. State changes only where something is emitted, so silence leaves no trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamseg.core.columns import starts_of
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


class Verdict(NamedTuple):
    """What is to be said at one step; at least one of `change` and `profile` holds."""

    at: int
    """Position in the steps."""
    change: Literal["entered", "changed"] | None
    alert: bool
    previous_stage: int
    previous_behaviour: int
    stage: int
    behaviour: int
    """-1 = none."""


def decide(rows: Records, steps: Steps, scores: Scores | None, policy: Policy, *, window_ms: int) -> list[Verdict]:
    """Move the customers of the steps from segment to segment, each through its own steps in order.

    Args:
        rows: of `rows.CUSTOMER` by slot; the decision fields are written.
        steps: N rows; gated ones are not scored and can only enter as `new`.
        scores: of the N rows (values of gated rows are not read); None when every row is gated.
        policy: The rules.
        window_ms: Length of a window: a profile is renewed if it would run out before the next one closes.

    Returns:
        Verdicts in the order of the steps.
    """
    verdicts: list[Verdict] = []
    pending = np.arange(len(steps))
    while len(pending):
        # A customer's state is constant until its first step at which something is said; look for those together.
        stage, behaviour, says = _propose(rows, steps, scores, pending, policy, window_ms)
        firing = np.flatnonzero(says)
        firing = firing[starts_of(steps.slot[pending[firing]])]
        if not len(firing):
            break
        at = pending[firing]
        risk = _risk(scores, steps, at)
        verdicts += _apply(rows, steps, at, stage[firing], behaviour[firing], risk, policy)
        pending = _after(steps.slot, pending, at)
    return sorted(verdicts, key=lambda verdict: verdict.at)


def _after(slot: Int64Array, pending: Int64Array, at: Int64Array) -> Int64Array:
    # The pending rows that follow, in their customer, one at which something was said.
    order = np.argsort(slot[at])
    said = slot[at][order]
    place = np.minimum(np.searchsorted(said, slot[pending]), len(said) - 1)
    follows: NDArray[np.bool_] = (said[place] == slot[pending]) & (pending > at[order][place])
    return pending[follows]


def _risk(scores: Scores | None, steps: Steps, at: Int64Array) -> Float64Array:
    if scores is None:
        return np.full(len(at), _NO_RISK)
    return np.where(steps.is_gated[at], _NO_RISK, scores.churn_probability[at])


def _propose(
    rows: Records, steps: Steps, scores: Scores | None, at: Int64Array, policy: Policy, window_ms: int
) -> tuple[Int64Array, Int64Array, NDArray[np.bool_]]:
    row = rows[steps.slot[at]]
    gated = steps.is_gated[at]
    instant_ms = steps.instant_ms[at]
    stage, behaviour = row["stage"], row["behaviour"]
    if scores is None:
        says = gated & (stage == NONE)
        return np.where(says, NEW, stage), behaviour, says
    risk = scores.churn_probability[at]

    next_stage = _next_stage(row, risk, steps.quiet_ms[at], steps.is_outcome[at], instant_ms, policy)
    next_behaviour = _next_behaviour(behaviour, scores.behaviour_distance[at], policy)
    in_dwell = instant_ms - row["since_ms"] < policy.min_dwell_days * DAY_MS
    settled = stage >= ACTIVE
    held = settled & in_dwell & ((next_stage != WON_BACK) | (stage == WON_BACK))
    next_stage = np.where(held, stage, next_stage)
    next_behaviour = np.where(held, behaviour, next_behaviour)
    next_stage = np.where(gated, np.where(stage == NONE, NEW, stage), next_stage)
    next_behaviour = np.where(gated, behaviour, next_behaviour)

    moved = np.abs(risk - row["published_risk"]) >= policy.profile_step
    ttl_ms = policy.profile_ttl_days * DAY_MS
    expiring = (row["published_ms"] < 0) | (row["published_ms"] + ttl_ms < instant_ms + window_ms)
    says = (next_stage != stage) | (next_behaviour != behaviour) | (~gated & (moved | expiring))
    return next_stage, next_behaviour, says


def _next_stage(
    row: Records,
    risk: Float64Array,
    quiet_ms: Int64Array,
    is_outcome: NDArray[np.bool_],
    instant_ms: Int64Array,
    policy: Policy,
) -> Int64Array:
    level = _LEVEL[row["stage"]]
    for step, enter in enumerate((policy.cooling_enter, policy.at_risk_enter)):
        level = np.where((level == step) & (risk >= enter), step + 1, level)
    for step, leave in ((2, policy.at_risk_exit), (1, policy.cooling_exit)):
        level = np.where((level == step) & (risk < leave), step - 1, level)
    stage = _OF_LEVEL[level]
    stage = np.where((level == 2) & (quiet_ms >= policy.lapse_days * DAY_MS), LAPSED, stage)
    returned = is_outcome & (row["stage"] == LAPSED)
    fresh = instant_ms - row["since_ms"] < policy.won_back_days * DAY_MS
    stays = (row["stage"] == WON_BACK) & (level < 2) & fresh
    return np.where(returned | stays, WON_BACK, stage)


def _next_behaviour(current: Int64Array, distance: Float64Array, policy: Policy) -> Int64Array:
    nearest = distance.argmin(axis=1)
    index = np.arange(len(current))
    present = np.where(current >= 0, distance[index, np.maximum(current, 0)], np.inf)
    return np.where(distance[index, nearest] < policy.behaviour_margin * present, nearest, current)


def _apply(
    rows: Records,
    steps: Steps,
    at: Int64Array,
    stage: Int64Array,
    behaviour: Int64Array,
    risk: Float64Array,
    policy: Policy,
) -> list[Verdict]:
    slots = steps.slot[at]
    row = rows[slots]
    instant_ms = steps.instant_ms[at]
    changed = (stage != row["stage"]) | (behaviour != row["behaviour"])
    crossed = (_LEVEL[row["stage"]] < 2) & (_LEVEL[stage] == 2)
    cooled = (row["alerted_ms"] < 0) | (instant_ms - row["alerted_ms"] >= policy.alert_cooldown_days * DAY_MS)
    alert = crossed & cooled & (steps.kind != "reconcile")
    rows["stage"][slots] = stage
    rows["behaviour"][slots] = behaviour
    rows["since_ms"][slots] = np.where(changed, instant_ms, row["since_ms"])
    rows["alerted_ms"][slots] = np.where(alert, instant_ms, row["alerted_ms"])
    rows["published_ms"][slots] = instant_ms
    rows["published_risk"][slots] = risk
    # Later rows of these steps have touched the customer already: an earlier one's emission may not set it back.
    rows["assessed_ms"][slots] = np.maximum(row["assessed_ms"], instant_ms)
    columns = (at, row["stage"], row["behaviour"], stage, behaviour, changed, alert)
    return [
        Verdict(
            at=here,
            change=("entered" if had == NONE else "changed") if is_change else None,
            alert=is_alert,
            previous_stage=had,
            previous_behaviour=had_behaviour,
            stage=has,
            behaviour=has_behaviour,
        )
        for here, had, had_behaviour, has, has_behaviour, is_change, is_alert in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]
