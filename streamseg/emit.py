"""From verdicts to records: segment changes, churn alerts and profiles with ids that derive from their cause.

Arrives: steps, scores and verdicts. Leaves: `Output`s in the effects. The few rows that leave become objects here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from streamseg.core.decide import NEW, NONE, STAGES, Policy, Verdict
from streamseg.core.scores import Scores
from streamseg.core.steps import Steps
from streamseg.core.table import CustomerTable
from streamseg.core.windows import DAY_MS
from streamseg.effects import Effects
from streamseg.wire.ids import hash64, model_cause, output_id, silence_cause
from streamseg.wire.outputs import (
    CustomerProfile,
    Decision,
    Kind,
    Origin,
    Output,
    Reason,
    encode_decision,
    encode_profile,
)
from streamseg.wire.topics import CHURN_ALERTS, CUSTOMER_PROFILES, SEGMENT_CHANGES


@dataclass(frozen=True, slots=True)
class Emitter:
    """Writes the outputs of one batch."""

    effects: Effects
    table: CustomerTable
    behaviours: Sequence[str]
    event_ids: Sequence[str]
    """Of the batch, by row."""
    now_ms: int | None
    model_version: str
    policy: Policy
    horizon_days: int
    holdout_percent: int
    origin: Origin
    run: str

    def exit(self, steps: Steps) -> None:
        """Consent was withdrawn: the customer leaves its segment, and its profile is deleted."""
        row = self.table.rows[int(steps.slot[0])]
        if row["stage"] == NONE:
            return
        previous = self._segment(int(row["stage"]), int(row["behaviour"]))
        self._decision(steps, 0, "exited", None, previous, None, ())
        self.effects.outputs.append(Output(CUSTOMER_PROFILES, self.table.customer_ids[int(steps.slot[0])], None))

    def verdict(self, steps: Steps, scores: Scores | None, verdict: Verdict, reasons: Sequence[Reason]) -> None:
        """Say what one verdict holds: change, then alert, then profile."""
        segment = self._segment(verdict.stage, verdict.behaviour)
        previous = self._segment(verdict.previous_stage, verdict.previous_behaviour)
        at = verdict.at
        is_scored = scores is not None and not steps.is_gated[at]
        score = float(scores.churn_probability[at]) if scores is not None and is_scored else None
        if steps.kind == "reconcile":
            words = f"scored by model {self.model_version} for the first time"
            reasons = (
                Reason("model_changed", "raises" if verdict.stage > verdict.previous_stage else "lowers", 0.0, words),
            )
        if verdict.change:
            self._decision(steps, at, verdict.change, segment, previous, score, reasons)
        if verdict.alert:
            self._decision(steps, at, "churn_alert", segment, previous, score, reasons)
        self._profile(steps, at, segment, scores if is_scored else None)

    def _segment(self, stage: int, behaviour: int) -> str | None:
        if stage == NONE:
            return None
        return STAGES[stage] if stage == NEW or behaviour < 0 else f"{STAGES[stage]}/{self.behaviours[behaviour]}"

    def _decision(
        self,
        steps: Steps,
        at: int,
        kind: Kind,
        segment: str | None,
        previous: str | None,
        score: float | None,
        reasons: Sequence[Reason],
    ) -> None:
        customer_id = self.table.customer_ids[int(steps.slot[at])]
        instant_ms = int(steps.instant_ms[at])
        decision = Decision(
            event_id=output_id(customer_id, self._cause(steps, at), kind, self.run),
            kind=kind,
            customer_id=customer_id.decode(),
            segment=segment,
            previous_segment=previous,
            score=score,
            threshold=None if score is None else self.policy.at_risk_enter,
            horizon_days=self.horizon_days,
            reasons=tuple(reasons),
            model_version=None if score is None else self.model_version,
            event_time=instant_ms,
            processed_time=instant_ms if self.now_ms is None else self.now_ms,
            valid_until=instant_ms + self.policy.profile_ttl_days * DAY_MS,
            origin="reconcile" if steps.kind == "reconcile" else self.origin,
            holdout=self._is_held_out(customer_id),
        )
        topic = CHURN_ALERTS if kind == "churn_alert" else SEGMENT_CHANGES
        self.effects.outputs.append(Output(topic, customer_id, encode_decision(decision)))
        self.effects.counts.emitted[kind] += 1

    def _profile(self, steps: Steps, at: int, segment: str | None, scores: Scores | None) -> None:
        customer_id = self.table.customer_ids[int(steps.slot[at])]
        instant_ms = int(steps.instant_ms[at])
        profile = CustomerProfile(
            event_id=output_id(customer_id, self._cause(steps, at), "profile", self.run),
            customer_id=customer_id.decode(),
            segment=segment,
            churn_probability=None if scores is None else float(scores.churn_probability[at]),
            expected_purchases=None if scores is None else float(scores.expected_outcomes[at]),
            expected_value=None if scores is None else float(scores.expected_value[at]),
            expected_value_low=None if scores is None else float(scores.value_low[at]),
            expected_value_high=None if scores is None else float(scores.value_high[at]),
            valid_until=instant_ms + self.policy.profile_ttl_days * DAY_MS,
            model_version=None if scores is None else self.model_version,
            event_time=instant_ms,
            processed_time=instant_ms if self.now_ms is None else self.now_ms,
            horizon_days=self.horizon_days,
            origin="reconcile" if steps.kind == "reconcile" else self.origin,
            holdout=self._is_held_out(customer_id),
        )
        self.effects.outputs.append(Output(CUSTOMER_PROFILES, customer_id, encode_profile(profile)))
        self.effects.counts.emitted["profile"] += 1

    def _cause(self, steps: Steps, at: int) -> str:
        if steps.kind == "silence":
            return silence_cause(int(steps.instant_ms[at]))
        if steps.kind == "reconcile":
            return model_cause(self.model_version, int(steps.instant_ms[at]))
        return self.event_ids[int(steps.row[at])]

    def _is_held_out(self, customer_id: bytes) -> bool:
        return _lot(customer_id) < self.holdout_percent


@lru_cache(maxsize=65_536)
def _lot(customer_id: bytes) -> int:
    """The customer's draw, 0 to 99: the same for ever, so that a holdout stays one."""
    return hash64(b"holdout" + customer_id) % 100
