"""From verdicts to records: segment changes, churn alerts and profiles with ids that derive from their cause.

Arrives: verdicts with their scores and reasons, steps after steps. Leaves: one `Block` in the effects when
the batch is through: one compiled pass writes its JSON (`wire/writing.py`); a call for a few steps would cost too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from streamseg.core.decide import NEW, NONE, STAGES, VERDICT, Policy
from streamseg.core.features import Records
from streamseg.core.grounds import GROUND_NAMES
from streamseg.core.reasons import Reasons
from streamseg.core.scores import Float64Array, Scores
from streamseg.core.steps import Kind as StepKind
from streamseg.core.steps import Steps
from streamseg.core.table import CustomerTable
from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.effects import Effects
from streamseg.wire.blocks import Block
from streamseg.wire.event_ids import EventIds
from streamseg.wire.ids import model_cause, silence_cause
from streamseg.wire.outputs import WHOLE_LIFE_MS, Origin
from streamseg.wire.spans import Spans, joined, locked, packed
from streamseg.wire.writing import (
    CHANGED,
    ENTERED,
    EXITED,
    KINDS,
    PROFILE,
    REASON,
    SAID,
    STAYS,
    Given,
    Terms,
    terms,
    write,
)

REASON_NAMES: Final = (*GROUND_NAMES, "model_changed")
_BY_MODEL: Final = len(GROUND_NAMES)
_TOPIC: Final = np.array([0, 0, 0, 0, 1, 2])
"""Of each kind of output, in `BLOCK_TOPICS`."""
_STEP_KINDS: Final[tuple[StepKind, ...]] = ("touch", "silence", "reconcile", "withdrawal")

Explained = tuple[Int64Array, Reasons]
"""Positions in some steps, rising, and the reasons of each."""


@dataclass(frozen=True, slots=True)
class Emitter:
    """Gathers what is to be said in one batch, and writes it."""

    table: CustomerTable
    behaviours: Sequence[str]
    event_ids: EventIds
    """Of the batch, by row."""
    now_ms: int | None
    model_version: str
    policy: Policy
    horizon_days: int
    holdout_percent: int
    origin: Origin
    run: str
    _gathered: list[_Gathered] = field(default_factory=list)

    def exit(self, steps: Steps) -> None:
        """Consent was withdrawn: the customer leaves its segment, and its profile is deleted."""
        row = self.table.rows[int(steps.slot[0])]
        if row["stage"] == NONE:
            return
        verdict = np.zeros(1, VERDICT)
        for name in ("slot", "row", "instant_ms"):
            verdict[name] = getattr(steps, name)
        verdict["previous_stage"], verdict["previous_behaviour"] = row["stage"], row["behaviour"]
        verdict["is_changed"] = 1
        self.say(steps.kind, verdict, None, ())

    def say(self, kind: StepKind, verdicts: Records, scores: Scores | None, why: Iterable[Explained]) -> None:
        """Take up the verdicts of some steps: each says its change, then its alert, then the profile.

        Args:
            kind: Of the steps.
            verdicts: Of `decide.VERDICT`.
            scores: Of the steps; None where none was scored.
            why: Reasons of some of the steps.
        """
        if not len(verdicts):
            return
        forecast = np.zeros((len(verdicts), 5))
        if scores is not None:
            for column, numbers in enumerate(_forecasts(scores)):
                forecast[:, column] = numbers[verdicts["at"]]
        self._gathered.append(_Gathered(_STEP_KINDS.index(kind), verdicts, forecast, tuple(why)))

    def write(self, effects: Effects) -> None:
        """Write what was said since the first step, and count it."""
        if not self._gathered:
            return
        verdicts = np.concatenate([some.verdicts for some in self._gathered])
        kind = np.repeat([some.kind for some in self._gathered], [len(some.verdicts) for some in self._gathered])
        said = self._said(verdicts, kind)
        said["forecast"] = np.concatenate([some.forecast for some in self._gathered])
        reasons, phrases = self._reasons(verdicts, said)
        customers = packed(self.table.customer_ids.spans(verdicts["slot"]))
        causes = self._causes(verdicts, kind)
        text, left = write(Given(self._terms(), said, customers, causes, reasons, phrases))
        key = Spans(customers.text, customers.start[left["said"]], customers.stop[left["said"]])
        effects.said.append(Block(_TOPIC[left["kind"]], key, Spans(text, left["start"], left["stop"])))
        kinds = left["kind"][(left["kind"] != PROFILE) | (left["start"] >= 0)]
        counted = zip(KINDS, np.bincount(kinds, minlength=len(KINDS)).tolist(), strict=True)
        effects.counts.emitted.update({name: count for name, count in counted if count})

    def _terms(self) -> Terms:
        named = ((stage, behaviour) for stage in STAGES for behaviour in ("", *self.behaviours))
        return terms(
            threshold=self.policy.at_risk_enter,
            horizon_days=self.horizon_days,
            model=self.model_version,
            origin=self.origin,
            segments=tuple(f"{stage}/{behaviour}" if behaviour else stage for stage, behaviour in named),
            reasons=REASON_NAMES,
            run=self.run,
            holdout_percent=self.holdout_percent,
        )

    def _said(self, verdicts: Records, kind: Int64Array) -> NDArray[Any]:
        said = np.zeros(len(verdicts), SAID)
        moved = np.where(verdicts["previous_stage"] == NONE, ENTERED, CHANGED)
        moved[kind == _STEP_KINDS.index("withdrawal")] = EXITED
        said["becomes"] = np.where(verdicts["is_changed"], moved, STAYS)
        said["is_alert"], said["is_scored"] = verdicts["is_alert"], verdicts["is_scored"]
        said["is_reconciled"] = kind == _STEP_KINDS.index("reconcile")
        said["segment"] = self._segment(verdicts["stage"], verdicts["behaviour"])
        said["previous"] = self._segment(verdicts["previous_stage"], verdicts["previous_behaviour"])
        said["time_ms"] = verdicts["instant_ms"][:, None]
        if self.now_ms is not None:
            said["time_ms"][:, 1] = self.now_ms
        said["time_ms"][:, 2] += self.policy.profile_ttl_days * DAY_MS
        return said

    def _segment(self, stage: Int64Array, behaviour: Int64Array) -> Int64Array:
        """Place of a segment's name in `_terms`; new customers have no behaviour yet, and 0 is no segment."""
        named = 1 + stage * (1 + len(self.behaviours)) + np.where(stage == NEW, 0, behaviour + 1)
        return np.where(stage == NONE, 0, named)

    def _reasons(self, verdicts: Records, said: NDArray[Any]) -> tuple[NDArray[Any], Spans]:
        """All reasons one behind the other; each decision is told which are its own."""
        told, words, size, row = [np.zeros(0, REASON)], list[str](), 0, 0
        for some in self._gathered:
            for at, reasons in some.why:
                where = row + np.searchsorted(some.verdicts["at"], at)
                said["first_reason"][where] = size + reasons.first[:-1]
                said["last_reason"][where] = size + reasons.first[1:]
                told.append(_columns(reasons))
                words += reasons.words
                size += len(reasons.words)
            row += len(some.verdicts)
        by_model = np.flatnonzero(said["is_reconciled"] & (said["becomes"] != STAYS))
        new = np.zeros(len(by_model), REASON)
        new["name"], new["span_ms"] = _BY_MODEL, WHOLE_LIFE_MS
        new["raises"] = verdicts["stage"][by_model] > verdicts["previous_stage"][by_model]
        said["first_reason"][by_model] = size + np.arange(len(new))
        said["last_reason"][by_model] = size + np.arange(len(new)) + 1
        words += [f"scored by model {self.model_version} for the first time"] * len(new)
        return np.concatenate([*told, new]), joined([orjson.dumps(one) for one in words])

    def _causes(self, verdicts: Records, kind: Int64Array) -> Spans:
        """What brought each verdict about: the touchpoint's own id, or the name of a silence or of a model."""
        ids, row = self.event_ids.spans, verdicts["row"]
        others = np.flatnonzero(row < 0)
        silence, instants = _STEP_KINDS.index("silence"), verdicts["instant_ms"][others].tolist()
        named = joined(
            [
                (silence_cause(ms) if which == silence else model_cause(self.model_version, ms)).encode()
                for which, ms in zip(kind[others].tolist(), instants, strict=True)
            ]
        )
        start, stop = np.empty((2, len(verdicts)), np.int64)
        start[row >= 0], stop[row >= 0] = ids.start[row[row >= 0]], ids.stop[row[row >= 0]]
        start[others], stop[others] = named.start + len(ids.text), named.stop + len(ids.text)
        return Spans(locked(np.concatenate((ids.text, named.text))), start, stop)


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What is said of some steps."""

    kind: int
    verdicts: Records
    forecast: Float64Array
    why: Sequence[Explained]


def _forecasts(scores: Scores) -> tuple[Float64Array, ...]:
    """As a profile has them, from its churn probability on."""
    return (
        scores.churn_probability,
        scores.expected_outcomes,
        scores.expected_value,
        scores.value_low,
        scores.value_high,
    )


def _columns(reasons: Reasons) -> NDArray[Any]:
    told = np.empty(len(reasons.words), REASON)
    told["name"], told["contribution"] = reasons.ground, reasons.contribution
    told["raises"] = ~np.signbit(reasons.contribution)
    told["span_ms"][:, 0], told["span_ms"][:, 1] = reasons.from_ms, reasons.until_ms
    return told
