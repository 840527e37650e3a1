"""What holds for every model of counts: it finds what customers were drawn from, forecasts them, and stays finite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.core.scores import Float64Array
from streamseg.model.classical import bg_nbd, pareto_nbd, past_rate
from streamseg.model.classical.bg_nbd import BgNbd
from streamseg.model.classical.pareto_nbd import ParetoNbd
from streamseg.model.classical.past import Past
from streamseg.model.classical.past_rate import PastRate
from tests.unit.model.classical.pasts import past_with, simulate, until_day

Model = PastRate | BgNbd | ParetoNbd
HORIZON = 90.0
PARETO = ParetoNbd(r=0.9, alpha=25.0, s=1.4, beta=300.0)
BG = BgNbd(r=0.9, alpha=25.0, a=0.9, b=3.0)
RATE = PastRate(alpha=0.9, beta=40.0)


def as_pareto(random: np.random.Generator) -> Float64Array:
    end_days = min(random.exponential(1.0 / random.gamma(PARETO.s, 1.0 / PARETO.beta)), 600.0)
    return until_day(random.gamma(PARETO.r, 1.0 / PARETO.alpha), end_days, random)


def as_bg(random: np.random.Generator) -> Float64Array:
    days = until_day(random.gamma(BG.r, 1.0 / BG.alpha), 600.0, random)
    return days[: random.geometric(random.beta(BG.a, BG.b))]


def as_rate(random: np.random.Generator) -> Float64Array:
    return until_day(random.gamma(RATE.alpha, 1.0 / RATE.beta), 600.0, random)


CASES = [
    pytest.param(PARETO, pareto_nbd.fit, as_pareto, id="pareto_nbd"),
    pytest.param(BG, bg_nbd.fit, as_bg, id="bg_nbd"),
    pytest.param(RATE, past_rate.fit, as_rate, id="past_rate"),
]
Fit = Callable[[Past], Model]
Draw = Callable[[np.random.Generator], Float64Array]


@pytest.mark.parametrize(("model", "fit", "draw"), CASES)
def test_the_fit_forecasts_like_the_parameters_that_the_customers_were_drawn_from(
    model: Model, fit: Fit, draw: Draw
) -> None:
    age = np.random.default_rng(1).uniform(20.0, 400.0, 6_000)
    past, _ = simulate(draw, age, HORIZON, seed=2)
    found = fit(past)
    gained = float(found.log_likelihood(past).sum() - model.log_likelihood(past).sum())
    assert -0.1 < gained < 10.0  # twice it is chi-squared with 2 to 4 degrees of freedom; a prior may cost a little
    for mine, true in zip(found.forecast(past, HORIZON), model.forecast(past, HORIZON), strict=True):
        assert np.mean(np.abs(mine - true)) < 0.05 * np.mean(true)


@pytest.mark.parametrize(("model", "fit", "draw"), CASES)
def test_forecasts_are_the_frequencies_of_simulated_customers(model: Model, fit: Fit, draw: Draw) -> None:
    age = np.random.default_rng(3).uniform(20.0, 400.0, 12_000)
    past, after = simulate(draw, age, HORIZON, seed=4)
    none, count = model.forecast(past, HORIZON)
    for group in (past.repeats == 0, (past.repeats > 0) & (past.repeats < 4), past.repeats >= 4):
        n = int(group.sum())
        assert n > 1_000
        assert np.mean(none[group]) == pytest.approx(np.mean(after[group] == 0), abs=3.0 * 0.5 / np.sqrt(n))
        assert np.mean(count[group]) == pytest.approx(
            np.mean(after[group]), abs=3.0 * np.std(after[group]) / np.sqrt(n)
        )


@pytest.mark.parametrize("model", [PARETO, BG, RATE])
def test_silence_in_a_horizon_is_the_same_past_grown_older(model: Model) -> None:
    past, older = past_with(4.0, 80.0, 100.0), past_with(4.0, 80.0, 100.0 + HORIZON)
    ratio = np.exp(model.log_likelihood(older) - model.log_likelihood(past))
    assert model.forecast(past, HORIZON)[0] == pytest.approx(ratio, rel=1e-9)


@pytest.mark.parametrize("model", [PARETO, BG])
def test_the_longer_a_regular_buyer_is_silent_the_likelier_he_stays_so(model: ParetoNbd | BgNbd) -> None:
    pasts = [past_with(10.0, 100.0, age) for age in (101.0, 130.0, 200.0, 400.0)]
    risks = [float(model.forecast(past, HORIZON)[0][0]) for past in pasts]
    assert risks == sorted(risks)
    assert risks[0] < 0.1
    assert risks[-1] > 0.9


def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(float(np.log(low)), float(np.log(high))).map(lambda log: float(np.exp(log)))


shape, per_day = log_uniform(0.05, 50.0), log_uniform(1e-6, 1.0)
models = st.one_of(
    st.tuples(shape, per_day).map(lambda p: PastRate(p[0], p[0] / p[1])),
    st.tuples(shape, per_day, shape, per_day).map(lambda p: ParetoNbd(p[0], p[0] / p[1], p[2], p[2] / p[3])),
    st.tuples(shape, per_day, log_uniform(1e-5, 27.0), log_uniform(1e-3, 30.0)).map(
        lambda p: BgNbd(p[0], p[0] / p[1], p[2], p[3])
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    model=models,
    repeats=st.sampled_from([0.0, 1.0, 3.0, 150.0, 500.0, 3_000.0]),
    age=st.sampled_from([0.0, 1e-4, 1.0, 90.0, 3_000.0]),
    share=st.sampled_from([1e-6, 0.5, 1.0]),
    horizon=log_uniform(0.01, 4_000.0),
)
def test_no_past_and_no_parameters_break_a_forecast(
    model: Model, repeats: float, age: float, share: float, horizon: float
) -> None:
    past = past_with(repeats, share * age if repeats else 0.0, age)
    none, count = model.forecast(past, horizon)
    assert 0.0 <= none[0] <= 1.0
    assert 0.0 <= count[0] < np.inf
    assert 1.0 - none[0] <= count[0] + 1e-6  # Markov: who is expected to buy never, never buys
    assert np.isfinite(model.log_likelihood(past)[0])


@pytest.mark.parametrize("fit", [pareto_nbd.fit, bg_nbd.fit, past_rate.fit])
def test_nobody_who_comes_back_is_a_small_rate_and_nobody_at_all_the_expected_one(fit: Fit) -> None:
    lonely = fit(simulate(lambda random: np.empty(0), np.full(100, 50.0), HORIZON, seed=0)[0])
    none, count = lonely.forecast(past_with(0.0, 0.0, 50.0), HORIZON)
    assert 0.9 < none[0] < 1.0
    assert 0.0 < count[0] < 0.1
    empty = fit(past_with(0.0, 0.0, 50.0).take(np.empty(0, np.int64)))
    assert 0.0 < empty.forecast(past_with(0.0, 0.0, 50.0), HORIZON)[0][0] < 1.0


@pytest.mark.parametrize("fit", [pareto_nbd.fit, bg_nbd.fit, past_rate.fit])
def test_who_never_bought_does_not_change_the_fit(fit: Fit) -> None:
    buyers, _ = simulate(as_pareto, np.full(200, 200.0), HORIZON, seed=5)
    everyone = buyers.take(np.arange(250) % 200)
    everyone.ever[200:] = False
    assert fit(everyone) == fit(buyers)


def test_the_past_rate_finds_the_gamma_that_the_rates_were_drawn_from() -> None:
    age = np.random.default_rng(0).uniform(30.0, 400.0, 8_000)
    found = past_rate.fit(simulate(as_rate, age, HORIZON, seed=1)[0])
    assert [found.alpha, found.beta] == pytest.approx([RATE.alpha, RATE.beta], rel=0.1)


def test_without_dropout_both_models_are_the_past_rate() -> None:
    past = past_with(3.0, 80.0, 100.0)
    none, count = PastRate(alpha=0.9, beta=25.0).forecast(past, HORIZON)
    for model in (BgNbd(r=0.9, alpha=25.0, a=1e-9, b=3.0), ParetoNbd(r=0.9, alpha=25.0, s=1.0, beta=1e12)):
        assert model.forecast(past, HORIZON)[0] == pytest.approx(none, rel=1e-6)
        assert model.forecast(past, HORIZON)[1] == pytest.approx(count, rel=1e-6)


@pytest.mark.parametrize(
    "at",
    [
        lambda step: ParetoNbd(r=0.9, alpha=25.0, s=1.0 + step, beta=300.0),
        lambda step: BgNbd(r=0.9, alpha=25.0, a=1.0 + step, b=3.0),
        lambda step: BgNbd(r=0.9, alpha=25.0, a=0.4 + step, b=0.6),
    ],
)
def test_the_expected_count_is_smooth_where_its_closed_form_is_zero_by_zero(at: Callable[[float], Model]) -> None:
    before, there, after = (at(step).forecast(past_with(0.0, 0.0, 100.0), HORIZON)[1] for step in (-1e-3, 0.0, 1e-3))
    assert there == pytest.approx((before + after) / 2.0, rel=1e-5)
