"""Behaviours of two versions: who goes on, what ended, what began."""

from __future__ import annotations

import numpy as np
import pytest

from streamseg.model.matching import announce, match


def test_the_same_clusters_in_another_order_are_matched() -> None:
    before = np.repeat([0, 1, 2], 10)
    found = match(before, np.array([2, 0, 1])[before], 3, 3)
    assert found.partner == (1, 2, 0)
    assert found.overlap == (1.0, 1.0, 1.0)
    assert announce(found, ["a", "b", "c"], ["b", "c", "a"]) == ()


def test_a_cluster_split_in_halves_is_announced_with_where_its_customers_went() -> None:
    before = np.repeat([0, 1], [20, 10])
    after = np.repeat([0, 1, 2], [11, 9, 10])
    found = match(before, after, 2, 3)
    assert found.partner == (0, -1, 1)
    assert found.overlap == pytest.approx((11 / 20, 0.0, 1.0))
    assert announce(found, ["old", "kept"], ["old", "half", "kept"]) == ("'half' is new: 100 % come from 'old'",)
    evenly = match(before, np.repeat([0, 1, 2, 3], [9, 9, 2, 10]), 2, 4)
    assert evenly.partner == (-1, -1, -1, 1)
    assert announce(evenly, ["old", "kept"], ["one", "two", "three", "kept"]) == (
        "'old' has ended: no new behaviour overlaps it by more than half; 45 % are now in 'one', 45 % are now in 'two'",
        "'one' is new: 100 % come from 'old'",
        "'two' is new: 100 % come from 'old'",
        "'three' is new: 100 % come from 'old'",
    )


def test_a_merger_of_three_goes_on_under_no_old_name() -> None:
    found = match(np.repeat([0, 1, 2], 10), np.zeros(30, np.int64), 3, 1)
    assert found.partner == (-1,)
    assert announce(found, ["a", "b", "c"], ["all"])[0] == (
        "'a' has ended: no new behaviour overlaps it by more than half; 100 % are now in 'all'"
    )


def test_customers_whom_the_old_version_does_not_know_have_no_say() -> None:
    before = np.array([0, 0, 0, 1, 1, -1, -1, -1, -1])
    found = match(before, np.array([1, 1, 1, 0, 0, 0, 0, 0, 0]), 2, 2)
    assert found.partner == (1, 0)
    assert found.overlap == (1.0, 1.0)


def test_an_overlap_of_more_than_half_goes_on_and_half_does_not() -> None:
    half = match(np.repeat([0, 1], 10), np.repeat([0, 1, 2], [5, 5, 10]), 2, 3)
    assert half.partner == (-1, -1, 1)
    more = match(np.repeat([0, 1], [11, 10]), np.repeat([0, 1, 2], [5, 6, 10]), 2, 3)
    assert more.partner == (-1, 0, 1)
    assert more.overlap == pytest.approx((0.0, 6 / 11, 1.0))
    assert match(np.repeat([0, 1], 10), np.repeat([0, 1, 0, 1], [4, 6, 6, 4]), 2, 2).partner == (-1, -1)
