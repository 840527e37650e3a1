"""A customer's past as the classical models know it: how often, how lately, for how long, how much.

Arrives: a history and instants, or the input rows of the network, which say the same. Leaves: a `Past` of N rows.
Times are days, counted from the first outcome. Knows no model.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from streamseg.core.features import COLUMN
from streamseg.core.scores import Float32Array, Float64Array
from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.model.history import History


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
    days = np.rint(_raw(x, "outcome_days"))
    ever = x[:, COLUMN["never_outcome"]] < 0.5
    age_days = _raw(x, "outcome_age_days")
    last_days = np.clip(age_days - _raw(x, "outcome_recency_days"), 0.0, age_days)
    return Past(
        repeats=np.maximum(days - 1.0, 0.0),
        last_days=np.where(days > 1, last_days, 0.0),
        age_days=age_days,
        ever=ever,
        mean_spend=np.where(ever, _raw(x, "spend_per_outcome_day"), 0.0),
    )


def _raw(x: Float32Array, name: str) -> Float64Array:
    return np.expm1(x[:, COLUMN[name]].astype(np.float64))
