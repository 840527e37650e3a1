from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamseg.wire.money import to_micro


@given(amounts=st.lists(st.floats(0, 1e9), max_size=20))
@example(amounts=[0.0000005, 0.0000015, 0.0000025, 999_999_999.9999995])
def test_amounts_round_half_to_even_as_written_in_decimal(amounts: list[float]) -> None:
    expected = [int((Decimal(repr(each)) * 1_000_000).to_integral_value(ROUND_HALF_EVEN)) for each in amounts]
    assert to_micro(np.array(amounts, np.float64)).tolist() == expected


@given(micro=st.integers(0, 10**15))
def test_every_number_of_six_decimals_is_kept_exactly(micro: int) -> None:
    assert to_micro(np.array([float(f"{micro // 10**6}.{micro % 10**6:06d}")])).tolist() == [micro]


# The product 2.0876705 * 1e6 lies above the half that was written, 8.2124955 * 1e6 below: rounding it would be wrong.
@pytest.mark.parametrize(
    ("amount", "micro"),
    [(0.0000005, 0), (0.0000015, 2), (0.0000025, 2), (2.0876705, 2_087_670), (8.2124955, 8_212_496)],
)
def test_ties_go_to_the_even_neighbour(amount: float, micro: int) -> None:
    assert to_micro(np.array([amount])).tolist() == [micro]
