from __future__ import annotations

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from streamseg.ops.declared import WORKER
from streamseg.ops.metrics import NAMED_TYPES, Metrics


def scraped(metrics: Metrics) -> dict[str, float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {f"{s.name}{sorted(s.labels.items())}" if s.labels else s.name: s.value for f in families for s in f.samples}


def test_every_declared_metric_is_scraped_with_its_help_unit_and_alert() -> None:
    text = Metrics().render().decode()
    for declared in WORKER:
        # The text format of Prometheus names a counter's family without "_total" in newer clients only.
        line = next(line for line in text.splitlines() if line.startswith(f"# HELP {declared.name} "))
        assert declared.help in line
        assert f"Alert: {declared.alert}." in line
        assert not declared.unit or f"Unit: {declared.unit}." in line


def test_nothing_is_scraped_that_is_not_declared() -> None:
    text = Metrics().render().decode()
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE") and "_created" not in line}
    assert names == {declared.name for declared in WORKER}


def test_what_a_batch_counted_is_what_a_scraper_reads() -> None:
    metrics = Metrics()
    metrics.counted(
        received=10, scored=4, duplicate=1, too_late=2, suppressed=1, dead_lettered={"not_json": 1, "oversize": 1}
    )
    metrics.changed("entered", 3)
    metrics.alerted()
    found = scraped(metrics)
    assert found["streamseg_events_received_total"] == 10
    assert found["streamseg_events_dead_lettered_total[('reason', 'oversize')]"] == 1
    assert found["streamseg_segment_changes_total[('kind', 'entered')]"] == 3
    outcomes = ("scored", "duplicate", "too_late", "suppressed", "dead_lettered")
    assert sum(metrics.total(f"streamseg_events_{outcome}_total") for outcome in outcomes) == 10


def test_unknown_types_beyond_the_limit_share_one_label() -> None:
    metrics = Metrics()
    metrics.met_unknown_types({f"type-{i}": 1 for i in range(NAMED_TYPES + 50)})
    metrics.met_unknown_types({"type-0": 1, "yet-another": 1})
    assert metrics.value("streamseg_unknown_type_total", type="type-0") == 2
    assert metrics.value("streamseg_unknown_type_total", type="(more)") == 51


def test_only_the_model_in_use_is_reported() -> None:
    metrics = Metrics()
    metrics.uses_model("a", "pareto_nbd", 1_000)
    metrics.uses_model("b", "lstm+pareto_nbd", 2_000)
    text = metrics.render().decode()
    assert 'serves="lstm+pareto_nbd",version="b"' in text or 'version="b",serves="lstm+pareto_nbd"' in text
    assert 'version="a"' not in text
    assert metrics.value("streamseg_model_trained_until_timestamp_seconds") == 2


def test_a_revoked_partition_is_not_reported_any_more() -> None:
    metrics = Metrics()
    metrics.stands(3, event_lag_s=5.0, input_lag=7, sweep_backlog=9)
    assert metrics.value("streamseg_sweep_backlog", partition="3") == 9
    metrics.revoked(3)
    assert 'partition="3"' not in metrics.render().decode()


def test_latency_counts_whole_batches_by_upper_bound() -> None:
    metrics = Metrics()
    metrics.delivered(np.array([0.0005, 0.001, 0.0011, 1_000.0]))
    found = scraped(metrics)
    assert found["streamseg_end_to_end_latency_seconds_bucket[('le', '0.001')]"] == 2
    assert found["streamseg_end_to_end_latency_seconds_bucket[('le', '+Inf')]"] == 4
    assert found["streamseg_end_to_end_latency_seconds_count"] == 4
    assert found["streamseg_end_to_end_latency_seconds_sum"] == 1000.0026
