"""Products of packed weights are those of numpy, and a row's sums are its own: to the bit, in whatever company."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.core.scores import Float32Array
from streamseg.model.serving.product import PANEL, add_product, pack, product, widened


def drawn(*shape: int, seed: int = 0) -> Float32Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@settings(max_examples=60, deadline=None)  # the first call compiles
@given(rows=st.integers(0, 40), depth=st.integers(1, 130), columns=st.integers(1, 100))
def test_sums_are_those_of_numpy_and_what_fills_up_the_last_panel_is_nothing(
    rows: int, depth: int, columns: int
) -> None:
    some, weights, bias = drawn(rows, depth), drawn(depth, columns, seed=1), drawn(columns, seed=2)
    sums = np.empty((rows, len(widened(bias))), np.float32)
    product(some, pack(weights), widened(bias), sums)
    assert sums.shape[1] % PANEL == 0
    expected = some.astype(np.float64) @ weights + bias
    assert sums[:, :columns] == pytest.approx(expected, abs=1e-4)
    assert not sums[:, columns:].any()
    add_product(some, pack(weights), sums)
    assert sums[:, :columns] == pytest.approx(2.0 * expected - bias, abs=2e-4)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 40), first=st.integers(0, 39), data=st.data())
def test_a_row_gives_the_same_bits_wherever_it_stands(rows: int, first: int, data: st.DataObject) -> None:
    first = min(first, rows - 1)
    stop = data.draw(st.integers(first + 1, rows))
    some, packed, bias = drawn(rows, 56), pack(drawn(56, 256, seed=1)), drawn(256, seed=2)
    whole, part = np.empty((rows, 256), np.float32), np.empty((stop - first, 256), np.float32)
    product(some, packed, bias, whole)
    product(some[first:stop], packed, bias, part)
    assert part.tobytes() == whole[first:stop].tobytes()


def test_rows_and_sums_may_be_part_of_wider_ones_and_no_more_is_read_or_written() -> None:
    wide, sums = drawn(5, 20), np.full((7, 2 * PANEL), 3.0, np.float32)
    wide[:, 6:] = np.nan
    product(wide[:, :6], pack(drawn(6, PANEL, seed=1)), np.zeros(PANEL, np.float32), sums[1:6, :PANEL])
    assert sums[1:6, :PANEL] == pytest.approx(wide[:, :6] @ drawn(6, PANEL, seed=1), abs=1e-5)
    assert (sums[1:6, PANEL:] == 3.0).all()
    assert (sums[[0, 6]] == 3.0).all()


def test_packed_weights_begin_where_a_line_of_the_cache_begins() -> None:
    assert {pack(drawn(5, columns)).ctypes.data % 64 for columns in range(1, 50)} == {0}
