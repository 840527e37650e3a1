"""What the agent found and did, as a scraper reads it; what is no more is no longer reported."""

from __future__ import annotations

from streamseg.ops.declared import RETRAIN
from streamseg.ops.retrain_metrics import RetrainMetrics


def test_a_look_tells_of_the_model_that_serves_and_forgets_the_one_before() -> None:
    metrics = RetrainMetrics()
    metrics.looked(5_000, touchpoints=7, version="v1")
    metrics.looked(6_000, touchpoints=9, version="v2")
    assert told(metrics, "streamseg_retrain_model_info", version="v1") is None
    assert told(metrics, "streamseg_retrain_model_info", version="v2") == 1.0
    assert told(metrics, "streamseg_retrain_last_look_timestamp_seconds") == 6.0
    assert told(metrics, "streamseg_retrain_touchpoints") == 9.0


def test_a_figure_of_drift_that_could_not_be_measured_again_is_gone() -> None:
    metrics = RetrainMetrics()
    metrics.drifted({"score.churn.psi": 0.3, "ece.7d": 0.1})
    metrics.drifted({"score.churn.psi": 0.2})
    assert told(metrics, "streamseg_retrain_drift", figure="score.churn.psi") == 0.2
    assert told(metrics, "streamseg_retrain_drift", figure="ece.7d") is None


def test_every_declared_metric_is_there() -> None:
    metrics = RetrainMetrics()
    names = {family.name for family in metrics.registry.collect()}
    assert names == {one.name.removesuffix("_total") for one in RETRAIN}


def told(metrics: RetrainMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)
