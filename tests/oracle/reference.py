"""The rules for one partition, one touchpoint at a time: slow, obvious, and written from the rules' text alone.

Arrives: decoded touchpoints, clock moves, model swaps, in order. Leaves: every output in order and the counts. There is
no batch, no cache of folded states, no deferred sweep: silence is looked at directly after the record that closes a
window, and each score folds from zeros at its anchor.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np

from streamseg.core.scores import Float32Array, Scorer, Scores
from streamseg.core.windows import WindowSpec
from streamseg.wire import ids, topics
from tests.oracle.history import DAY_MS, History, Touch
from tests.oracle.reasons import Why
from tests.oracle.verdict import LEVEL, Rules, Standing, next_behaviour, next_stage, settle

MOST_IDS = 4_096
SWEPT_WINDOWS = 52
MODEL_CHANGED: dict[str, Any] = {"name": "model_changed"}
"""The reason of what only a new model changed; how it is put in words is not the oracle's business."""


@dataclass(frozen=True, slots=True)
class Said:
    """One output: its topic, its customer, its payload as the JSON object says it (None = tombstone)."""

    topic: str
    customer: bytes
    payload: dict[str, Any] | None


@dataclass(slots=True)
class Customer:
    """All that is known of one customer."""

    history: History
    accepted: int = 0
    remembered: list[tuple[int, int, int]] = field(default_factory=list)
    """(hash, sequence number, event time) of accepted touchpoints."""
    withdrawn: bool = False
    standing: Standing = field(default_factory=Standing)
    alerted_ms: int | None = None
    published: tuple[float | None, int] | None = None
    """Risk and valid_until of the latest profile."""
    assessed: tuple[int, int] | None = None
    """(model_key, instant) of the latest persisted assessment."""
    due_ms: int | None = None

    def wipe(self, nothing: History) -> None:
        """Forget everything but the remembered ids (and their count)."""
        self.history, self.standing = nothing, Standing()
        self.alerted_ms = self.published = self.assessed = self.due_ms = None


@dataclass(frozen=True, slots=True)
class Step:
    """One instant at which a customer may be assessed."""

    t: int
    cause: str
    origin: str = "live"
    outcome: bool = False


class Reference:
    """One partition. `outputs` and `counts` grow as `take`, `advance_clock` and `swap` are called."""

    def __init__(self, rules: Rules, spec: WindowSpec, scorer: Scorer) -> None:
        self.rules, self.spec, self.scorer = rules, spec, scorer
        self.watermark: int | None = None
        self.customers: dict[bytes, Customer] = {}
        self.outputs: list[Said] = []
        self.counts: Counter[str] = Counter()
        self._advanced: dict[tuple[int, bytes, bytes], Float32Array] = {}

    # -- admission

    def reject(self) -> None:
        """One record that is no touchpoint."""
        self.counts.update(received=1, dead_lettered=1)

    def take(self, touch: Touch) -> str:
        """One touchpoint; returns the name under which it is counted."""
        verdict = self._admit(touch)
        self.counts.update({"received": 1, verdict: 1})
        self._sweep_all()
        return verdict

    def _admit(self, touch: Touch) -> str:
        customer = self.customers.get(touch.customer)
        if customer is not None and any(
            hash_ == touch.event_hash and self._is_remembered(customer, sequence, event_ms)
            for hash_, sequence, event_ms in customer.remembered
        ):
            return "duplicate"
        if self.watermark is not None and touch.event_ms < self.watermark - self.rules.allowed_lateness_ms:
            return "too_late"
        if customer is None:
            customer = self.customers[touch.customer] = Customer(self._no_history())
        self.watermark = touch.event_ms if self.watermark is None else max(self.watermark, touch.event_ms)
        customer.accepted += 1
        customer.remembered.append((touch.event_hash, customer.accepted, touch.event_ms))
        return "scored" if self._touch(customer, touch, self.watermark) else "suppressed"

    def _is_remembered(self, customer: Customer, sequence: int, event_ms: int) -> bool:
        assert self.watermark is not None
        ago = customer.accepted - sequence
        return ago < self.rules.keep_ids or (
            ago < MOST_IDS and self.watermark <= event_ms + self.rules.allowed_lateness_ms
        )

    def _touch(self, customer: Customer, touch: Touch, t: int) -> bool:
        """Apply an accepted touchpoint at `t`; True if the customer is scored for it."""
        self._reconcile(customer, touch.customer)
        if touch.consent == 0:
            self._withdraw(customer, touch, t)
        elif touch.consent == 1:
            customer.withdrawn = False
        if customer.withdrawn:
            return False
        customer.history.fold(touch)
        customer.due_ms = self._boundary_after(t)
        step = Step(t, touch.event_id, outcome=touch.type in self.rules.outcome_types)
        ungated = self._is_assessable(customer, t)
        if ungated:
            self._assess(customer, touch.customer, step)
        elif customer.standing.stage is None:
            self._enter_new(customer, touch.customer, step)
        customer.assessed = (self.scorer.model_key, t)
        return ungated

    def _withdraw(self, customer: Customer, touch: Touch, t: int) -> None:
        if customer.standing.stage is not None:
            self._say_change(customer, touch.customer, Step(t, touch.event_id), "exited", None, None, [])
            self.outputs.append(Said(topics.CUSTOMER_PROFILES, touch.customer, None))
        customer.wipe(self._no_history())
        customer.withdrawn = True

    # -- silence and models

    def advance_clock(self, now_ms: int) -> None:
        """The wall clock of an idle partition moves the watermark, to the latest boundary that it has passed."""
        if self.watermark is not None:
            self.watermark = max(self.watermark, self.spec.start_ms(self.spec.index_of(now_ms)))
        self._sweep_all()

    def swap(self, scorer: Scorer) -> None:
        """Another model serves from here on."""
        self.scorer = scorer

    def _sweep_all(self) -> None:
        for customer_id, customer in self.customers.items():
            while customer.due_ms is not None and self.watermark is not None and customer.due_ms <= self.watermark:
                self._sweep(customer, customer_id, customer.due_ms)

    def _sweep(self, customer: Customer, customer_id: bytes, due_ms: int) -> None:
        last_window = self.spec.index_of(customer.history.last_ms)
        if due_ms > self.spec.start_ms(last_window + SWEPT_WINDOWS):
            customer.due_ms = None
            return
        self._reconcile(customer, customer_id)
        customer.due_ms = due_ms + self.spec.length_ms
        if self._is_assessable(customer, due_ms):
            self._assess(customer, customer_id, Step(due_ms, f"silence:{due_ms}"))
        if customer.standing.stage == "lapsed":
            customer.due_ms = None  # more silence says nothing new: the next touchpoint will

    def _reconcile(self, customer: Customer, customer_id: bytes) -> None:
        if customer.assessed is None or customer.assessed[0] == self.scorer.model_key:
            return
        t = customer.assessed[1]
        if self._is_assessable(customer, t):
            self._assess(customer, customer_id, Step(t, f"model:{self.scorer.version}:{t}", origin="reconcile"))

    # -- assessment

    def _is_assessable(self, customer: Customer, t: int) -> bool:
        first_ms = customer.history.first_ms
        if first_ms is None or customer.history.count < self.rules.min_touchpoints:
            return False
        return t - first_ms >= self.rules.min_age_days * DAY_MS

    def folded(self, history: History, window: int) -> Float32Array:
        """(1, S) the state before `window`, folded from zeros."""
        assert history.first_ms is not None
        state = np.zeros((1, self.scorer.state_size), np.float32)
        for closed in range(max(self.spec.anchor(window), self.spec.index_of(history.first_ms)), window):
            state = self._advance(state, history.x(closed, self.spec.start_ms(closed + 1)))
        return state

    def _advance(self, state: Float32Array, x: Float32Array) -> Float32Array:
        # The scorer is asked once for each pair of state and window; each fold still goes through all of its windows.
        pair = (self.scorer.model_key, state.tobytes(), x.tobytes())
        if pair not in self._advanced:
            self._advanced[pair] = self.scorer.advance(state, x)
        return self._advanced[pair]

    def _assess(self, customer: Customer, customer_id: bytes, step: Step) -> None:
        window = self.spec.index_of(step.t)
        state, x = self.folded(customer.history, window), customer.history.x(window, step.t)
        scores = self.scorer.score(state, x)
        risk = float(scores.churn_probability[0])
        before = customer.standing
        after = self._standing_after(customer, step, scores)
        changed = after != before
        if changed:
            customer.standing = after
            reasons = [MODEL_CHANGED]
            if step.origin != "reconcile":
                why = Why(self.scorer, self.spec, self.rules.outcome_types, customer.history, step.t, state, risk)
                reasons = why.reasons()
            kind = "entered" if before.stage is None else "changed"
            self._say_change(customer, customer_id, step, kind, before, risk, reasons)
            self._alert(customer, customer_id, step, before, risk, reasons)
        if changed or self._profile_is_stale(customer, risk, step.t):
            self._say_profile(customer, customer_id, step, scores)
            customer.assessed = (self.scorer.model_key, step.t)

    def _standing_after(self, customer: Customer, step: Step, scores: Scores) -> Standing:
        history = customer.history
        assert history.first_ms is not None
        stage = next_stage(
            customer.standing,
            float(scores.churn_probability[0]),
            step.t,
            outcome=step.outcome,
            silent_ms=step.t - max(history.last_outcome_ms, history.first_ms),
            rules=self.rules,
        )
        distance = dict(zip(self.scorer.behaviours, scores.behaviour_distance[0].tolist(), strict=True))
        behaviour = next_behaviour(customer.standing.behaviour, distance, self.rules)
        return settle(customer.standing, stage, behaviour, step.t, self.rules)

    def _alert(
        self,
        customer: Customer,
        customer_id: bytes,
        step: Step,
        before: Standing,
        risk: float,
        reasons: list[dict[str, Any]],
    ) -> None:
        if step.origin == "reconcile" or LEVEL[before.stage] == 2 or LEVEL[customer.standing.stage] < 2:
            return
        if customer.alerted_ms is not None and step.t - customer.alerted_ms < self.rules.alert_cooldown_days * DAY_MS:
            return
        customer.alerted_ms = step.t
        self._say_change(customer, customer_id, step, "churn_alert", before, risk, reasons)

    def _profile_is_stale(self, customer: Customer, risk: float, t: int) -> bool:
        published_risk, valid_until = customer.published or (None, 0)
        if published_risk is None:
            return True
        return abs(risk - published_risk) >= self.rules.profile_step or valid_until < t + self.spec.length_ms

    def _enter_new(self, customer: Customer, customer_id: bytes, step: Step) -> None:
        before, customer.standing = customer.standing, Standing("new", None, step.t)
        self._say_change(customer, customer_id, step, "entered", before, None, [])
        self._say_profile(customer, customer_id, step, None)

    # -- words

    def _say_change(
        self,
        customer: Customer,
        customer_id: bytes,
        step: Step,
        kind: str,
        before: Standing | None,
        risk: float | None,
        reasons: list[dict[str, Any]],
    ) -> None:
        gone = kind == "exited"
        payload = {
            "event_id": ids.output_id(customer_id, step.cause, kind),
            "kind": kind,
            "segment": None if gone else self._segment(customer.standing),
            "previous_segment": self._segment(customer.standing if before is None else before),
            "score": _six_decimals(risk),
            "threshold": None if risk is None else self.rules.enter[1],
            "reasons": reasons,
        }
        topic = topics.CHURN_ALERTS if kind == "churn_alert" else topics.SEGMENT_CHANGES
        self._say(topic, customer_id, step, payload, scored=risk is not None)

    def _say_profile(self, customer: Customer, customer_id: bytes, step: Step, scores: Scores | None) -> None:
        risk = None if scores is None else float(scores.churn_probability[0])
        payload = {
            "event_id": ids.output_id(customer_id, step.cause, "profile"),
            "segment": self._segment(customer.standing),
            "churn_probability": _six_decimals(risk),
            "expected_purchases": None if scores is None else _six_decimals(float(scores.expected_outcomes[0])),
            "expected_value": None if scores is None else _six_decimals(float(scores.expected_value[0])),
            "expected_value_low": None if scores is None else _six_decimals(float(scores.value_low[0])),
            "expected_value_high": None if scores is None else _six_decimals(float(scores.value_high[0])),
        }
        customer.published = (risk, step.t + self.rules.profile_ttl_days * DAY_MS)
        self._say(topics.CUSTOMER_PROFILES, customer_id, step, payload, scored=scores is not None)

    def _say(self, topic: str, customer_id: bytes, step: Step, payload: dict[str, Any], *, scored: bool) -> None:
        shared = {
            "customer_id": customer_id.decode(),
            "horizon_days": self.rules.churn_horizon_days,
            "model_version": self.scorer.version if scored else None,
            "event_time": _rfc3339(step.t),
            "valid_until": _rfc3339(step.t + self.rules.profile_ttl_days * DAY_MS),
            "origin": step.origin,
            "holdout": ids.hash64("holdout" + customer_id.decode()) % 100 < self.rules.holdout_percent,
        }
        self.outputs.append(Said(topic, customer_id, payload | shared))

    def _segment(self, standing: Standing) -> str | None:
        if standing.behaviour is None:
            return standing.stage
        return f"{standing.stage}/{standing.behaviour}"

    def _no_history(self) -> History:
        return History(self.spec, self.rules.outcome_types)

    def _boundary_after(self, t: int) -> int:
        return self.spec.start_ms(self.spec.index_of(t) + 1)


def _six_decimals(number: float | None) -> float | None:
    return None if number is None else float(Decimal(number).quantize(Decimal("0.000001"), ROUND_HALF_EVEN))


def _rfc3339(instant_ms: int) -> str:
    instant = datetime(1970, 1, 1) + timedelta(milliseconds=instant_ms)
    return instant.isoformat(timespec="milliseconds") + "Z"
