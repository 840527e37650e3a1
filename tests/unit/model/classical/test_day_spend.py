"""Spend of a day: found again from what was drawn, shrunk by how little is known, and not misled by one odd order."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import t as student

from streamseg.core.windows import DAY_MS
from streamseg.model.classical import day_spend
from streamseg.model.classical.day_spend import DaySpend
from streamseg.model.outcomes import Outcomes
from streamseg.wire.vocabulary import TYPE_CODES

HEAVY = DaySpend(level=40.0, between=0.5, within=0.3, tail_between=8.0, tail_within=2.5)
LIGHT = DaySpend(level=40.0, between=0.5, within=0.3, tail_between=80.0, tail_within=80.0)


def spends(model: DaySpend, customers: int, *, unit: float = 1.0) -> Outcomes:
    """One to eight days of each customer."""
    random = np.random.default_rng(0)
    days = random.integers(1, 9, customers)
    own = model.between * random.standard_t(model.tail_between, customers)
    log_spend = np.repeat(own, days) + model.within * random.standard_t(model.tail_within, days.sum())
    which = np.arange(days.sum()) - np.repeat(np.cumsum(days) - days, days)
    amount_micro = (1e6 * unit * model.level * np.exp(np.clip(log_spend, -9.0, 9.0))).astype(np.int64)
    return paid_by(np.repeat(np.arange(customers), days), which, amount_micro)


def paid_by(customer: np.ndarray, day: np.ndarray, amount_micro: np.ndarray) -> Outcomes:
    kinds = np.full(len(customer), TYPE_CODES["purchase"])
    return Outcomes(customer.astype(np.int64), day.astype(np.int64) * DAY_MS, kinds, amount_micro)


@pytest.mark.parametrize("true", [HEAVY, LIGHT])
def test_the_fit_finds_what_the_spends_were_drawn_from(true: DaySpend) -> None:
    found = day_spend.fit(spends(true, 1_500), until_ms=9 * DAY_MS)
    assert found is not None
    scales = [found.level, found.between, found.within]
    assert scales == pytest.approx([true.level, true.between, true.within], rel=0.1)
    assert (found.tail_within < 4.0) == (true.tail_within < 4.0)


def test_a_currency_of_a_hundredth_gives_a_hundred_times_the_spend() -> None:
    pounds, pence = (day_spend.fit(spends(HEAVY, 300, unit=unit), until_ms=9 * DAY_MS) for unit in (1.0, 100.0))
    assert pounds is not None
    assert pence is not None
    seen = np.array([5.0, 40.0, 900.0])
    assert pence.expect(np.ones(3), 100.0 * seen) / 100.0 == pytest.approx(pounds.expect(np.ones(3), seen), rel=1e-3)


@pytest.mark.parametrize("model", [HEAVY, LIGHT])
@pytest.mark.parametrize(("days", "seen"), [(0.0, 0.0), (1.0, 6.0), (1.0, 400.0), (4.0, 90.0), (16.0, 20.0)])
def test_what_is_looked_up_is_the_integral_over_customers(model: DaySpend, days: float, seen: float) -> None:
    def likely(x: float) -> float:
        own = float(student.pdf(x, model.tail_between))
        away = np.log(max(seen, 1.0) / model.level) - model.between * x
        return own * (float(student.pdf(away * np.sqrt(days) / model.within, model.tail_within)) if days else 1.0)

    weight = quad(likely, -16.0, 16.0, limit=500, points=[-2.0, 0.0, 2.0])[0]
    money = quad(lambda x: likely(x) * np.exp(model.between * x), -16.0, 16.0, limit=500, points=[-2.0, 0.0, 2.0])[0]
    found = model.expect(np.array([days]), np.array([seen]))[0]
    assert found == pytest.approx(model.level * money / weight, rel=0.01)


def test_a_mean_of_few_days_is_shrunk_more_than_one_of_many() -> None:
    everybody, few, many = LIGHT.expect(np.array([0.0, 1.0, 16.0]), np.array([0.0, 200.0, 200.0]))
    assert everybody < few < many < 205.0


def test_an_odd_first_order_is_forgiven_where_days_are_wild_and_believed_where_they_are_not() -> None:
    odd, low = np.array([1.0, 15.0])
    wild, calm = (model.expect(np.ones(2), np.array([odd, low])) for model in (HEAVY, LIGHT))
    assert wild[0] > wild[1], "one that nobody's usual day explains says less than one that is merely low"
    assert calm[0] < calm[1]


def test_nothing_paid_teaches_nothing_and_equal_spends_leave_a_finite_mean() -> None:
    customer, day = np.repeat(np.arange(40), 2), np.tile([0, 5], 40)
    assert day_spend.fit(paid_by(customer, day, np.zeros(80, np.int64)), until_ms=9 * DAY_MS) is None
    found = day_spend.fit(paid_by(customer, day, np.full(80, 7_000_000)), until_ms=9 * DAY_MS)
    assert found is not None
    assert found.expect(np.array([0.0, 2.0]), np.array([0.0, 7.0])) == pytest.approx([7.0, 7.0], rel=0.05)


def test_what_came_later_is_not_learnt_from() -> None:
    outcomes = spends(HEAVY, 200)
    early = day_spend.fit(outcomes, until_ms=3 * DAY_MS)
    assert early is not None
    assert early != day_spend.fit(outcomes, until_ms=9 * DAY_MS)
    owner, _ = outcomes.spend_by_day(3 * DAY_MS)
    assert np.bincount(owner).max() == 4
