"""Agreement of labellings against counted pairs; the k that resampling confirms."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.model.stability import adjusted_rand, choose_k, explained, stability
from tests.unit.model.clouds import blobs, shoppers


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=25))
def test_the_adjusted_rand_index_counts_pairs(rows: list[tuple[int, int]]) -> None:
    pairs = list(combinations(rows, 2))
    both = sum(a[0] == b[0] and a[1] == b[1] for a, b in pairs)
    one = sum(a[0] == b[0] for a, b in pairs)
    other = sum(a[1] == b[1] for a, b in pairs)
    chance, most = one * other / len(pairs), (one + other) / 2
    expected = (both - chance) / (most - chance) if most != chance else 1.0
    assert adjusted_rand(*np.array(rows).T) == pytest.approx(expected)


def test_labels_at_random_agree_as_by_chance_and_other_names_for_the_same_labels_wholly() -> None:
    random = np.random.default_rng(0)
    one, other = random.integers(0, 5, (2, 5_000))
    assert adjusted_rand(one, other) == pytest.approx(0.0, abs=0.01)
    assert adjusted_rand(one, (one + 2) % 5) == 1.0


def test_three_blobs_are_three() -> None:
    for seed in range(3):
        points, _ = blobs((150, 150, 150), distance=8.0, seed=seed)
        k, agreement = choose_k(points, range(3, 9), seed=seed)
        assert k == 3
        assert agreement > 0.99


def test_what_resampling_moves_is_less_stable_than_what_it_finds_again() -> None:
    points, _ = blobs((150, 150, 150), distance=8.0)
    assert stability(points, 3) > stability(points, 5) + 0.1


def test_customers_in_one_long_cloud_are_cut_where_another_sample_cuts_them_too() -> None:
    assert stability(shoppers(2_000), 6) > 0.85


def test_the_number_in_use_stays_while_it_is_stable_and_goes_when_it_is_not() -> None:
    cloud = shoppers(1_000)
    other = 4 if choose_k(cloud)[0] != 4 else 5
    assert choose_k(cloud, prefer=other)[0] == other
    points, _ = blobs((150, 150, 150), distance=8.0)
    assert choose_k(points, prefer=6)[0] == 3


def test_few_customers_have_few_behaviours() -> None:
    assert choose_k(shoppers(50))[0] == 3
    assert choose_k(shoppers(90))[0] <= 4


def test_choosing_twice_gives_the_same() -> None:
    assert choose_k(shoppers(400), seed=3) == choose_k(shoppers(400), seed=3)


def test_groups_explain_what_lies_between_them() -> None:
    value = np.array([0.0, 2.0, 10.0, 12.0])
    assert explained(np.array([0, 0, 1, 1]), value) == pytest.approx(100.0 / 104.0)
    assert explained(np.array([0, 1, 0, 1]), value) == pytest.approx(4.0 / 104.0)
    assert explained(np.array([0, 1]), np.ones(2)) == 0.0
