"""Resampled figures are those of the repeated rows, and intervals hold what they promise."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.core.scores import Float64Array
from streamseg.model.bootstrap import (
    interval,
    paired_by_customer,
    ratio_by_customer,
    resample,
    weighted_figures,
    weighted_gini,
)
from streamseg.model.evaluate import evaluate

ROWS = st.lists(
    st.tuples(st.integers(0, 10), st.integers(0, 5), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20
)
"""Forecast of none in tenths, expected days, actual days, and how often the row was drawn."""


@settings(max_examples=100, deadline=None)
@given(rows=ROWS)
def test_a_weighted_figure_is_the_figure_of_the_repeated_rows(rows: list[tuple[int, int, int, int]]) -> None:
    none, count, actual, times = (np.array(column) for column in zip(*rows, strict=True))
    if not times.any():
        return
    churn, expected = none / 10.0, count.astype(np.float64)
    repeated = evaluate(np.repeat(churn, times), np.repeat(expected, times), np.repeat(actual, times))
    for name, figure in weighted_figures(churn, expected, actual).items():
        assert figure(times[None, :].astype(np.float64))[0] == pytest.approx(getattr(repeated, name)), name


def gini_by_hand(score: list[int], amount: list[int]) -> float:
    """The area between the diagonal and the curve of cumulated amounts, lowest first, over the same in perfect order.

    Of rows with equal scores every order is tried, and the mean taken.
    """

    def area(order: tuple[int, ...]) -> float:
        share = np.cumsum([0, *(amount[row] for row in order)]) / sum(amount)
        return float(0.5 - ((share[1:] + share[:-1]) / 2.0).mean())

    orders = [order for order in permutations(range(len(score))) if all(np.diff([score[row] for row in order]) >= 0)]
    return float(np.mean([area(order) for order in orders])) / area(tuple(np.argsort(amount, kind="stable").tolist()))


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=2, max_size=6))
def test_the_gini_is_the_area_between_curve_and_diagonal_with_ties_averaged(rows: list[tuple[int, int]]) -> None:
    score, amount = ([row[column] for row in rows] for column in (0, 1))
    if len(set(amount)) == 1:
        return
    found = weighted_gini(np.array(score, np.float64), np.array(amount, np.float64))(np.ones((1, len(rows))))
    assert found[0] == pytest.approx(gini_by_hand(score, amount))


def test_amounts_that_are_all_equal_have_no_order_to_find() -> None:
    assert weighted_gini(np.array([1.0, 2.0]), np.array([5.0, 5.0]))(np.ones((1, 2))).tolist() == [0.0]


def two_losses(random: np.random.Generator, rows: int) -> tuple[Float64Array, Float64Array]:
    """Absolute errors of two forecasts that share what makes a customer hard; the mean difference is 0.1."""
    hard = random.exponential(1.0, rows)
    return hard + 0.1 + random.normal(0.0, 0.3, rows), hard + random.normal(0.0, 0.3, rows)


def test_an_interval_of_95_percent_holds_the_true_difference_in_about_95_of_100_studies() -> None:
    random = np.random.default_rng(0)
    held = 0
    for study in range(300):
        one, other = two_losses(random, 120)
        means = {"one": lambda w, x=one: w @ x / w.sum(axis=1), "other": lambda w, x=other: w @ x / w.sum(axis=1)}
        drawn = resample(means, np.arange(120), draws=300, seed=study)
        found = interval(drawn["one"], drawn["other"])
        held += found.low <= 0.1 <= found.high
    assert 0.91 <= held / 300 <= 0.98


def test_rows_of_a_customer_are_drawn_together_so_saying_everything_twice_makes_nothing_surer() -> None:
    random = np.random.default_rng(1)
    churn, expected, actual = random.random(60), random.random(60) * 3.0, random.integers(0, 3, 60)
    once = resample(weighted_figures(churn, expected, actual), np.arange(60), draws=50)
    twice = resample(
        weighted_figures(np.tile(churn, 2), np.tile(expected, 2), np.tile(actual, 2)),
        np.tile(np.arange(60), 2),
        draws=50,
    )
    for name, figures in once.items():
        assert twice[name] == pytest.approx(figures), name


def test_the_first_figure_is_that_of_all_rows_and_the_draws_do_not_depend_on_their_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(2)
    churn, expected, actual = random.random(40), random.random(40) * 3.0, random.integers(0, 3, 40)
    figures = weighted_figures(churn, expected, actual)
    whole = resample(figures, np.arange(40), draws=20, seed=3)
    assert whole["auc"][0] == pytest.approx(evaluate(churn, expected, actual).auc)
    assert len(whole["auc"]) == 21
    monkeypatch.setattr("streamseg.model.bootstrap._CELLS", 40 * 7)
    assert resample(figures, np.arange(40), draws=20, seed=3)["auc"].tolist() == whole["auc"].tolist()


def test_a_forecast_differs_from_itself_by_nothing() -> None:
    random = np.random.default_rng(4)
    figures = weighted_figures(random.random(40), random.random(40), random.integers(0, 2, 40))
    drawn = resample(figures, np.arange(40), draws=20)
    found = interval(drawn["ece"], drawn["ece"])
    assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)


def _clustered(random: np.random.Generator, customers: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Values with mean 1 of which a customer's rows share most, and whose they are."""
    customer = np.arange(customers).repeat(rows)
    return 1.0 + random.normal(0.0, 1.0, customers)[customer] + random.normal(0.0, 0.3, len(customer)), customer


def test_the_interval_holds_the_truth_about_95_times_in_100() -> None:
    random = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        value, customer = _clustered(random, customers=60, rows=5)
        _, low, high = paired_by_customer(value, np.zeros(len(value)), customer, resamples=200, seed=seed)
        held += low <= 1.0 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_rows_repeated_tell_no_more_than_once() -> None:
    value, customer = _clustered(np.random.default_rng(1), customers=80, rows=1)
    once = paired_by_customer(value, np.zeros(80), customer)
    tenfold = paired_by_customer(value.repeat(10), np.zeros(800), customer.repeat(10))
    assert tenfold == pytest.approx(once)


def test_what_both_find_hard_cancels_out() -> None:
    random = np.random.default_rng(2)
    hard = random.exponential(1.0, 500)
    found = paired_by_customer(hard + 0.1, hard, np.arange(500))
    assert found == pytest.approx((0.1, 0.1, 0.1))


def test_a_ratio_is_of_sums_and_not_of_rows() -> None:
    above, below = np.array([10.0, 0.0, 0.0, 2.0]), np.array([1.0, 1.0, 1.0, 3.0])
    mean, low, high = ratio_by_customer(above, below, np.array([0, 1, 2, 3]))
    assert mean == 2.0
    assert low < mean < high


def test_the_same_seed_gives_the_same_interval() -> None:
    value, customer = _clustered(np.random.default_rng(3), customers=30, rows=2)
    first, again, other = (paired_by_customer(value, np.zeros(60), customer, seed=seed) for seed in (4, 4, 5))
    assert first == again
    assert first[0] == other[0]
    assert first[1:] != other[1:]
