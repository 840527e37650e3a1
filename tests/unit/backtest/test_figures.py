"""Figures of contenders by hand; what is compared with what; no NaN passes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streamseg.backtest.figures import COMPARED, METRICS, best_classical, check, intervals, measure
from streamseg.backtest.protocol import Truth
from streamseg.errors import InvariantError
from streamseg.model.forecaster import Forecasts

TRUTH = Truth(np.array([0, 1, 3, 0]), np.array([0.0, -5.0, 40.0, 0.0]), np.array([0.0, 60.0, 40.0, 0.0]))


def some_forecasts(*, none: float = 0.8) -> Forecasts:
    return Forecasts(np.array([none, 0.4, 0.1, 0.5]), np.array([0.5, 1.5, 2.0, 0.5]), np.array([1.0, 2.0, 9.0, 1.0]))


def test_figures_by_hand() -> None:
    found = measure(some_forecasts(), TRUTH)
    assert tuple(found) == METRICS
    assert found["mae"] == pytest.approx((0.5 + 0.5 + 1.0 + 0.5) / 4)
    assert found["rmse"] == pytest.approx(math.sqrt((0.25 + 0.25 + 1.0 + 0.25) / 4))
    assert found["bias_pct"] == pytest.approx(100 * (4.5 / 4 - 1))
    assert found["auc"] == 1.0
    assert found["brier"] == pytest.approx((0.2**2 + 0.4**2 + 0.1**2 + 0.5**2) / 4)
    assert found["log_loss"] == pytest.approx(-(math.log(0.8) + math.log(0.6) + math.log(0.9) + math.log(0.5)) / 4)
    assert found["ece"] == pytest.approx((0.2 + 0.4 + 0.1 + 0.5) / 4)


def test_spend_is_ordered_gross_and_net() -> None:
    found = measure(some_forecasts(), TRUTH)
    # Rows below less rows above, in the forecast's order: -2, 1, 3, -2 (the first and last tie).
    assert found["gini_spend"] == pytest.approx((60 * 1 + 40 * 3) / (60 * 3 + 40 * 1))
    assert found["gini_net_spend"] == pytest.approx((-5 * 1 + 40 * 3) / (-5 * -3 + 40 * 3))


def test_the_hardest_to_beat_is_chosen_for_each_metric_among_the_classical_ones() -> None:
    low, high = dict.fromkeys(METRICS, 0.4), dict.fromkeys(METRICS, 0.6)
    best = best_classical({"bg_nbd": low, "lightgbm": high, "lstm": dict.fromkeys(METRICS, 0.0)})
    assert tuple(best) == COMPARED
    assert {best[name] for name in ("mae", "rmse", "brier", "log_loss", "ece")} == {"bg_nbd"}
    assert {best[name] for name in ("auc", "gini_spend", "gini_net_spend")} == {"lightgbm"}
    assert best_classical({"lstm": low}) == {}


def test_served_is_compared_with_every_classical_contender_and_no_other() -> None:
    forecasts = {"lstm": some_forecasts(), "past_rate": some_forecasts(none=0.6), "gru": some_forecasts()}
    found = intervals(forecasts, "lstm", TRUTH)
    assert set(found) == {"past_rate"}
    assert tuple(found["past_rate"]) == COMPARED
    brier = found["past_rate"]["brier"]
    assert brier.difference == pytest.approx((0.2**2 - 0.4**2) / 4)
    assert brier.low <= brier.difference <= brier.high <= 0.0


def test_a_forecast_that_is_no_number_or_not_for_everybody_is_refused_by_name() -> None:
    with pytest.raises(InvariantError) as refused:
        check("lstm", some_forecasts(none=math.nan), 4)
    assert str(refused.value) == "lstm.none is nan for 1 of 4 customers; expected finite numbers"
    with pytest.raises(InvariantError) as refused:
        check("lstm", some_forecasts(), 5)
    assert str(refused.value) == "lstm.none has the shape (4,); expected (5,)"
