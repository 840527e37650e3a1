from __future__ import annotations

from collections import Counter

import numpy as np

from streamseg.effects import Counts, Effects
from streamseg.kafka.partition_agent import Committed
from streamseg.kafka.processed import Batch
from streamseg.ops.committed import record
from streamseg.ops.metrics import Metrics
from streamseg.partition_row import Position

OUTCOMES = ("dead_lettered", "duplicate", "too_late", "suppressed", "scored")


def a_transaction(*, backlog: int = 0, append_ms: tuple[int, ...] = (900, 950)) -> Committed:
    counts = Counts(
        received=15,
        dead_lettered=Counter(not_json=1, oversize=2),
        duplicate=3,
        too_late=1,
        suppressed=2,
        scored=6,
        unknown_types=Counter(dance=4),
        foreign_currency=1,
        clamped=1,
        swept=9,
        emitted=Counter(entered=2, changed=1, churn_alert=5, profile=8),
    )
    batch = Batch(
        Effects(counts=counts, seconds={"score": 0.02}),
        position=Position(15, "", 4),
        append_ms=np.array(append_ms, np.int64),
        watermark_ms=400,
        backlog=backlog,
        seconds=0.02,
    )
    return Committed(partition=2, batch=batch, now_ms=1_000, seconds=0.01, lag=7)


def test_every_received_touchpoint_is_counted_once_more_under_what_became_of_it() -> None:
    metrics = Metrics()
    for _ in range(3):
        record(metrics, a_transaction())
    received = metrics.total("streamseg_events_received_total")
    assert received == 45
    assert received == sum(metrics.total(f"streamseg_events_{outcome}_total") for outcome in OUTCOMES)


def test_what_left_is_counted_by_kind_and_profiles_are_no_changes() -> None:
    metrics = Metrics()
    record(metrics, a_transaction())
    assert metrics.value("streamseg_segment_changes_total", kind="entered") == 2
    assert metrics.total("streamseg_segment_changes_total") == 3
    assert metrics.total("streamseg_churn_alerts_total") == 5


def test_where_the_partition_stands_is_shown() -> None:
    metrics = Metrics()
    record(metrics, a_transaction(backlog=11))
    assert metrics.value("streamseg_sweep_backlog", partition="2") == 11
    assert metrics.value("streamseg_input_lag_records", partition="2") == 7
    assert metrics.value("streamseg_event_time_lag_seconds", partition="2") == 0.6


def test_latency_is_from_append_to_commit_of_each_touchpoint() -> None:
    metrics = Metrics()
    record(metrics, a_transaction())
    assert metrics.value("streamseg_end_to_end_latency_seconds_count") == 2
    assert abs(metrics.value("streamseg_end_to_end_latency_seconds_sum") - 0.15) < 1e-9


def test_a_sweep_without_records_is_no_batch_of_touchpoints() -> None:
    metrics = Metrics()
    record(metrics, a_transaction(append_ms=()))
    assert metrics.value("streamseg_batch_records_count") == 0
    assert metrics.value("streamseg_commits_total") == 1
