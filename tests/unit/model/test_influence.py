"""Whoever sends most does not decide alone what is learnt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array
from streamseg.model.influence import capped_weights, share_limit


def _shares(customer: Int64Array, weight: Float64Array) -> Float64Array:
    return np.bincount(customer, weights=weight / weight.sum()).astype(np.float64)


def test_a_customer_with_nine_rows_in_ten_is_cut_to_the_stated_share() -> None:
    customer = np.concatenate((np.zeros(9_000, np.int64), np.arange(1, 201).repeat(5)))
    weight = np.ones(len(customer))
    found = capped_weights(customer, weight, most_share=share_limit(201))
    assert share_limit(201) == pytest.approx(5 / 201)
    assert _shares(customer, weight)[0] == pytest.approx(0.9)
    assert _shares(customer, found)[0] == pytest.approx(share_limit(201))
    assert (found[9_000:] == 1.0).all()


def test_a_mean_under_capped_weights_follows_the_crowd_and_not_the_flood() -> None:
    random = np.random.default_rng(0)
    customer = np.concatenate((np.zeros(9_000, np.int64), np.arange(1, 201).repeat(5)))
    says = np.where(customer == 0, 1.0, random.random(len(customer)) < 0.2)
    found = capped_weights(customer, np.ones(len(customer)), most_share=share_limit(201))
    assert np.average(says) > 0.9
    assert np.average(says, weights=found) < 0.25


def test_weights_that_no_customer_dominates_are_left_as_they_are() -> None:
    customer = np.arange(100).repeat(3)
    weight = np.random.default_rng(0).uniform(1.0, 2.0, 300)
    assert (capped_weights(customer, weight, most_share=0.05) == weight).all()


def test_a_share_that_cannot_be_met_makes_all_equal() -> None:
    found = capped_weights(np.array([0, 0, 1, 2]), np.array([5.0, 5.0, 2.0, 1.0]), most_share=0.1)
    assert found.tolist() == [0.5, 0.5, 1.0, 1.0]


def test_nothing_to_weigh_stays_nothing() -> None:
    assert capped_weights(np.array([0, 1]), np.zeros(2), most_share=0.5).tolist() == [0.0, 0.0]
    assert capped_weights(np.empty(0, np.int64), np.empty(0), most_share=0.5).tolist() == []


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 8), st.floats(0.01, 1e3)), min_size=1, max_size=40),
    times=st.floats(1.0, 9.0),
)
def test_nobody_exceeds_the_share_and_no_row_gains(rows: list[tuple[int, float]], times: float) -> None:
    customer = np.array([who for who, _ in rows])
    weight = np.array([value for _, value in rows])
    share = min(times / len(np.unique(customer)), 1.0)
    found = capped_weights(customer, weight, most_share=share)
    assert _shares(customer, found).max() <= share * (1.0 + 1e-9)
    assert (found <= weight).all()
    assert (found > 0.0).all()


@pytest.mark.parametrize("share", [0.0, 1.5, float("nan")])
def test_an_impossible_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="most_share") as refused:
        capped_weights(np.array([0]), np.ones(1), most_share=share)
    assert str(refused.value) == f"most_share is {share}; expected above 0 and at most 1, for example 0.01"
