"""A histogram that takes a whole batch of observations at once, as an array.

prometheus-client's own takes one number a call, about a microsecond each: 8 ms for a batch that is scored in 50 ms.
This one sorts the batch into its buckets in one numpy call. It refuses to know what is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry


class BatchHistogram(Collector):
    """Counts of observations by upper bound, for a scraper; and their quantiles, for the summary of a demo.

    >>> waits = BatchHistogram("wait_seconds", "Example.", bounds=(0.1, 1.0), registry=CollectorRegistry())
    >>> waits.observe(np.array([0.05, 0.1, 0.5, 3.0]))
    >>> waits.counts
    (2, 1, 1)
    """

    def __init__(self, name: str, help_text: str, *, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._name, self._help = name, help_text
        self._bounds = np.asarray(bounds, dtype=np.float64)
        self._counts = np.zeros(len(bounds) + 1, dtype=np.int64)
        self._sum = 0.0
        self._lock = Lock()
        registry.register(self)

    def observe(self, values: NDArray[np.float64]) -> None:
        """Count N observations; an observation equal to a bound lies below it, as scrapers expect (`le`)."""
        counts = np.bincount(np.searchsorted(self._bounds, values, side="left"), minlength=len(self._counts))
        with self._lock:
            self._counts += counts
            self._sum += float(values.sum())

    @property
    def counts(self) -> tuple[int, ...]:
        """Observations between each bound and the one before it; the last: above all bounds."""
        with self._lock:
            return tuple(int(count) for count in self._counts)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Give the scraper what it asks for: counts that add up from bound to bound."""
        with self._lock:
            running, total = np.cumsum(self._counts), self._sum
        labels = [*(f"{bound:g}" for bound in self._bounds), "+Inf"]
        buckets: list[tuple[str, float]] = [(label, float(n)) for label, n in zip(labels, running, strict=True)]
        yield HistogramMetricFamily(self._name, self._help, buckets=buckets, sum_value=total)
