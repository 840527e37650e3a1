"""From a committed transaction to the metrics: what each number of it is counted as.

Arrives: `Committed`, from the inference agent, after each transaction. Leaves: nothing; the metrics have moved. Only
what was committed is counted, so a restart counts no touchpoint twice.
"""

from __future__ import annotations

from streamseg.kafka.partition_agent import Committed
from streamseg.ops.metrics import Metrics


def record(metrics: Metrics, committed: Committed) -> None:
    """Count one transaction of one partition."""
    batch = committed.batch
    counts = batch.effects.counts
    metrics.counted(
        received=counts.received,
        scored=counts.scored,
        duplicate=counts.duplicate,
        too_late=counts.too_late,
        suppressed=counts.suppressed,
        dead_lettered=counts.dead_lettered,
        clamped=counts.clamped,
        foreign_currency=counts.foreign_currency,
    )
    metrics.met_unknown_types(counts.unknown_types)
    for kind, number in counts.emitted.items():
        if kind == "churn_alert":
            metrics.alerted(number)
        elif kind != "profile":
            metrics.changed(kind, number)
    for stage, seconds in batch.effects.seconds.items():
        metrics.spent(stage, seconds)
    metrics.spent("commit", committed.seconds)
    metrics.committed()
    if len(batch.append_ms):
        metrics.batched(len(batch.append_ms))
        metrics.delivered((committed.now_ms - batch.append_ms) / 1_000)
    metrics.stands(
        committed.partition,
        event_lag_s=(committed.now_ms - batch.watermark_ms) / 1_000 if batch.watermark_ms >= 0 else None,
        input_lag=committed.lag,
        sweep_backlog=batch.backlog,
    )
