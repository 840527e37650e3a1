"""Spend: found again from what was drawn, shrunk by how little is known, in any currency."""

from __future__ import annotations

import numpy as np
import pytest

from streamseg.model.classical import gamma_gamma
from streamseg.model.classical.gamma_gamma import GammaGamma
from streamseg.model.classical.past import Past
from tests.unit.model.classical.pasts import past_with

TRUE = GammaGamma(p=6.0, q=3.7, gamma=15.0)


def some_spenders(customers: int, *, unit: float = 1.0) -> Past:
    random = np.random.default_rng(0)
    days = random.geometric(0.4, customers).astype(np.float64)
    scale = random.gamma(TRUE.q, 1.0 / TRUE.gamma, customers)
    mean_spend = random.gamma(TRUE.p * days) / (days * scale)
    everyone = np.ones(customers, np.bool_)
    return Past(days - 1.0, days - 1.0, days + 9.0, everyone, mean_spend * unit)


def test_the_fit_finds_what_the_spend_was_drawn_from() -> None:
    found = gamma_gamma.fit(some_spenders(8_000))
    assert [found.p, found.q, found.gamma] == pytest.approx([TRUE.p, TRUE.q, TRUE.gamma], rel=0.1)


def test_a_currency_of_a_hundredth_gives_a_hundred_times_the_spend() -> None:
    pounds, pence = gamma_gamma.fit(some_spenders(500)), gamma_gamma.fit(some_spenders(500, unit=100.0))
    assert [pence.p, pence.q, pence.gamma / 100.0] == pytest.approx([pounds.p, pounds.q, pounds.gamma], rel=1e-4)


def test_a_mean_of_few_days_is_shrunk_more_than_one_of_many() -> None:
    everybody = TRUE.p * TRUE.gamma / (TRUE.q - 1.0)
    few, many = TRUE.mean(np.array([1.0, 50.0]), np.array([90.0, 90.0]))
    assert everybody < few < many < 90.0
    assert TRUE.mean(np.array([0.0]), np.array([0.0])) == pytest.approx(everybody)


@pytest.mark.parametrize("spend", [0.0, 5.0])
def test_equal_spends_or_none_at_all_leave_a_finite_mean(spend: float) -> None:
    past = past_with(3.0, 20.0, 30.0, mean_spend=spend).take(np.zeros(40, np.int64))
    mean = gamma_gamma.fit(past).mean(past.spend_days, past.mean_spend)
    assert np.isfinite(mean).all()
    assert (spend == 0.0) or mean[0] == pytest.approx(spend, rel=0.05)
