"""What each closed window looked like when it closed, rebuilt from the summaries that are kept.

The sums that a customer's life had reached by then are the sums of today less what came since: integers, so exact.
"""

from __future__ import annotations

import numpy as np

from streamseg.core.features import FEATURES, Records, step_features
from streamseg.core.rows import SUMMARY
from streamseg.core.running import LIFE, SUM_FIELDS, life_sums
from streamseg.core.scores import Float32Array
from streamseg.core.summaries import SummaryPool
from streamseg.core.windows import Int64Array, WindowSpec


def closed_features(
    rows: Records, pool: SummaryPool, slots: Int64Array, start: int, stop: int, spec: WindowSpec
) -> Float32Array:
    """Describe the windows `start` … `stop` - 1 of each customer as they stood when they closed, silence included.

    Args:
        rows: of `rows.CUSTOMER` by slot; pool: the summaries of those customers.
        slots: (N,) distinct customers, each first seen in window `start` or before.
        start, stop: Closed windows, not before the anchor that older summaries were dropped for.
        spec: The windows.

    Returns:
        (stop - start, N, F) float32.
    """
    count, n = stop - start, len(slots)
    dense = np.zeros((count, n), SUMMARY)
    life = np.zeros(n, LIFE)
    # An outcome still to come at some window's end is no first outcome there: without a last one it is not read.
    for name in ("first_ms", "first_outcome_ms"):
        life[name] = rows[name][slots]
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

    x = np.empty((count, n, len(FEATURES)), np.float32)
    for offset in range(count):
        summary = dense[offset]
        for name, values in life_sums(summary).items():
            life[name] += values
        for name in ("last_ms", "last_outcome_ms"):
            life[name] = np.maximum(life[name], summary[name])
        summary["window"] = start + offset
        x[offset] = step_features(summary, life, np.full(n, spec.start_ms(start + offset + 1)), spec)
    return x
