"""The metrics of the retraining agent, made from their declarations.

Arrives: what the agent found and did. Leaves: a registry that a scraper reads. It refuses to know Kafka and models.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from streamseg.ops.declared import RETRAIN, described


class RetrainMetrics:
    """The numbers of one agent.

    >>> metrics = RetrainMetrics()
    >>> metrics.decided("refused")
    >>> metrics.registry.get_sample_value("streamseg_retrain_decisions_total", {"kind": "refused"})
    1.0
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        made = {
            one.name: (Counter if one.name.endswith("_total") else Gauge)(
                one.name, described(one), one.labels, registry=self.registry
            )
            for one in RETRAIN
        }
        self._counters = {name: metric for name, metric in made.items() if isinstance(metric, Counter)}
        self._gauges = {name: metric for name, metric in made.items() if isinstance(metric, Gauge)}

    def looked(self, now_ms: int, *, touchpoints: int, version: str | None) -> None:
        """Note a look at the topic: how much is held of it, and which model serves."""
        self._gauges["streamseg_retrain_last_look_timestamp_seconds"].set(now_ms / 1000)
        self._gauges["streamseg_retrain_touchpoints"].set(touchpoints)
        info = self._gauges["streamseg_retrain_model_info"]
        info.clear()
        if version is not None:
            info.labels(version).set(1)

    def drifted(self, figures: Mapping[str, float]) -> None:
        """Note the figures of drift; those that could not be measured this time are no longer reported."""
        gauge = self._gauges["streamseg_retrain_drift"]
        gauge.clear()
        for name, value in figures.items():
            gauge.labels(name).set(value)

    def trained(self, seconds: float) -> None:
        """Note how long a training took."""
        self._gauges["streamseg_retrain_training_seconds"].set(seconds)

    def decided(self, kind: str) -> None:
        """Count a decision of the agent's own."""
        self._counters["streamseg_retrain_decisions_total"].labels(kind).inc()
