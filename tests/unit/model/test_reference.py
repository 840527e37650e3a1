"""Histograms that fit any column, distances that are what the books say, and JSON that comes back the same."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from streamseg.core.features import FEATURES
from streamseg.errors import ConfigError
from streamseg.model.reference import (
    COMPARED,
    Reference,
    from_json,
    histogram_of,
    ks,
    ks_by_chance,
    psi,
    psi_by_chance,
    reference_of,
    to_json,
)


def a_reference(rows: int = 500) -> Reference:
    random = np.random.default_rng(0)
    x = np.log1p(random.poisson(0.7, (rows, len(FEATURES)))).astype(np.float32)
    none = random.random(rows)
    return reference_of(x, none, -np.log(none), customers=120, ece=0.02, bias_pct=-3.0)


def test_a_continuous_column_is_cut_at_its_deciles() -> None:
    found = histogram_of(np.random.default_rng(0).normal(size=1000))
    assert len(found.edges) == 9
    assert found.shares == pytest.approx((0.1,) * 10, abs=0.002)


def test_a_constant_column_is_one_full_bin_and_whatever_differs_falls_beside_it() -> None:
    found = histogram_of(np.zeros(100, np.float32))
    assert found.shares == (0.0, 1.0, 0.0)
    assert found.shares_of(np.array([0.0, 1e-6, 5.0, -1.0])) == (0.25, 0.25, 0.5)


def test_few_distinct_values_are_categories() -> None:
    values = np.array([0.0] * 6 + [0.69] * 3 + [1.1], np.float32)
    found = histogram_of(values)
    assert sorted(share for share in found.shares if share) == [0.1, 0.3, 0.6]


def test_a_column_that_is_mostly_zero_keeps_zero_apart_from_the_little_that_is_not() -> None:
    random = np.random.default_rng(0)
    found = histogram_of(np.where(random.random(1000) < 0.95, 0.0, random.exponential(1.0, 1000)))
    assert found.shares == pytest.approx((0.0, 0.95, 0.05), abs=0.02)


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60))
def test_every_row_lies_in_one_bin_and_a_sample_is_no_distance_from_itself(values: list[float]) -> None:
    column = np.array(values, np.float32)
    found = histogram_of(column)
    assert math.isclose(sum(found.shares), 1.0, abs_tol=1e-4)
    assert list(found.edges) == sorted(set(found.edges))
    assert psi(found.shares, found.shares_of(column)) == 0.0
    assert ks(found.shares, found.shares_of(column)) == 0.0


def test_psi_is_the_sum_by_hand_and_an_empty_bin_is_far_but_not_infinitely_far() -> None:
    by_hand = (0.6 - 0.4) * math.log(0.6 / 0.4) + (0.4 - 0.6) * math.log(0.4 / 0.6)
    assert psi((0.4, 0.6), (0.6, 0.4)) == pytest.approx(by_hand)
    assert psi((0.4, 0.6), (0.6, 0.4)) == psi((0.6, 0.4), (0.4, 0.6))
    assert psi((1.0, 0.0), (0.9, 0.1)) == pytest.approx(-0.1 * math.log(0.9) + (0.1 - 1e-4) * math.log(0.1 / 1e-4))


def test_ks_over_deciles_is_nearly_that_of_the_samples() -> None:
    random = np.random.default_rng(0)
    one, other = random.normal(0.0, 1.0, 4_000), random.normal(0.4, 1.0, 4_000)
    before = histogram_of(one)
    found = ks(before.shares, before.shares_of(other))
    assert found <= ks_2samp(one, other).statistic
    assert found == pytest.approx(ks_2samp(one, other).statistic, abs=0.02)


def test_chance_alone_rarely_exceeds_what_is_put_down_to_chance() -> None:
    random = np.random.default_rng(0)
    beyond = np.zeros(2)
    for _ in range(1000):
        before = histogram_of(random.normal(size=300))
        now = before.shares_of(random.normal(size=200))
        beyond += (
            psi(before.shares, now) > psi_by_chance(len(now), 300, 200),
            ks(before.shares, now) > ks_by_chance(300, 200),
        )
    assert (beyond <= 6).all()  # one expected of each


def test_what_is_compared_says_nothing_of_age() -> None:
    assert {"window_purchase", "window_sessions", "window_spend"} <= set(COMPARED)
    assert not {"age_days", "touchpoints", "spend", "recency_days", "first_window", "elapsed"} & set(COMPARED)


def test_a_reference_comes_back_from_json_as_it_was_and_is_small() -> None:
    reference = a_reference()
    written = json.dumps(to_json(reference), allow_nan=False)
    assert from_json(json.loads(written)) == reference
    assert from_json(to_json(reference)) == reference
    assert (set(reference.inputs), set(reference.scores)) == (set(COMPARED), {"churn", "outcomes"})
    assert len(written) < 20_000


def test_a_reference_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 rows") as refused:
        a_reference(rows=0)
    assert str(refused.value) == "reference of 0 rows; expected at least 1"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ({"scores": None}, "'NoneType' object has no attribute 'items'"),
        ({"scores": {"churn": {"edges": [0.5], "shares": [1.0]}}}, "a histogram has not one share more than edges"),
        ({"colour": 1}, "Reference.__init__() got an unexpected keyword argument 'colour'"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_reason(spoil: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        from_json({**to_json(a_reference()), **spoil})
    assert str(refused.value) == (
        f"model has no sound reference to notice drift by ({reason}); train a new model with `streamseg train`"
    )
