"""What the network reads at one step: a summary of a window and the customer's life up to an instant, as numbers.

The same function serves the running window (touchpoints so far, elapsed below 1) and a closed one (elapsed 1), in the
worker, in training and in the backtest. Raw values, logarithms where they are heavy-tailed; the network standardises.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamseg.core.rows import COUNT_LIMIT
from streamseg.core.scores import Float32Array
from streamseg.core.windows import DAY_MS, Int64Array, WindowSpec
from streamseg.wire.vocabulary import CHANNELS, TYPES

Records = NDArray[Any]
"""A structured array, of `rows.SUMMARY` or with the life fields of `rows.CUSTOMER`."""

_LOG1P: Final = np.log1p(np.arange(COUNT_LIMIT + 1, dtype=np.float64)).astype(np.float32)
_SESSIONS: Final = (-64.0 * np.log1p(-np.minimum(np.arange(65), 63) / 64.0)).astype(np.float64)
"""Linear counting (Whang et al., ACM TODS 1990): distinct sessions estimated from the bits set among 64."""

FEATURES: Final[tuple[str, ...]] = (
    *(f"window_{name}" for name in TYPES),
    *(f"window_channel_{name}" for name in CHANNELS),
    "window_spend",
    "window_money_back",
    "window_sessions",
    "window_active_days",
    "window_outcome_days",
    "window_rating",
    "window_rating_count",
    "age_days",
    "outcome_age_days",
    "recency_days",
    "outcome_recency_days",
    "never_outcome",
    "touchpoints",
    "active_days",
    "outcome_days",
    "outcome_rate",
    "spend",
    "spend_per_outcome_day",
    "refund_share",
    "elapsed",
    "first_window",
)
"""Names of the F columns, in order; part of every artefact's manifest."""

COLUMN: Final = {name: index for index, name in enumerate(FEATURES)}


def step_features(summary: Records, life: Records, instant_ms: Int64Array, spec: WindowSpec) -> Float32Array:
    """Describe N customers at N instants, each within (or at the end of) the window that its summary sums up.

    Args:
        summary: (N,) of `rows.SUMMARY`: the touchpoints of the window up to the instant; all zero but `window` if none.
        life: (N,) with the life fields of `rows.CUSTOMER`, as they stood at the instant, the summary included.
        instant_ms: (N,) milliseconds UTC, not before `first_ms`.
        spec: The windows.

    Returns:
        (N, F) float32, finite, columns as in `FEATURES`. A row depends on its own inputs only, bit for bit.
    """
    x = np.empty((len(summary), len(FEATURES)), np.float32)
    n_types, n_channels = len(TYPES), len(CHANNELS)
    x[:, :n_types] = _LOG1P[summary["types"]]
    x[:, n_types : n_types + n_channels] = _LOG1P[summary["channels"]]

    age_days = _days(instant_ms - life["first_ms"])
    ever = life["last_outcome_ms"] > 0
    outcome_age = np.where(ever, _days(instant_ms - life["first_outcome_ms"]), age_days)
    since_outcome = np.where(ever, _days(instant_ms - life["last_outcome_ms"]), age_days)
    outcome_days = life["outcome_days"].astype(np.float64)
    spend = life["spend_micro"] / 1e6
    refund = life["refund_micro"] / 1e6
    rated = summary["rating_count"]
    elapsed_ms = instant_ms - (spec.origin_ms + summary["window"] * spec.length_ms)

    tail = (
        _log1p(summary["spend_micro"] / 1e6),
        _log1p(summary["refund_micro"] / 1e6),
        _log1p(_SESSIONS[np.bitwise_count(summary["session_bits"])]),
        _LOG1P[np.bitwise_count(summary["active_days"])],
        _LOG1P[np.bitwise_count(summary["outcome_days"])],
        np.where(rated > 0, summary["rating_sum"] / np.maximum(rated, 1) - 3.0, 0.0),
        _LOG1P[np.minimum(rated, COUNT_LIMIT)],
        _log1p(age_days),
        _log1p(outcome_age),
        _log1p(_days(instant_ms - life["last_ms"])),
        _log1p(since_outcome),
        ~ever,
        _log1p(life["touchpoints"].astype(np.float64)),
        _log1p(life["active_days"].astype(np.float64)),
        _log1p(outcome_days),
        _log1p((outcome_days + 0.5) / (age_days + 30.0) * 30.0),
        _log1p(spend),
        _log1p(spend / np.maximum(outcome_days, 1.0)),
        np.where(spend > 0, np.minimum(refund / np.maximum(spend, 1e-6), 1.0), 0.0),
        elapsed_ms / spec.length_ms,
        spec.index(life["first_ms"]) == summary["window"],
    )
    for column, values in enumerate(tail, start=n_types + n_channels):
        x[:, column] = values
    return x


def _days(span_ms: Int64Array) -> NDArray[np.float64]:
    # A late touchpoint is scored at the watermark, so no span is negative; the clip keeps log1p finite all the same.
    return np.maximum(span_ms, 0) / DAY_MS


def _log1p(values: NDArray[np.float64]) -> NDArray[np.float64]:
    # Contiguous input: numpy takes another code path for strided arrays, whose last bit may differ.
    return np.log1p(np.ascontiguousarray(values))
