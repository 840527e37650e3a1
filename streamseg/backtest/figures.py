"""Figures of merit of contenders on one holdout, and how sure the differences between them are.

Arrives: forecasts of N customers by contender, and what came. Leaves: numbers by name. Knows no contender's kind but
which of them are classical.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from streamseg.backtest.protocol import Truth
from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array
from streamseg.errors import InvariantError
from streamseg.model.bootstrap import Interval, Weighted, interval, resample, weighted_figures, weighted_gini
from streamseg.model.evaluate import evaluate
from streamseg.model.forecaster import SURE, Forecasts

METRICS: Final = ("mae", "rmse", "bias_pct", "auc", "brier", "log_loss", "ece", "gini_spend", "gini_net_spend")
"""Of the count the first three, of P(at least one) the next four, of gross and of net spend the last two. Gross is what
published tables measure, net what the shop keeps. A large order that is cancelled parts the two: ordered by past
spend, Online Retail has .765 net and .643 gross."""
COMPARED: Final = tuple(name for name in METRICS if name != "bias_pct")
"""A bias has a sign and no better end, so differences of it say little."""
HIGHER_IS_BETTER: Final = ("auc", "gini_spend", "gini_net_spend")
CLASSICAL: Final = ("past_rate", "bg_nbd", "pareto_nbd", "lightgbm")
"""What a good analyst would use: the served model is compared with these."""


def measure(forecasts: Forecasts, truth: Truth) -> dict[str, float]:
    """The figures of one contender, by the names in `METRICS`."""
    judged = evaluate(forecasts.none, forecasts.count, truth.count)
    everybody = np.ones((1, len(truth.count)))
    ginis = {name: float(gini(everybody)[0]) for name, gini in _ginis(forecasts, truth).items()}
    return {name: ginis[name] if name in ginis else float(getattr(judged, name)) for name in METRICS}


def check(name: str, forecasts: Forecasts, customers: int) -> None:
    """Let nothing pass that is no forecast: a NaN would make every figure a NaN, and hide who brought it.

    Raises:
        InvariantError: If a column has another length than `customers`, or a number that is not finite.
    """
    for column in ("none", "count", "value"):
        values = getattr(forecasts, column)
        if values.shape != (customers,):
            raise InvariantError(f"{name}.{column} has the shape {values.shape}; expected ({customers},)")
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            raise InvariantError(
                f"{name}.{column} is {values[wrong[0]]} for {len(wrong):,} of {customers:,} customers; expected finite "
                "numbers"
            )


def best_classical(figures: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """For each compared metric the classical contender that is best in it: the hardest to beat; empty if none is there.

    >>> best_classical({"past_rate": dict.fromkeys(METRICS, 0.7), "lstm": dict.fromkeys(METRICS, 0.8)})["auc"]
    'past_rate'
    """
    present = [name for name in CLASSICAL if name in figures]
    if not present:
        return {}
    return {
        metric: min(present, key=lambda name: figures[name][metric] * (-1 if metric in HIGHER_IS_BETTER else 1))
        for metric in COMPARED
    }


def intervals(forecasts: Mapping[str, Forecasts], served: str, truth: Truth) -> dict[str, dict[str, Interval]]:
    """Served minus each classical contender, by contender and compared metric, with 95 % bootstrap intervals.

    All are measured on the same resamples of customers, so that what makes a customer hard cancels out.
    """
    rivals = [name for name in CLASSICAL if name in forecasts]
    figures = {
        (name, metric): figure
        for name in {served, *rivals}
        for metric, figure in {
            **weighted_figures(forecasts[name].none, forecasts[name].count, truth.count),
            **_ginis(forecasts[name], truth),
        }.items()
    }
    drawn = resample(figures, np.arange(len(truth.count)))
    return {
        rival: {metric: interval(drawn[served, metric], drawn[rival, metric]) for metric in COMPARED}
        for rival in rivals
    }


def of_types(probability: Float64Array, came: Int64Array) -> dict[str, float]:
    """How often the likeliest type came, and the log loss; (N, T) or (1, T) forecasts, (N,) codes.

    >>> of_types(np.array([[0.75, 0.25]]), np.array([0, 0, 0, 1]))
    {'accuracy': 0.75, 'log_loss': 0.5623351446188083}
    """
    each = np.broadcast_to(probability, (len(came), probability.shape[1]))
    given = each[np.arange(len(came)), came]
    return {
        "accuracy": float(np.mean(each.argmax(axis=1) == came)),
        "log_loss": float(-np.log(np.maximum(given, SURE)).mean()),
    }


def _ginis(forecasts: Forecasts, truth: Truth) -> dict[str, Weighted]:
    return {
        "gini_spend": weighted_gini(forecasts.value, truth.gross_spend),
        "gini_net_spend": weighted_gini(forecasts.value, truth.net_spend),
    }
