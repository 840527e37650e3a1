"""exp and log of compiled loops are those of the C library, but for the last digit; tanh and sigmoid are float32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.elementary import exp, log, sigmoid, tanh

ULPS = 2 * 2.0**-52


@settings(deadline=None)  # the first call compiles
@given(x=st.floats(-708.0, 708.0))
def test_exp_is_within_two_units_in_the_last_place(x: float) -> None:
    assert exp(x) == pytest.approx(float(np.exp(x)), rel=ULPS)


@settings(deadline=None)
@given(x=st.floats(1e-300, 1e300))
def test_log_is_within_two_units_in_the_last_place(x: float) -> None:
    assert log(x) == pytest.approx(float(np.log(x)), rel=ULPS, abs=1e-300)


@settings(deadline=None)
@given(x=st.floats(-100.0, 100.0, width=32))
def test_tanh_and_sigmoid_are_within_a_few_units_of_a_float32(x: float) -> None:
    assert tanh(np.float32(x)) == pytest.approx(float(np.tanh(x)), abs=5e-7)
    assert sigmoid(np.float32(x)) == pytest.approx(float(1.0 / (1.0 + np.exp(-x))), abs=3e-7)


@pytest.mark.parametrize("function", [exp, tanh, sigmoid])
def test_what_is_no_number_is_none_afterwards(function: Callable[[np.float32], float]) -> None:
    assert np.isnan(function(np.float32(np.nan)))


@pytest.mark.parametrize(("x", "end"), [(-1e9, -708.0), (1e9, 708.0), (-np.inf, -708.0), (np.inf, 708.0)])
def test_beyond_its_range_exp_stays_finite(x: float, end: float) -> None:
    assert exp(x) == exp(end)
    assert 0.0 < exp(x) < np.inf


def test_what_is_exact_is_exact() -> None:
    assert exp(0.0) == 1.0
    assert log(1.0) == 0.0
