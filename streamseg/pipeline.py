"""The journey of a touchpoint on one page: decode → observe → score → decide → encode, for one input partition.

Arrives: the records of a batch. Leaves: `Effects`, to be committed together. Synchronous, no Kafka, no clock but the
`now_ms` it is given: the worker, the replay and the tests all call this. Calls come one
after another; pipelines of other partitions may run meanwhile, in other threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from time import perf_counter

import numpy as np

from streamseg.core.admission import ACCEPTED, DUPLICATE, NO_WATERMARK, TOO_LATE
from streamseg.core.decide import Policy, decide
from streamseg.core.explain import explain
from streamseg.core.features import Records
from streamseg.core.folds import FoldCache
from streamseg.core.reasons import reasons_of
from streamseg.core.scores import Float64Array, Scorer, Scores
from streamseg.core.snapshot import changed_rows, restore
from streamseg.core.spec import CoreSpec
from streamseg.core.steps import Steps
from streamseg.core.table import CustomerTable
from streamseg.core.windows import Int64Array
from streamseg.effects import Counts, Effects
from streamseg.emit import Emitter, Explained
from streamseg.errors import ConfigError, InvariantError
from streamseg.partition_row import PARTITION_KEY, PartitionRow, Position, partition_row_of, write_partition_row
from streamseg.wire.blocks import Block, block_of
from streamseg.wire.event_ids import NO_IDS, EventIds
from streamseg.wire.letters import Source, dead_letter, late_touchpoint
from streamseg.wire.outputs import Origin
from streamseg.wire.pen import LARGEST
from streamseg.wire.topics import CHANGELOG, TOUCHPOINTS
from streamseg.wire.touchpoint import Decoded, DecodeLimits, SourceRecord, decode

_EXPLAINED_AT_ONCE = 1_024
"""Rows explained together: bounds the block of their windows to some tens of megabytes."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a deployment has decided; the same for every partition, and for worker and replay."""

    spec: CoreSpec = field(default_factory=CoreSpec)
    policy: Policy = field(default_factory=Policy)
    limits: DecodeLimits = field(default_factory=DecodeLimits)
    horizon_days: int = 90
    """Of the churn risk; a model for another horizon is refused."""
    holdout_percent: int = 5
    has_reasons: bool = True
    """Changes and alerts carry the grounds of their score."""
    origin: Origin = "live"
    run: str = ""
    """Name of a backfill; part of its outputs' ids."""


class Pipeline:
    """One partition's customers, and what becomes of its records."""

    def __init__(self, rules: Rules, scorer: Scorer, *, partition: int = 0, topic: str = TOUCHPOINTS) -> None:
        self.rules = rules
        self.table = CustomerTable(rules.spec)
        self.behaviours: list[str] = []
        """Names by the index that stands in customer rows; appended to when a model brings new ones."""
        self._source = Source(topic, partition)
        self.swap(scorer)

    # -- the journey --------------------------------------------------------------------------------------------------

    def decode(self, records: Sequence[SourceRecord]) -> Decoded:
        """The first stage alone: it needs no state, so another thread may do it while a batch before is scored."""
        return decode(records, limits=self.rules.limits)

    def process(
        self,
        records: Sequence[SourceRecord],
        *,
        now_ms: int | None,
        position: Position | None = None,
        decoded: Decoded | None = None,
    ) -> Effects:
        """Take the next records of the partition through the whole journey.

        Args:
            records: In partition order.
            decoded: What `decode` gave for them; None = not yet decoded.
            now_ms: The clock, for `processed_time`; None = replay: outputs carry their event time there.
            position: Where the input stands after these records; makes the partition row (None: no row is written).

        Returns:
            Outputs, changelog rows and counts. The table has moved on: if they can't be committed, drop the pipeline
            and restore another from what was committed.

        Raises:
            InvariantError: If the model gave a number that is not finite.
        """
        effects = Effects()
        if decoded is None:
            with _timed(effects, "decode"):
                decoded = self.decode(records)
        _count_decoded(effects.counts, decoded, len(records))
        for rejected in decoded.rejected:
            effects.passed_on.append(dead_letter(records[rejected.source], rejected, self._source))
        batch = decoded.batch
        before_ms = self.table.watermark_ms
        with _timed(effects, "observe"):
            slots, admitted = self.table.admit(batch)
        for row in np.flatnonzero(admitted.status == TOO_LATE).tolist():
            lateness_ms = int(admitted.before_ms[row] - batch.event_ms[row])
            effects.passed_on.append(late_touchpoint(records[int(batch.source[row])], lateness_ms, self._source))
        emitter = self._emitter(now_ms, batch.event_id)
        with _timed(effects, "score"):
            self._catch_up(slots[admitted.status == ACCEPTED], before_ms)
        self._answer(self.table.observe(batch, slots, admitted, model_key=self.scorer.model_key), emitter, effects)

        counts = effects.counts
        counts.duplicate = int(np.count_nonzero(admitted.status == DUPLICATE))
        counts.too_late = int(np.count_nonzero(admitted.status == TOO_LATE))
        counts.suppressed = int(np.count_nonzero(admitted.status == ACCEPTED)) - counts.scored
        return self._finished(effects, emitter, position)

    def sweep(self, limit: int, *, now_ms: int | None, position: Position | None = None) -> Effects:
        """Look at up to `limit` silent customers who are due, earliest boundary first; arguments as in `process`."""
        effects = Effects()
        emitter = self._emitter(now_ms, NO_IDS)
        self._answer(self.table.sweep(limit, model_key=self.scorer.model_key), emitter, effects)
        return self._finished(effects, emitter, position)

    @property
    def backlog(self) -> int:
        """Silent customers who are due and not yet swept."""
        return self.table.backlog()

    @property
    def watermark_ms(self) -> int:
        """Highest accepted event time, milliseconds UTC; -1 before the first."""
        return self.table.watermark_ms

    def advance_clock(self, now_ms: int) -> bool:
        """Let time pass on an idle partition, to the latest boundary before `now_ms`; True if one was passed."""
        windows = self.rules.spec.windows
        boundary_ms = windows.start_ms(windows.index_of(now_ms))
        if self.table.watermark_ms == NO_WATERMARK or boundary_ms <= self.table.watermark_ms:
            return False
        self.table.watermark_ms = boundary_ms
        return True

    # -- model and state ----------------------------------------------------------------------------------------------

    def swap(self, scorer: Scorer) -> None:
        """Score with another model from the next step on. Call between transactions.

        Raises:
            ConfigError: If the model forecasts another horizon.
        """
        if scorer.horizon_days != self.rules.horizon_days:
            raise ConfigError(
                f"model {scorer.version} forecasts {scorer.horizon_days:g} days and churn_horizon_days is "
                f"{self.rules.horizon_days}; train a model for this horizon or change the setting"
            )
        self.scorer = scorer
        self._folds = FoldCache(scorer)
        self.behaviours += [name for name in scorer.behaviours if name not in self.behaviours]
        self._columns = [self.behaviours.index(name) for name in scorer.behaviours]

    def restore(self, rows: Block) -> PartitionRow | None:
        """Take up the state that the last committed transaction left; the pipeline must be new.

        Returns:
            The partition row, for the caller to check the input's identity and offset; None if there was no state.
        """
        state = partition_row_of(rows)
        if state is None:
            if len(rows):
                raise InvariantError(
                    f"changelog of {self._source.topic}[{self._source.partition}] has {len(rows)} rows and no "
                    "partition row; its state can't be trusted: clear the changelog and reprocess the input"
                )
            return None
        if state.window != [self.rules.spec.windows.length_days, self.rules.spec.windows.origin_ms]:
            raise ConfigError(
                f"state of {self._source.topic}[{self._source.partition}] was made with windows (days, origin ms) "
                f"{state.window}, not {[self.rules.spec.windows.length_days, self.rules.spec.windows.origin_ms]}; "
                "restore the setting, or use a new group_id to begin again from the input"
            )
        self.behaviours = list(state.behaviours)
        self.swap(self.scorer)
        restore(self.table, rows, watermark_ms=state.watermark_ms, swept_ms=state.swept_ms)
        return state

    # -- inside -------------------------------------------------------------------------------------------------------

    def _answer(self, asked: Iterator[Steps], emitter: Emitter, effects: Effects) -> None:
        while True:
            with _timed(effects, "observe"):
                steps = next(asked, None)
            if steps is None:
                return
            if steps.kind == "withdrawal":
                emitter.exit(steps)
                continue
            scores, verdicts = self._decide(steps, effects)
            with _timed(effects, "explain"):
                why = self._explain(steps, scores, verdicts)
            with _timed(effects, "emit"):
                emitter.say(steps.kind, verdicts, scores, why)
            self.table.touched.update(verdicts["slot"].tolist())

    def _catch_up(self, slots: Int64Array, before_ms: int) -> None:
        """Fold in what had closed before the batch, for all its customers at once, not a few run by run."""
        customers, more = np.unique(slots, return_counts=True)
        had = self.table.rows["touchpoints"][customers]
        known = customers[(had > 0) & (had + more >= self.rules.spec.gate_touchpoints)]
        if len(known):
            self._folds.states(self.table, known, self.rules.spec.windows.index_of(before_ms))

    def _decide(self, steps: Steps, effects: Effects) -> tuple[Scores | None, Records]:
        scored = ~steps.is_gated
        if steps.kind == "touch":
            effects.counts.scored += int(np.count_nonzero(scored))
        elif steps.kind == "silence":
            effects.counts.swept += len(steps)
        scores = None
        if scored.any():
            with _timed(effects, "score"):
                scores = self._checked(self._folds.score(self.table, steps))
        with _timed(effects, "decide"):
            window_ms = self.rules.spec.windows.length_ms
            verdicts = decide(self.table.rows, steps, scores, self.rules.policy, window_ms=window_ms)
        self.table.rows["model_key"][steps.slot[scored]] = self.scorer.model_key
        return scores, verdicts

    def _explain(self, steps: Steps, scores: Scores | None, verdicts: Records) -> list[Explained]:
        """The reasons of what changes a segment; a reconciliation has its own."""
        if scores is None or steps.kind == "reconcile" or not self.rules.has_reasons:
            return []
        told = verdicts["at"][(verdicts["is_changed"] > 0) & (verdicts["is_scored"] > 0)]
        why: list[Explained] = []
        for start in range(0, len(told), _EXPLAINED_AT_ONCE):
            at = told[start : start + _EXPLAINED_AT_ONCE]
            scored = self._folds.scored(self.table, steps, at, scores)
            moves = explain(self.scorer, scored, self.rules.spec)
            self._refuse_no_numbers([moves.contribution])
            why.append((at, reasons_of(moves, scored, self.rules.spec)))
        return why

    def _checked(self, scores: Scores) -> Scores:
        self._refuse_no_numbers(getattr(scores, column.name) for column in fields(Scores))
        distance: Float64Array = np.full((len(scores.churn_probability), len(self.behaviours)), np.inf)
        distance[:, self._columns] = scores.behaviour_distance
        return replace(scores, behaviour_distance=distance)

    def _refuse_no_numbers(self, told: Iterable[Float64Array]) -> None:
        # Not even a NaN is less. Numbers are written in fixed point, which has an end.
        if not all((np.abs(numbers) < LARGEST).all() for numbers in told):
            raise InvariantError(
                f"model {self.scorer.version} gave a number that is not finite, or not below {LARGEST:g}; nothing was "
                "committed: roll back to the version before (streamseg models rollback)"
            )

    def _emitter(self, now_ms: int | None, event_ids: EventIds) -> Emitter:
        rules = self.rules
        return Emitter(
            self.table,
            self.behaviours,
            event_ids,
            now_ms=now_ms,
            model_version=self.scorer.version,
            policy=rules.policy,
            horizon_days=rules.horizon_days,
            holdout_percent=rules.holdout_percent,
            origin=rules.origin,
            run=rules.run,
        )

    def _finished(self, effects: Effects, emitter: Emitter, position: Position | None) -> Effects:
        with _timed(effects, "emit"):
            emitter.write(effects)
        with _timed(effects, "encode"):
            effects.rows = [changed_rows(self.table)]
            if position is not None:
                windows = self.rules.spec.windows
                state = PartitionRow(
                    position=position,
                    watermark_ms=self.table.watermark_ms,
                    swept_ms=self.table.swept_ms(),
                    model_version=self.scorer.version,
                    behaviours=list(self.behaviours),
                    window=[windows.length_days, windows.origin_ms],
                )
                effects.rows.append(block_of(CHANGELOG, [(PARTITION_KEY, write_partition_row(state))]))
        return effects


def _count_decoded(counts: Counts, decoded: Decoded, received: int) -> None:
    counts.received = received
    counts.dead_lettered.update(rejected.reason for rejected in decoded.rejected)
    counts.unknown_types.update(decoded.unknown_types)
    counts.foreign_currency = decoded.foreign_currency
    counts.clamped = decoded.clamped


@contextmanager
def _timed(effects: Effects, stage: str) -> Iterator[None]:
    since = perf_counter()
    yield
    effects.seconds[stage] = effects.seconds.get(stage, 0.0) + perf_counter() - since
