"""Figures of merit and calibration, by hand and against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.model.calibrate import FRESH_WINDOWS, LEVEL, SLOPE, Calibration, choose_origin, fit_platt, ratio
from streamseg.model.evaluate import auc, auc_parts, evaluate, log_losses
from streamseg.model.forecaster import SURE, Forecasts

DAY_MS = 86_400_000


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


def test_a_row_that_was_sure_and_wrong_costs_much_and_not_infinitely_much() -> None:
    found = log_losses(np.array([0.8, 0.4, 1.0]), np.array([0, 1, 3]))
    assert found.tolist() == pytest.approx([-math.log(0.8), -math.log(0.6), -math.log(1e-6)])


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_the_parts_of_an_auc_have_it_as_their_mean(rows: list[tuple[int, bool]]) -> None:
    score, positive = np.array([float(score) for score, _ in rows]), np.array([positive for _, positive in rows])
    if positive.any() and not positive.all():
        assert auc_parts(score, positive).mean() == pytest.approx(auc(score, positive))


def test_the_parts_of_an_auc_vary_as_it_does_over_samples() -> None:
    random = np.random.default_rng(0)
    found, errors = [], []
    for _ in range(300):
        positive = random.random(200) < 0.3
        score = random.normal(0.0, 1.0, 200) + positive
        found.append(auc(score, positive))
        errors.append(auc_parts(score, positive).std() / math.sqrt(200))
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.15)


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


@settings(max_examples=100, deadline=None)
@given(
    days=st.integers(56, 2000),
    horizon=st.integers(1, 400),
    seen=st.floats(0.0, 1.1),
)
def test_the_origin_does_not_lie_before_what_the_incumbent_has_seen_once_enough_came_after(
    days: int, horizon: int, seen: float
) -> None:
    end_ms, seen_ms, window_ms = days * DAY_MS, round(seen * days * DAY_MS), 7 * DAY_MS
    plain = choose_origin(0, end_ms, horizon_days=horizon, window_ms=window_ms)
    fresh = choose_origin(0, end_ms, horizon_days=horizon, window_ms=window_ms, seen_ms=seen_ms)
    if end_ms - seen_ms < FRESH_WINDOWS * window_ms:
        assert fresh == plain
    else:
        assert fresh.origin_ms >= seen_ms
        assert fresh.until_ms - fresh.origin_ms >= window_ms - 1
        assert fresh.until_ms + fresh.horizon_days * DAY_MS == pytest.approx(end_ms)


def test_what_the_incumbent_has_seen_shortens_the_horizon_that_can_be_judged() -> None:
    day = DAY_MS
    found = choose_origin(0, 274 * day, horizon_days=90, window_ms=7 * day, seen_ms=240 * day)
    assert (found.origin_ms / day, found.until_ms / day, found.horizon_days, found.complete) == (240, 247, 27, False)
    assert choose_origin(0, 274 * day, horizon_days=90, window_ms=7 * day, seen_ms=260 * day).complete


maps = st.builds(
    Calibration,
    horizon_days=st.just(90.0),
    level=st.floats(*LEVEL),
    slope=st.floats(*SLOPE),
    offset=st.floats(-3.0, 3.0),
    value_level=st.floats(*LEVEL),
)


@settings(max_examples=100, deadline=None)
@given(calibration=maps, none=st.lists(st.floats(SURE, 1.0 - SURE), min_size=2, max_size=20, unique=True))
def test_a_map_keeps_the_order_and_the_bounds_of_what_it_is_given(calibration: Calibration, none: list[float]) -> None:
    p = np.sort(np.array(none))
    count, value = np.linspace(0.0, 5.0, len(p)), np.linspace(0.0, 900.0, len(p))
    served = calibration.apply(Forecasts(p, count, value))
    assert (np.diff(served.none) >= 0.0).all()
    inside = (served.none > SURE) & (served.none < 1.0 - SURE)
    apart = np.diff(p) > 1e-9
    assert (np.diff(served.none)[apart & inside[1:] & inside[:-1]] > 0.0).all()
    assert ((served.none >= SURE) & (served.none <= 1.0 - SURE)).all()
    assert served.count == pytest.approx(calibration.level * count)
    assert served.value == pytest.approx(calibration.level * calibration.value_level * value)


@settings(max_examples=50, deadline=None)
@given(calibration=maps)
def test_followed_half_way_a_map_moves_counts_and_money_by_the_root_of_its_factors(calibration: Calibration) -> None:
    p = np.linspace(0.01, 0.99, 25)
    raw = Forecasts(p, np.ones(25), np.ones(25))
    whole, half = calibration.apply(raw), calibration.halfway().apply(raw)
    assert half.count[0] == pytest.approx(math.sqrt(whole.count[0]))
    assert half.value[0] == pytest.approx(math.sqrt(whole.value[0]))
    assert Calibration(90.0).halfway() == Calibration(90.0)


def test_the_identity_changes_nothing_and_the_level_is_a_power_of_what_nobody_buys_by() -> None:
    p = np.linspace(0.01, 0.99, 25)
    raw = Forecasts(p, np.ones(25), np.ones(25))
    assert Calibration(90.0).apply(raw).none == pytest.approx(p, rel=1e-12)
    # Twice as many outcomes of a Poisson process leave the square of the chance of none.
    assert Calibration(90.0, level=2.0).apply(raw).none == pytest.approx(p**2)
