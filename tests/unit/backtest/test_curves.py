"""The points behind the pictures, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamseg.backtest.curves import POINTS, calibration, lift, tracking
from streamseg.backtest.protocol import cut_file
from streamseg.core.spec import CoreSpec
from streamseg.model.forecaster import Forecasts
from streamseg.wire.touchpoint import DecodeLimits
from tests.unit.backtest.shop import CUTOFF_MS, Constant, a_file, other_customers


def test_calibration_puts_equally_many_customers_into_each_group() -> None:
    none = np.linspace(0.99, 0.0, 100)
    found = calibration(Forecasts(none, none, none), np.repeat([0, 1], 50))
    assert found.forecast == pytest.approx([0.055 + 0.1 * group for group in range(10)])
    assert found.observed.tolist() == [0.0] * 5 + [1.0] * 5


def test_customers_with_equal_forecasts_are_not_told_apart() -> None:
    same = np.full(100, 0.5)
    found = calibration(Forecasts(same, same, same), np.repeat([0, 2], [75, 25]))
    assert found.observed == pytest.approx([0.25] * 10)
    assert lift(same, np.repeat([0, 2], [75, 25])) == pytest.approx([1.0] * 10)


def test_lift_is_the_mean_of_each_tenth_over_everybodys() -> None:
    actual = np.repeat(np.arange(10), 10)
    assert lift(actual.astype(float), actual) == pytest.approx(np.arange(9, -1, -1) / 4.5)


def test_tracking_begins_at_what_had_come_and_ends_at_the_whole_holdout(tmp_path: Path) -> None:
    path = a_file(tmp_path / "a.jsonl", other_customers())
    cut = cut_file(path, cutoff_ms=CUTOFF_MS, horizon_days=30, spec=CoreSpec(), limits=DecodeLimits())
    found = tracking(cut, {"constant": Constant(count=2.0)}, lambda share: None)
    assert found.days.tolist() == [0, 7, 14, 21, 28, 30]
    assert found.past_days.tolist() == [-28, -21, -14, -7, 0]
    # Each of 50 customers bought 10 days before the cut-off, and buys 10 days after it.
    assert found.past.tolist() == [0.0, 0.0, 0.0, 50.0, 50.0]
    assert found.actual.tolist() == [50.0, 50.0, 100.0, 100.0, 100.0, 100.0]
    assert found.expected["constant"].tolist() == [50.0, *[150.0] * 5]


def test_a_long_horizon_is_tracked_in_longer_steps(tmp_path: Path) -> None:
    path = a_file(tmp_path / "a.jsonl", other_customers())
    cut = cut_file(
        path, cutoff_ms=CUTOFF_MS - 80 * 86_400_000, horizon_days=180, spec=CoreSpec(), limits=DecodeLimits()
    )
    days = tracking(cut, {}, lambda share: None).days
    assert len(days) <= POINTS + 1
    assert set(np.diff(days)[:-1]) == {14}
    assert days[-1] == 180
