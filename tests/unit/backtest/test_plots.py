"""Pictures are files with every contender in them, the same bytes twice; without matplotlib there is a remedy."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from streamseg.backtest.curves import Tracking
from streamseg.backtest.plots import draw, prepare
from streamseg.errors import ConfigError
from streamseg.model.forecaster import Forecasts


def pictures(directory: Path) -> list[Path]:
    prepare(directory)
    random = np.random.default_rng(0)
    actual = random.integers(0, 4, 80)
    forecasts = {
        name: Forecasts(random.random(80), random.random(80) * 3, random.random(80)) for name in ("lstm", "past_rate")
    }
    days = np.array([0, 7, 14])
    expected = {name: np.array([90.0, 130.0, 160.0 + place]) for place, name in enumerate(forecasts)}
    tracked = Tracking(np.array([-7, 0]), np.array([0.0, 90.0]), days, np.array([90.0, 120.0, 170.0]), expected)
    return draw(directory, forecasts, actual, tracked, "lstm")


def test_three_pictures_name_every_contender_and_mark_the_served_one(tmp_path: Path) -> None:
    paths = pictures(tmp_path / "not" / "yet")
    assert [path.name for path in paths] == ["calibration.svg", "tracking.svg", "lift.svg"]
    for path in paths:
        drawn = path.read_text()
        assert "<!-- lstm (served) -->" in drawn
        assert "<!-- past_rate -->" in drawn


def test_equal_runs_draw_equal_bytes(tmp_path: Path) -> None:
    one, other = pictures(tmp_path / "one"), pictures(tmp_path / "other")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_without_matplotlib_pictures_are_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError) as refused:
        prepare(tmp_path)
    assert str(refused.value) == (
        "--plot needs matplotlib, which is not installed; pip install 'streamseg[backtest]', or leave --plot out"
    )
