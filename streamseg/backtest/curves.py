"""What the pictures show, as numbers: calibration, lift by decile, and purchases cumulated over the weeks.

Arrives: forecasts and what came. Leaves: points. Knows no drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamseg.backtest.protocol import Cut
from streamseg.core.scores import Float64Array
from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.model.forecaster import Forecaster, Forecasts

GROUPS: Final = 10
POINTS: Final = 16
"""Horizons at most that every contender is asked for: up to 16 weeks by weeks, more by several weeks."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """One contender's P(at least one), in `GROUPS` groups of about equally many customers."""

    forecast: Float64Array
    """(GROUPS,) mean forecast, never decreasing."""
    observed: Float64Array
    """(GROUPS,) share of customers who bought; customers with equal forecasts share theirs."""


@dataclass(frozen=True, slots=True)
class Tracking:
    """Outcome days of all known customers, cumulated from `past_days[0]` before the cut-off on."""

    past_days: Int64Array
    """(P,) days from the cut-off, from some below 0 up to 0."""
    past: Float64Array
    """(P,) what had come by then."""
    days: Int64Array
    """(D,) days from the cut-off, from 0 to the horizon."""
    actual: Float64Array
    """(D,) what had come by then."""
    expected: dict[str, Float64Array]
    """(D,) by contender: what had come by the cut-off, and the forecasts for the days since."""


def calibration(forecasts: Forecasts, actual: Int64Array) -> Calibration:
    """Group customers by their forecast, and compare each group's mean with how many of it bought."""
    buys = 1.0 - forecasts.none
    observed = _shared(buys, actual > 0)
    groups = np.array_split(np.argsort(buys, kind="stable"), GROUPS)
    return Calibration(
        np.array([buys[group].mean() for group in groups]), np.array([observed[group].mean() for group in groups])
    )


def lift(score: Float64Array, actual: Int64Array) -> Float64Array:
    """(GROUPS,) mean outcome days of the customers in each tenth by score, the highest first, over everybody's mean.

    Customers with equal scores share their mean, so that ties earn what chance would give them.

    >>> score, actual = np.arange(20.0), np.array([0] * 18 + [1, 3])
    >>> lift(score, actual).round(3)[[0, 1]]
    array([10.,  0.])
    """
    tenths = np.array_split(_shared(score, actual)[np.argsort(-score, kind="stable")], GROUPS)
    return np.array([tenth.mean() for tenth in tenths]) / float(actual.mean())


def _shared(score: Float64Array, values: NDArray[Any]) -> Float64Array:
    """(N,) the mean value of all rows with the same score: an order among them would be an accident."""
    _, level = np.unique(score, return_inverse=True)
    mean: Float64Array = np.bincount(level, weights=values) / np.bincount(level)
    return mean[level]


def tracking(cut: Cut, forecasters: Mapping[str, Forecaster], progress: Callable[[float], None]) -> Tracking:
    """Ask every contender for several horizons from the cut-off, and count what came by each."""
    weeks = -(-cut.horizon_days // 7)
    step = 7 * -(-weeks // POINTS)
    days = np.array([*range(0, cut.horizon_days, step), cut.horizon_days])
    past_days = _past_days(cut, step)
    start_ms = np.full(len(cut.customer), cut.cutoff_ms + int(past_days[0]) * DAY_MS - 1)
    past = [_total(cut, start_ms, int(day - past_days[0])) for day in past_days]
    actual = [cut.counts(int(day)).sum() if day else 0 for day in days]
    instants = cut.history.at(cut.customer, np.full(len(cut.customer), cut.cutoff_ms))
    expected: dict[str, Float64Array] = {}
    for name, forecaster in forecasters.items():
        progress(len(expected) / len(forecasters))
        sums = [forecaster.forecast(cut.history, instants, float(day)).count.sum() for day in days[1:]]
        expected[name] = past[-1] + np.array([0.0, *sums])
    progress(1.0)
    return Tracking(past_days, np.array(past, np.float64), days, past[-1] + np.array(actual, np.float64), expected)


def _past_days(cut: Cut, step: int) -> Int64Array:
    """As much of the past as of the holdout, or as there is."""
    back = min(cut.horizon_days, (cut.cutoff_ms - cut.start_ms) // DAY_MS)
    return -step * np.arange(back // step, -1, -1)


def _total(cut: Cut, start_ms: Int64Array, days: int) -> int:
    return int(cut.history.outcomes.count(cut.customer, start_ms, days * DAY_MS).sum()) if days else 0
