"""What each closed window looked like when it closed, rebuilt from the summaries that are kept.

The sums that a customer's life had reached by then are the sums of today less what came since: integers, so exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamseg.core.features import Records, step_features
from streamseg.core.rows import SUMMARY
from streamseg.core.running import LIFE, SUM_FIELDS, life_sums
from streamseg.core.scores import Float32Array
from streamseg.core.summaries import SummaryPool
from streamseg.core.windows import Int64Array, WindowSpec


@dataclass(frozen=True, slots=True)
class Past:
    """What is kept of the W windows that closed last, for C customers: the part of a history that a fold reads."""

    start: int
    """The first of the windows."""
    summary: Records
    """(W, C) of `rows.SUMMARY`; all zero but `window` where nothing happened."""
    life: Records
    """(C,) of `LIFE`, as it stood when window `start` began; `first_ms` may lie in it or later."""

    def features(self, spec: WindowSpec) -> Float32Array:
        """(W, C, F) each window as it stood when it closed; before a customer's first touchpoint without meaning."""
        count, n = self.summary.shape
        life = np.empty((count, n), LIFE)
        life["first_ms"] = self.life["first_ms"]
        for name, values in life_sums(self.summary).items():
            life[name] = self.life[name] + np.cumsum(values, axis=0)
        for name in ("last_ms", "last_outcome_ms"):
            life[name] = np.maximum(self.life[name], np.maximum.accumulate(self.summary[name], axis=0))
        end_ms = spec.origin_ms + (self.summary["window"] + 1) * spec.length_ms
        # A row of features depends on its own inputs only, so all windows may be described in one call.
        return step_features(self.summary.ravel(), life.ravel(), end_ms.ravel(), spec).reshape(count, n, -1)

    def with_running(self, member: Int64Array, running: Records) -> Past:
        """The same for M instants: the windows of the customer `member` (M,), then the running one, (W + 1, M)."""
        return Past(self.start, np.concatenate((self.summary[:, member], running[None])), self.life[member])


def past_of(rows: Records, pool: SummaryPool, slots: Int64Array, start: int, stop: int) -> Past:
    """Rebuild the windows `start` … `stop` - 1 of some customers.

    Args:
        rows: of `rows.CUSTOMER` by slot; pool: the summaries of those customers.
        slots: (C,) distinct customers.
        start, stop: Closed windows, not before the anchor that older summaries were dropped for.
    """
    n = len(slots)
    dense = np.zeros((stop - start, n), SUMMARY)
    dense["window"] = np.arange(start, stop)[:, None]
    life = np.zeros(n, LIFE)
    life["first_ms"] = rows["first_ms"][slots]
    for name in SUM_FIELDS:
        life[name] = rows[name][slots]
    for who, at in pool.walk(slots):
        record = pool.records[at]
        inside = (record["window"] >= start) & (record["window"] < stop)
        dense[record["window"][inside] - start, who[inside]] = record[inside]
        since = record["window"] >= start
        for name, values in life_sums(record[since]).items():
            life[name][who[since]] -= values
        earlier = who[~since]
        for name in ("last_ms", "last_outcome_ms"):
            life[name][earlier] = np.maximum(life[name][earlier], record[name][~since])
    life["last_ms"] = np.maximum(life["last_ms"], rows["base_last_ms"][slots])
    life["last_outcome_ms"] = np.maximum(life["last_outcome_ms"], rows["base_last_outcome_ms"][slots])
    return Past(start, dense, life)
