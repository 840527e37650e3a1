"""Two partitions with one face: the oracle's and the program's, so that one example or property can ask both.

Records in, what was said and counted out. Nothing here knows a rule; it only reads JSON.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import orjson

from streamseg.core.decide import Policy
from streamseg.core.scores import Scorer
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import WindowSpec
from streamseg.effects import Effects
from streamseg.partition_row import Position
from streamseg.pipeline import Pipeline
from streamseg.pipeline import Rules as Settings
from streamseg.wire import topics
from streamseg.wire.blocks import block_of
from streamseg.wire.spans import joined
from streamseg.wire.touchpoint import DecodeLimits, decode
from tests.oracle.history import touches
from tests.oracle.reference import Reference, Said
from tests.oracle.streams import Record
from tests.oracle.verdict import Rules

LIMITS = DecodeLimits()


class Partition(Protocol):
    """One partition of touchpoints under the rules."""

    said: list[Said]
    """All outputs so far, in order."""

    @property
    def counts(self) -> Counter[str]:
        """Records by what became of them; names of which none were met are absent."""
        ...

    def feed(self, records: Sequence[Record]) -> None:
        """Take records, then look at all silence that is due."""
        ...

    def advance_clock(self, now_ms: int) -> None:
        """Let the wall clock of an idle partition go on, then look at all silence that is due."""
        ...

    def swap(self, scorer: Scorer) -> None:
        """Let another model serve."""
        ...


class OraclePartition:
    """The oracle's: each record decoded alone."""

    def __init__(self, scorer: Scorer, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.reference = Reference(self.rules, WindowSpec(length_days=self.rules.window_days), scorer)
        self.said = self.reference.outputs

    @property
    def counts(self) -> Counter[str]:
        return self.reference.counts

    def feed(self, records: Sequence[Record]) -> None:
        for record in records:
            decoded = decode([record], limits=LIMITS)
            if decoded.rejected:
                self.reference.reject()
                self.said.append(Said(topics.DEAD_LETTERS, record.key or b"", {"raw": record.value}))
                continue
            (touch,) = touches(decoded.batch)
            if self.reference.take(touch) == "too_late":
                self.said.append(Said(topics.LATE_TOUCHPOINTS, touch.customer, {"raw": record.value}))

    def advance_clock(self, now_ms: int) -> None:
        self.reference.advance_clock(now_ms)

    def swap(self, scorer: Scorer) -> None:
        self.reference.swap(scorer)


class ProgramPartition:
    """The program's: a pipeline, and a changelog that keeps the last row of each key."""

    def __init__(self, scorer: Scorer, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.scorer = scorer
        self.pipeline = Pipeline(settings_of(self.rules), scorer)
        self.said: list[Said] = []
        self.rows: dict[bytes, bytes] = {}
        """The changelog, compacted."""
        self._counts: Counter[str] = Counter()
        self._offset = 0

    @property
    def counts(self) -> Counter[str]:
        return +self._counts

    def feed(self, records: Sequence[Record]) -> None:
        self.process(records)
        self.drain()

    def process(self, records: Sequence[Record]) -> None:
        """One batch, its silence left for later."""
        self._offset += len(records)
        self._commit(self.pipeline.process(records, now_ms=None, position=self._position()))

    def sweep(self, limit: int) -> None:
        """A slice of the silence that is due."""
        self._commit(self.pipeline.sweep(limit, now_ms=None, position=self._position()))

    def drain(self) -> None:
        """All of it."""
        while self.pipeline.backlog:
            self.sweep(2)

    def advance_clock(self, now_ms: int) -> None:
        self.pipeline.advance_clock(now_ms)
        self.drain()

    def swap(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.pipeline.swap(scorer)

    def restarted(self) -> ProgramPartition:
        """Another process that knows nothing but the changelog; outputs and counts stay with the reader."""
        after = ProgramPartition(self.scorer, self.rules)
        after.pipeline.restore(block_of(topics.CHANGELOG, [*self.rows.items()]))
        after.said, after.rows, after._counts, after._offset = self.said, self.rows, self._counts, self._offset
        return after

    def state(self) -> dict[bytes, tuple[object, ...]]:
        """What is known of each customer: life and decisions, and the windows as a later fold will read them."""
        table, spec = self.pipeline.table, self.pipeline.rules.spec.windows
        known: dict[bytes, tuple[object, ...]] = {}
        for customer_id in table.customer_ids:
            slots = table.slots(joined([customer_id]))
            row = table.rows[slots[0]].tolist()
            window = spec.index_of(table.watermark_ms)
            start = max(spec.anchor(window), int(table.first_window(slots)[0]))
            known[customer_id] = (*row, table.closed_features(slots, min(start, window), window).tobytes())
        return known

    def _position(self) -> Position:
        return Position(next_offset=self._offset, topic_id="", partitions=4)

    def _commit(self, effects: Effects) -> None:
        for record in (record for block in effects.rows for record in block):
            assert record.key is not None
            if record.value is None:
                self.rows.pop(record.key, None)
            else:
                self.rows[record.key] = record.value
        for output in effects.outputs:
            raw = output.topic in (topics.DEAD_LETTERS, topics.LATE_TOUCHPOINTS)
            payload = {"raw": output.value} if raw else None if output.value is None else orjson.loads(output.value)
            if payload is not None and "processed_time" in payload:
                assert payload.pop("processed_time") == payload["event_time"], "a replay has no clock but event time"
            self.said.append(Said(output.topic, output.key or b"", payload))
        counts = effects.counts
        for name in ("received", "duplicate", "too_late", "suppressed", "scored"):
            self._counts[name] += getattr(counts, name)
        self._counts["dead_lettered"] += counts.dead_lettered.total()


def settings_of(rules: Rules) -> Settings:
    """The oracle's numbers under the program's names."""
    spec = CoreSpec(
        windows=WindowSpec(length_days=rules.window_days),
        allowed_lateness_ms=rules.allowed_lateness_ms,
        keep_ids=rules.keep_ids,
        outcome_types=tuple(sorted(rules.outcome_types)),
        gate_touchpoints=rules.min_touchpoints,
        gate_age_days=rules.min_age_days,
    )
    policy = Policy(
        cooling_enter=rules.enter[0],
        cooling_exit=rules.exit[0],
        at_risk_enter=rules.enter[1],
        at_risk_exit=rules.exit[1],
        lapse_days=rules.lapse_days,
        min_dwell_days=rules.min_dwell_days,
        alert_cooldown_days=rules.alert_cooldown_days,
        won_back_days=rules.won_back_days,
        behaviour_margin=rules.behaviour_margin,
        profile_step=rules.profile_step,
        profile_ttl_days=rules.profile_ttl_days,
    )
    return Settings(spec, policy, LIMITS, rules.churn_horizon_days, rules.holdout_percent)
