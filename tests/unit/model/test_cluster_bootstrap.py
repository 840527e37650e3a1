"""Intervals over customers: right as often as they say, and no narrower for repeating oneself."""

from __future__ import annotations

import numpy as np
import pytest

from streamseg.model.cluster_bootstrap import paired_by_customer, ratio_by_customer


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
