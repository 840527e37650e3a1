"""The metrics of a worker, made from their declarations.

Arrives: what the worker counted, in whole batches. Leaves: the text that a scraper reads. It refuses to know Kafka; the
inference agent is handed a `Metrics` and calls its verbs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from streamseg.ops.declared import WORKER, Declared, described
from streamseg.ops.histogram import BatchHistogram

NAMED_TYPES: Final = 100
"""So many unknown types get a label of their own, the rest share `(more)`: publishers must not fill our memory."""
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_LATENCIES: Final = tuple(round(0.001 * 1.25**step, 6) for step in range(58))
"""1 ms to 5.5 min, each a quarter above the one before: a quantile read from it is at most so far off."""
_BATCHES: Final = (1, 4, 16, 64, 256, 1_000, 2_000, 4_000, 8_000, 16_000, 100_000)


class Metrics:
    """The numbers of one worker. Any thread may record; nothing here waits, and nothing here can fail a transaction.

    >>> metrics = Metrics()
    >>> metrics.counted(received=3, scored=2, duplicate=1)
    >>> metrics.value("streamseg_events_received_total")
    3.0
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._latency = BatchHistogram(
            *self._described("streamseg_end_to_end_latency_seconds"), bounds=_LATENCIES, registry=self.registry
        )
        self._totals: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for declared in WORKER:
            self._create(declared)
        self._named_types: set[str] = set()

    # --- recording ----------------------------------------------------------------------------------------------------

    def counted(
        self,
        *,
        received: int = 0,
        scored: int = 0,
        duplicate: int = 0,
        too_late: int = 0,
        suppressed: int = 0,
        dead_lettered: Mapping[str, int] | None = None,
        clamped: int = 0,
        foreign_currency: int = 0,
    ) -> None:
        """Count one committed batch; `dead_lettered` by reason. received = the sum of the other five outcomes."""
        outcomes = {
            "received": received,
            "scored": scored,
            "duplicate": duplicate,
            "too_late": too_late,
            "suppressed": suppressed,
            "clamped": clamped,
            "foreign_currency": foreign_currency,
        }
        for outcome, n in outcomes.items():
            self._totals[f"streamseg_events_{outcome}_total"].inc(n)
        for reason, n in (dead_lettered or {}).items():
            self._totals["streamseg_events_dead_lettered_total"].labels(reason).inc(n)

    def met_unknown_types(self, types: Mapping[str, int]) -> None:
        """Count touchpoints of types outside the vocabulary by name: the first `NAMED_TYPES` names, then `(more)`."""
        for name, n in types.items():
            if name not in self._named_types and len(self._named_types) < NAMED_TYPES:
                self._named_types.add(name)
            self._totals["streamseg_unknown_type_total"].labels(name if name in self._named_types else "(more)").inc(n)

    def changed(self, kind: str, n: int = 1) -> None:
        """Count segment changes that left: kind entered, changed or exited."""
        self._totals["streamseg_segment_changes_total"].labels(kind).inc(n)

    def alerted(self, n: int = 1) -> None:
        """Count churn alerts that left."""
        self._totals["streamseg_churn_alerts_total"].inc(n)

    def batched(self, records: int) -> None:
        """Note the size of a transaction, touchpoints."""
        self._histograms["streamseg_batch_records"].observe(records)

    def spent(self, stage: str, seconds: float) -> None:
        """Note how long one batch took in a stage: decode, process, send or commit."""
        self._histograms["streamseg_stage_seconds"].labels(stage).observe(seconds)

    def delivered(self, latency_s: NDArray[np.float64]) -> None:
        """Note, for each touchpoint of a committed batch, the seconds since its append."""
        self._latency.observe(latency_s)

    def committed(self) -> None:
        """Count a committed transaction."""
        self._totals["streamseg_commits_total"].inc()

    def aborted(self) -> None:
        """Count a transaction that was given up."""
        self._totals["streamseg_aborts_total"].inc()

    def restored(self, seconds: float) -> None:
        """Count a restore, and note how long it took."""
        self._totals["streamseg_restores_total"].inc()
        self._histograms["streamseg_restore_seconds"].observe(seconds)

    def stands(self, partition: int, *, event_lag_s: float | None, input_lag: int, sweep_backlog: int) -> None:
        """Note where a partition stands; `event_lag_s` is None before its first touchpoint."""
        label = str(partition)
        if event_lag_s is not None:
            self._gauges["streamseg_event_time_lag_seconds"].labels(label).set(event_lag_s)
        self._gauges["streamseg_input_lag_records"].labels(label).set(input_lag)
        self._gauges["streamseg_sweep_backlog"].labels(label).set(sweep_backlog)

    def revoked(self, partition: int) -> None:
        """Forget where a partition stands: another worker has it now, and two must not report it."""
        for name in ("streamseg_event_time_lag_seconds", "streamseg_input_lag_records", "streamseg_sweep_backlog"):
            self._gauges[name].remove_by_labels({"partition": str(partition)})

    def serves(self, partitions: int) -> None:
        """Note how many input partitions this worker has."""
        self._gauges["streamseg_partitions"].set(partitions)

    def uses_model(self, version: str, serves: str, trained_until_ms: int) -> None:
        """Note the model in use and what it is made of; the one before it is no longer reported."""
        info = self._gauges["streamseg_model_info"]
        info.clear()
        info.labels(version, serves).set(1)
        self._gauges["streamseg_model_trained_until_timestamp_seconds"].set(trained_until_ms / 1000)

    def ready(self, is_ready: bool) -> None:
        """Note whether the worker does its work."""
        self._gauges["streamseg_ready"].set(is_ready)

    # --- reading ------------------------------------------------------------------------------------------------------

    def render(self) -> bytes:
        """The text format of Prometheus, UTF-8."""
        return generate_latest(self.registry)

    def value(self, name: str, **labels: str) -> float:
        """One number as a scraper would read it; 0 where nothing was recorded. For tests and the demo's summary."""
        return self.registry.get_sample_value(name, labels) or 0.0

    def total(self, name: str) -> float:
        """The sum of a metric over all its labels."""
        return sum(s.value for family in self.registry.collect() for s in family.samples if s.name == name)

    # --- construction -------------------------------------------------------------------------------------------------

    def _create(self, declared: Declared) -> None:
        name, help_text = self._described(declared.name)
        if name.endswith("_total"):
            self._totals[name] = Counter(name, help_text, declared.labels, registry=self.registry)
        elif name in ("streamseg_batch_records", "streamseg_stage_seconds", "streamseg_restore_seconds"):
            bounds = _BATCHES if declared.unit == "records" else _SECONDS
            self._histograms[name] = Histogram(name, help_text, declared.labels, registry=self.registry, buckets=bounds)
        elif name != "streamseg_end_to_end_latency_seconds":
            self._gauges[name] = Gauge(name, help_text, declared.labels, registry=self.registry)

    @staticmethod
    def _described(name: str) -> tuple[str, str]:
        return name, described(next(one for one in WORKER if one.name == name))
