"""exp and log of compiled loops are those of the C library, but for the last digit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.elementary import exp, log

ULPS = 2 * 2.0**-52


@settings(deadline=None)  # the first call compiles
@given(x=st.floats(-708.0, 708.0))
def test_exp_is_within_two_units_in_the_last_place(x: float) -> None:
    assert exp(x) == pytest.approx(float(np.exp(x)), rel=ULPS)


@settings(deadline=None)
@given(x=st.floats(1e-300, 1e300))
def test_log_is_within_two_units_in_the_last_place(x: float) -> None:
    assert log(x) == pytest.approx(float(np.log(x)), rel=ULPS, abs=1e-300)


@pytest.mark.parametrize(("x", "end"), [(-1e9, -708.0), (1e9, 708.0), (-np.inf, -708.0), (np.inf, 708.0)])
def test_beyond_its_range_exp_stays_finite(x: float, end: float) -> None:
    assert exp(x) == exp(end)
    assert 0.0 < exp(x) < np.inf


def test_what_is_exact_is_exact() -> None:
    assert exp(0.0) == 1.0
    assert log(1.0) == 0.0
