"""What the network reads at one step: a summary of a window and the customer's life up to an instant, as numbers.

The same function serves the running window (touchpoints so far, elapsed below 1) and a closed one (elapsed 1), in the
worker, in training and in the backtest. Raw values, logarithms where they are heavy-tailed; the network standardises.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.core.rows import bits_set
from streamseg.core.scores import Float32Array
from streamseg.core.windows import DAY_MS, Int64Array, WindowSpec
from streamseg.wire.vocabulary import CHANNELS, TYPES

Records = NDArray[Any]
"""A structured array, of `rows.SUMMARY` or with the life fields of `rows.CUSTOMER`."""

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
    _describe(summary, life, instant_ms, spec.origin_ms, spec.length_ms, x)
    return x


@compiled
def _describe(
    summary: Records, life: Records, instant_ms: Int64Array, origin_ms: int, length_ms: int, x: Float32Array
) -> None:
    for row in range(len(summary)):
        now, past, at_ms = summary[row], life[row], instant_ms[row]
        ever = past.last_outcome_ms > 0
        age_days = _days(at_ms - past.first_ms)
        outcome_days = float(past.outcome_days)
        spend, refund = past.spend_micro / 1e6, past.refund_micro / 1e6
        tail = (
            _log1p(now.spend_micro / 1e6),
            _log1p(now.refund_micro / 1e6),
            _sessions(now.session_bits),
            _log1p(bits_set(now.active_days)),
            _log1p(bits_set(now.outcome_days)),
            now.rating_sum / now.rating_count - 3.0 if now.rating_count else 0.0,
            _log1p(now.rating_count),
            _log1p(age_days),
            _log1p(_days(at_ms - past.first_outcome_ms) if ever else age_days),
            _log1p(_days(at_ms - past.last_ms)),
            _log1p(_days(at_ms - past.last_outcome_ms) if ever else age_days),
            0.0 if ever else 1.0,
            _log1p(past.touchpoints),
            _log1p(past.active_days),
            _log1p(outcome_days),
            _log1p((outcome_days + 0.5) / (age_days + 30.0) * 30.0),
            _log1p(spend),
            _log1p(spend / max(outcome_days, 1.0)),
            min(refund / spend, 1.0) if spend > 0 else 0.0,
            (at_ms - (origin_ms + now.window * length_ms)) / length_ms,
            1.0 if (past.first_ms - origin_ms) // length_ms == now.window else 0.0,
        )
        for code in range(len(TYPES)):
            x[row, code] = _log1p(now.types[code])
        for code in range(len(CHANNELS)):
            x[row, len(TYPES) + code] = _log1p(now.channels[code])
        for column, value in enumerate(tail, len(TYPES) + len(CHANNELS)):
            x[row, column] = value


@compiled
def _days(span_ms: int) -> float:
    # A late touchpoint is scored at the watermark, so no span is negative; the clip keeps log1p finite all the same.
    return max(span_ms, 0) / DAY_MS


@compiled
def _log1p(value: float) -> float:
    # Most counts are 0. What a millisecond in days loses beside the 1 lies beyond the digits of a float32.
    return math.log(1.0 + value) if value else 0.0


@compiled
def _sessions(bits: np.uint64) -> float:
    """Linear counting (Whang et al., ACM TODS 1990): distinct sessions from the bits set among 64, as a logarithm."""
    return _log1p(-64.0 * math.log(1.0 - min(bits_set(bits), 63) / 64.0))
