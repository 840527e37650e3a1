"""One batch through the pipeline, with one slice of the sweep: what runs in a scoring thread, and what it leaves.

Records arrive; a `Batch` that is ready to be committed leaves. No Kafka is spoken here, and nothing waits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streamseg.effects import Effects
from streamseg.partition_row import Position
from streamseg.pipeline import Pipeline
from streamseg.wire.spans import Int64Array
from streamseg.wire.touchpoint import Decoded, append_ms_of


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of some records and one slice of the sweep, and where the partition stands after them."""

    effects: Effects
    position: Position
    append_ms: Int64Array
    """(N,) broker's time of each record, milliseconds UTC."""
    watermark_ms: int
    backlog: int
    """Silent customers who are due and not yet swept."""
    seconds: float
    """In its scoring thread."""


def decode(pipeline: Pipeline, records: Sequence[Any]) -> tuple[Decoded, float]:
    """Decode the records, and say how many seconds it took."""
    since = time.perf_counter()
    return pipeline.decode(records), time.perf_counter() - since


def process(
    pipeline: Pipeline, records: Sequence[Any], decoded: tuple[Decoded, float], position: Position, sweep_slice: int
) -> Batch:
    """Take the records through the pipeline, then up to `sweep_slice` silent customers: never all of them at once.

    With neither, what leaves is where the partition stands.
    """
    clock_ms, since = now_ms(), time.perf_counter()
    effects = Effects()
    if records or not pipeline.backlog:
        effects = pipeline.process(records, now_ms=clock_ms, position=position, decoded=decoded[0])
        effects.seconds["decode"] = decoded[1]
    if pipeline.backlog:
        swept = pipeline.sweep(sweep_slice, now_ms=clock_ms, position=position)
        effects.said += swept.said
        # Later rows of a key replace earlier ones, so the sweep's follow the records'.
        effects.rows += swept.rows
        effects.counts.swept += swept.counts.swept
        effects.counts.emitted += swept.counts.emitted
        for stage, seconds in swept.seconds.items():
            effects.seconds[stage] = effects.seconds.get(stage, 0.0) + seconds
    return Batch(
        effects=effects,
        position=position,
        append_ms=append_ms_of(records),
        watermark_ms=pipeline.watermark_ms,
        backlog=pipeline.backlog,
        seconds=time.perf_counter() - since,
    )


def let_time_pass(pipeline: Pipeline) -> int:
    """Let an idle partition move with the clock; how many silent customers are then due."""
    pipeline.advance_clock(now_ms())
    return pipeline.backlog


def now_ms() -> int:
    """The clock of this machine, milliseconds UTC."""
    return time.time_ns() // 1_000_000
