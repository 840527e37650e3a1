"""A customer's past as the classical models know it: how often, how lately, for how long, how much.

Arrives: a history and instants, or the input rows of the network, which say the same. Leaves: a `Past` of N rows.
Times are days, counted from the first outcome. Knows no model.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.core.features import COLUMN
from streamseg.core.scores import Float32Array, Float64Array
from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.elementary import exp
from streamseg.model.history import History

_DAYS, _AGE, _RECENCY, _NEVER, _SPEND = (
    COLUMN[name]
    for name in ("outcome_days", "outcome_age_days", "outcome_recency_days", "never_outcome", "spend_per_outcome_day")
)


@dataclass(frozen=True, slots=True)
class Past:
    """N customers, each at an instant of its own; repeats, t_x and T of the literature."""

    repeats: Float64Array
    """(N,) x: outcome days after the first one."""
    last_days: Float64Array
    """(N,) t_x: days from the first to the last outcome, 0 where `repeats` is 0."""
    age_days: Float64Array
    """(N,) T: days from the first outcome to the instant; from the first touchpoint where there was no outcome yet."""
    ever: NDArray[np.bool_]
    """(N,) whether there was an outcome."""
    mean_spend: Float64Array
    """(N,) money paid so far, per outcome day; 0 where there is none."""

    @property
    def spend_days(self) -> Float64Array:
        """(N,) outcome days that `mean_spend` is a mean of; 0 where nothing was paid."""
        return np.where(self.mean_spend > 0, self.repeats + self.ever, 0.0)

    def __len__(self) -> int:
        return len(self.repeats)

    def take(self, which: Int64Array | NDArray[np.bool_]) -> Past:
        """Some of them, in the order asked for."""
        return Past(*(getattr(self, column.name)[which] for column in fields(self)))


def past_of(history: History, customer: Int64Array, instant_ms: Int64Array) -> Past:
    """Look up what was known of N customers at N instants, each at or after the customer's first touchpoint."""
    outcomes = history.outcomes
    first_ms, last_ms = outcomes.first_and_last_ms(customer, instant_ms)
    ever = last_ms >= 0
    days = outcomes.past_days(customer, instant_ms)
    since_ms = np.where(ever, first_ms, history.first_ms[customer])
    return Past(
        repeats=np.maximum(days - 1, 0).astype(np.float64),
        last_days=np.where(days > 1, (last_ms - first_ms) / DAY_MS, 0.0),
        age_days=np.maximum(instant_ms - since_ms, 0) / DAY_MS,
        ever=ever,
        mean_spend=np.where(ever, outcomes.past_spend(customer, instant_ms) / np.maximum(days, 1), 0.0),
    )


def past_from_features(x: Float32Array) -> Past:
    """Read the same off (N, F) input rows, all that a scorer sees; to five digits, for the rows are float32."""
    told, ever = np.empty((4, len(x))), np.empty(len(x), np.bool_)
    _read(x, told, ever)
    repeats, last_days, age_days, mean_spend = told
    return Past(repeats, last_days, age_days, ever, mean_spend)


@compiled
def _read(x: Float32Array, told: Float64Array, ever: NDArray[np.bool_]) -> None:
    for row in range(len(x)):
        days = np.floor(exp(x[row, _DAYS]) - 0.5)  # of e^d - 1, to the nearest
        age_days, since_days = exp(x[row, _AGE]) - 1.0, exp(x[row, _RECENCY]) - 1.0
        ever[row] = x[row, _NEVER] < 0.5
        told[0, row] = max(days - 1.0, 0.0)
        told[1, row] = min(max(age_days - since_days, 0.0), age_days) if days > 1.0 else 0.0
        told[2, row] = age_days
        told[3, row] = exp(x[row, _SPEND]) - 1.0 if ever[row] else 0.0
