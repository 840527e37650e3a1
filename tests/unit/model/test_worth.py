"""In eight cases of ten the spend lies inside, by futures drawn one by one; and the ends are in order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.core.scores import Float64Array
from streamseg.model.worth import value_interval


def some_spends(
    mean_days: float, shape: float, zero: float, sigma: float, *, n: int = 200_000, seed: int = 0
) -> Float64Array:
    """(N,) what N customers with one forecast spend: lognormal days, as many as a zero-inflated negative binomial."""
    random = np.random.default_rng(seed)
    rate = mean_days * random.gamma(shape, 1.0 / shape, n) * (random.random(n) >= zero)
    count = random.poisson(rate)
    spend = np.zeros(n)
    for turn in range(int(count.max())):
        here = count > turn
        spend[here] += np.exp(random.normal(3.0, sigma, int(here.sum())))
    return spend


def of_draws(spend: Float64Array) -> tuple[float, float]:
    none, mean, square = (np.array([value]) for value in (np.mean(spend == 0), spend.mean(), np.mean(spend**2)))
    low, high = value_interval(np.maximum(none, 1e-6), mean, square)
    return float(low[0]), float(high[0])


@pytest.mark.parametrize("sigma", [0.3, 0.8])
@pytest.mark.parametrize(
    ("mean_days", "shape", "zero"),
    [(6.0, 2.0, 0.01), (20.0, 5.0, 0.01), (3.0, 30.0, 0.02), (12.0, 1.0, 0.05), (2.0, 2.0, 0.1), (1.0, 0.5, 0.2)],
)
def test_in_eight_cases_of_ten_the_spend_lies_inside(mean_days: float, shape: float, zero: float, sigma: float) -> None:
    spend = some_spends(mean_days, shape, zero, sigma)
    low, high = of_draws(spend)
    above, below = float(np.mean(spend > high)), float(np.mean(spend < low))
    assert above == pytest.approx(0.1, abs=0.02)
    if low > 0.0:
        assert np.mean((spend >= low) & (spend <= high)) == pytest.approx(0.8, abs=0.04)
    else:
        assert np.mean(spend == 0) >= 0.1
        assert below == 0.0


def test_who_hardly_ever_comes_back_is_said_to_spend_nothing() -> None:
    spend = some_spends(0.05, 1.0, 0.3, 0.5)
    assert np.mean(spend == 0) > 0.9
    assert of_draws(spend) == (0.0, 0.0)


@settings(max_examples=100, deadline=None)
@given(
    none=st.floats(1e-6, 1.0 - 1e-6),
    mean=st.floats(0.0, 1e7),
    spread=st.floats(1.0, 1e4),
    factor=st.floats(0.1, 10.0),
)
def test_the_ends_are_finite_in_order_and_scale_with_the_money(
    none: float, mean: float, spread: float, factor: float
) -> None:
    p, m = np.array([none]), np.array([mean])
    low, high = value_interval(p, m, spread * m**2 / (1.0 - p))
    assert np.isfinite([low, high]).all()
    assert 0.0 <= low[0] <= high[0]
    assert low[0] == 0.0 or none < 0.1
    assert high[0] == 0.0 or none < 0.9
    if mean > 1e-3:
        scaled = value_interval(p, factor * m, spread * (factor * m) ** 2 / (1.0 - p))
        assert np.concatenate(scaled) == pytest.approx(factor * np.concatenate((low, high)))


def test_what_is_less_sure_has_a_wider_interval() -> None:
    none, mean = np.full(3, 0.01), np.full(3, 100.0)
    low, high = value_interval(none, mean, np.array([1.05e4, 1.3e4, 2.5e4]))
    assert (np.diff(low) < 0.0).all()
    assert (np.diff(high) > 0.0).all()
