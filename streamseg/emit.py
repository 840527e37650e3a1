"""From verdicts to records: segment changes, churn alerts and profiles with ids that derive from their cause.

Arrives: steps, scores and verdicts. Leaves: `Output`s in the effects. The few rows that leave become objects here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

from streamseg.core.decide import NEW, NONE, STAGES, Policy, Verdict
from streamseg.core.scores import Scores
from streamseg.core.steps import Kind as StepKind
from streamseg.core.steps import Steps
from streamseg.core.table import CustomerTable
from streamseg.core.windows import DAY_MS
from streamseg.effects import Effects
from streamseg.wire.ids import hash64, model_cause, output_id, silence_cause
from streamseg.wire.outputs import (
    CustomerProfile,
    Decision,
    Direction,
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
        (who,) = self._who(steps, [0])
        self._decision(who, "exited", None, previous, None, ())
        self.effects.outputs.append(Output(CUSTOMER_PROFILES, who.key, None))

    def say(
        self,
        steps: Steps,
        scores: Scores | None,
        verdicts: Sequence[Verdict],
        why: Mapping[int, Sequence[Reason]],
    ) -> None:
        """Say what the verdicts of some steps hold, each its change, then its alert, then the profile.

        Args:
            steps, scores: As they were decided upon; scores None where no step was scored.
            verdicts: In the order of the steps.
            why: Reasons, by position in the steps.
        """
        at = [verdict.at for verdict in verdicts]
        for verdict, who, forecast in zip(verdicts, self._who(steps, at), _forecasts(steps, scores, at), strict=True):
            segment = self._segment(verdict.stage, verdict.behaviour)
            score = None if forecast is None else forecast[0]
            if verdict.change:
                previous = self._segment(verdict.previous_stage, verdict.previous_behaviour)
                reasons = self._by_model(verdict) if steps.kind == "reconcile" else why.get(verdict.at, ())
                self._decision(who, verdict.change, segment, previous, score, reasons)
                if verdict.alert:
                    self._decision(who, "churn_alert", segment, previous, score, reasons)
            self._profile(who, segment, forecast)

    def _by_model(self, verdict: Verdict) -> Sequence[Reason]:
        direction: Direction = "raises" if verdict.stage > verdict.previous_stage else "lowers"
        return (Reason("model_changed", direction, 0.0, f"scored by model {self.model_version} for the first time"),)

    def _segment(self, stage: int, behaviour: int) -> str | None:
        if stage == NONE:
            return None
        return STAGES[stage] if stage == NEW or behaviour < 0 else f"{STAGES[stage]}/{self.behaviours[behaviour]}"

    def _decision(
        self,
        who: _Who,
        kind: Kind,
        segment: str | None,
        previous: str | None,
        score: float | None,
        reasons: Sequence[Reason],
    ) -> None:
        decision = Decision(
            event_id=output_id(who.key, who.cause, kind, self.run),
            kind=kind,
            customer_id=who.customer_id,
            segment=segment,
            previous_segment=previous,
            score=score,
            threshold=None if score is None else self.policy.at_risk_enter,
            horizon_days=self.horizon_days,
            reasons=tuple(reasons),
            model_version=None if score is None else self.model_version,
            event_time=who.instant_ms,
            processed_time=who.instant_ms if self.now_ms is None else self.now_ms,
            valid_until=who.instant_ms + self.policy.profile_ttl_days * DAY_MS,
            origin=who.origin,
            holdout=who.holdout,
        )
        topic = CHURN_ALERTS if kind == "churn_alert" else SEGMENT_CHANGES
        self.effects.outputs.append(Output(topic, who.key, encode_decision(decision)))
        self.effects.counts.emitted[kind] += 1

    def _profile(self, who: _Who, segment: str | None, forecast: _Forecast | None) -> None:
        churn, outcomes, value, low, high = (None,) * 5 if forecast is None else forecast
        profile = CustomerProfile(
            event_id=output_id(who.key, who.cause, "profile", self.run),
            customer_id=who.customer_id,
            segment=segment,
            churn_probability=churn,
            expected_purchases=outcomes,
            expected_value=value,
            expected_value_low=low,
            expected_value_high=high,
            valid_until=who.instant_ms + self.policy.profile_ttl_days * DAY_MS,
            model_version=None if forecast is None else self.model_version,
            event_time=who.instant_ms,
            processed_time=who.instant_ms if self.now_ms is None else self.now_ms,
            horizon_days=self.horizon_days,
            origin=who.origin,
            holdout=who.holdout,
        )
        self.effects.outputs.append(Output(CUSTOMER_PROFILES, who.key, encode_profile(profile)))
        self.effects.counts.emitted["profile"] += 1

    def _who(self, steps: Steps, at: list[int]) -> Iterator[_Who]:
        """Whom the outputs of some steps are about, and what brought them about."""
        origin: Origin = "reconcile" if steps.kind == "reconcile" else self.origin
        columns = (steps.slot[at].tolist(), steps.row[at].tolist(), steps.instant_ms[at].tolist())
        for slot, row, instant_ms in zip(*columns, strict=True):
            key = self.table.customer_ids[slot]
            yield _Who(
                key=key,
                customer_id=key.decode(),
                cause=self._cause(steps.kind, row, instant_ms),
                instant_ms=instant_ms,
                origin=origin,
                holdout=_lot(key) < self.holdout_percent,
            )

    def _cause(self, kind: StepKind, row: int, instant_ms: int) -> str:
        if kind == "silence":
            return silence_cause(instant_ms)
        if kind == "reconcile":
            return model_cause(self.model_version, instant_ms)
        return self.event_ids[row]


class _Who(NamedTuple):
    key: bytes
    customer_id: str
    cause: str
    instant_ms: int
    origin: Origin
    holdout: bool


_Forecast = tuple[float, float, float, float, float]
"""Churn probability, expected outcomes and value, the value's low and high end."""


def _forecasts(steps: Steps, scores: Scores | None, at: list[int]) -> Iterable[_Forecast | None]:
    """What was forecast at some steps; None at a gated one."""
    if scores is None:
        return repeat(None, len(at))
    columns = (
        scores.churn_probability,
        scores.expected_outcomes,
        scores.expected_value,
        scores.value_low,
        scores.value_high,
    )
    told = zip(*(column[at].tolist() for column in columns), strict=True)
    return (None if gated else one for gated, one in zip(steps.is_gated[at].tolist(), told, strict=True))


def _lot(customer_id: bytes) -> int:
    """The customer's draw, 0 to 99: the same for ever, so that a holdout stays one."""
    return hash64(b"holdout" + customer_id) % 100
