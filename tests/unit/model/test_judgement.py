"""Figures of merit, calibration, the past rate and the gate, by hand and against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.model import past_rate
from streamseg.model.calibrate import LEVEL, SLOPE, choose_origin, fit_platt, ratio
from streamseg.model.evaluate import Evaluation, Margins, auc, evaluate, gate

DAY_MS = 86_400_000


def an_evaluation(**changes: float) -> Evaluation:
    figures = {"auc": 0.7, "brier": 0.2, "log_loss": 0.6, "ece": 0.02, "mae": 1.0, "rmse": 1.5, "bias_pct": 0.0}
    return Evaluation(rows=1000, **{**figures, "alert_rate": 0.2, **changes})


def test_figures_by_hand() -> None:
    found = evaluate(np.array([0.8, 0.4]), np.array([0.3, 2.0]), np.array([0, 1]))
    assert found.brier == pytest.approx((0.04 + 0.16) / 2)
    assert found.log_loss == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)
    assert found.mae == pytest.approx((0.3 + 1.0) / 2)
    assert found.rmse == pytest.approx(math.sqrt((0.09 + 1.0) / 2))
    assert found.bias_pct == pytest.approx(130.0)
    assert found.alert_rate == 0.5
    assert found.flat("x")["x.auc"] == 1.0


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30))
def test_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[int, bool]]) -> None:
    ups = [score for score, positive in rows if positive]
    downs = [score for score, positive in rows if not positive]
    won = sum((up > down) + 0.5 * (up == down) for up in ups for down in downs)
    expected = won / (len(ups) * len(downs)) if ups and downs else 0.5
    found = auc(np.array([float(score) for score, _ in rows]), np.array([positive for _, positive in rows]))
    assert found == pytest.approx(expected)


def test_platt_finds_the_map_that_the_outcomes_were_drawn_from() -> None:
    random = np.random.default_rng(0)
    logit = random.normal(0.0, 1.5, 40_000)
    none = random.random(40_000) < 1.0 / (1.0 + np.exp(-(0.7 * logit + 0.3)))
    assert fit_platt(1.0 / (1.0 + np.exp(-logit)), none) == pytest.approx((0.7, 0.3), abs=0.03)


def test_few_rows_move_the_map_little_and_none_turns_the_ranking_over() -> None:
    p = np.array([0.9, 0.1])
    slope, offset = fit_platt(p, np.array([False, True]))
    assert slope == pytest.approx(1.0, abs=0.4)
    assert abs(offset) < 0.1
    many = np.tile(p, 10_000)
    assert fit_platt(many, many < 0.5)[0] == SLOPE[0]


def test_a_level_is_bounded() -> None:
    assert ratio(1e9, 1.0) == LEVEL[1]
    assert ratio(110.0, 100.0) == pytest.approx(111 / 101)
    assert ratio(0.0, 0.0) == 1.0


@settings(max_examples=60, deadline=None)
@given(days=st.integers(56, 2000), horizon=st.integers(1, 400))
def test_an_origin_leaves_a_third_before_it_and_a_horizon_after_it(days: int, horizon: int) -> None:
    origin = choose_origin(0, days * DAY_MS, horizon_days=horizon, window_ms=7 * DAY_MS)
    assert origin.origin_ms >= days * DAY_MS // 3
    assert origin.origin_ms <= origin.until_ms
    assert origin.until_ms + origin.horizon_days * DAY_MS == pytest.approx(days * DAY_MS)
    assert origin.complete == (origin.horizon_days == horizon)
    assert origin.horizon_days <= horizon


def test_the_past_rate_finds_the_gamma_that_the_rates_were_drawn_from() -> None:
    random = np.random.default_rng(0)
    days = random.uniform(30.0, 300.0, 8_000)
    count = random.poisson(random.gamma(0.8, 1.0 / 60.0, 8_000) * days).astype(float)
    found = past_rate.fit(count, days)
    assert found.alpha == pytest.approx(0.8, rel=0.1)
    assert found.beta == pytest.approx(60.0, rel=0.12)


def test_the_past_rate_stays_bounded_when_nobody_comes_back() -> None:
    found = past_rate.fit(np.zeros(100), np.full(100, 50.0))
    none, days = found.forecast(np.zeros(1), np.array([50.0]), 90.0)
    assert 0.9 < none[0] < 1.0
    assert 0.0 < days[0] < 0.1


def test_the_gate_lets_a_better_candidate_pass_and_says_why() -> None:
    verdict = gate(an_evaluation(log_loss=0.55), an_evaluation(log_loss=0.56), an_evaluation(log_loss=0.6))
    assert verdict.promote
    assert verdict.reasons[0] == "log loss 0.5500 is within 0.6000 (past rate)"
    assert len(verdict.reasons) == 5


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        ({"log_loss": 0.61}, "log loss 0.6100 exceeds 0.6000 (past rate)"),
        ({"auc": 0.68}, "1 - AUC 0.3200 exceeds 0.3100 (past rate)"),
        ({"log_loss": 0.57}, "log loss 0.5700 exceeds 0.5550 (incumbent)"),
        ({"alert_rate": 0.35}, "shift of the alert rate 0.1500 exceeds 0.1000 (incumbent)"),
        ({"log_loss": math.nan}, "log loss nan exceeds 0.6000 (past rate)"),
    ],
)
def test_the_gate_refuses_with_the_reason(candidate: dict[str, float], reason: str) -> None:
    verdict = gate(an_evaluation(**{"log_loss": 0.55, **candidate}), an_evaluation(log_loss=0.55), an_evaluation())
    assert not verdict.promote
    assert reason in verdict.reasons


def test_a_margin_can_be_asked_for() -> None:
    candidate = an_evaluation(log_loss=0.595)
    assert gate(candidate, None, an_evaluation()).promote
    assert not gate(candidate, None, an_evaluation(), Margins(log_loss_gain=0.01)).promote
