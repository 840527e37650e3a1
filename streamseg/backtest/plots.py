"""The pictures of a backtest: calibration, tracking and lift, as SVG files.

Arrives: forecasts, what came, and a directory. Leaves: three files. Matplotlib is imported by the functions that need
it, and without pyplot, so nothing outside these figures changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streamseg.backtest.curves import GROUPS, Tracking, calibration, lift
from streamseg.backtest.figures import CLASSICAL
from streamseg.core.windows import Int64Array
from streamseg.errors import ConfigError
from streamseg.model.forecaster import Forecasts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS: Final = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a6d3b", "#666666")
"""Okabe & Ito's, told apart by the colour-blind, without their yellow, which white swallows."""
_GREY: Final = "#999999"
_STYLE: Final[Any] = {
    "svg.hashsalt": "streamseg",  # with no date in the file, equal runs give equal bytes
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def prepare(directory: Path) -> None:
    """Make the directory, and see that the pictures can be drawn.

    Raises:
        ConfigError: If matplotlib is not installed.
        OSError: If the directory can't be made.
    """
    try:
        import matplotlib  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise ConfigError(
            "--plot needs matplotlib, which is not installed; pip install 'streamseg[backtest]', or leave --plot out"
        ) from error
    directory.mkdir(parents=True, exist_ok=True)


def draw(
    directory: Path, forecasts: Mapping[str, Forecasts], actual: Int64Array, tracked: Tracking, served: str
) -> list[Path]:
    """Write calibration.svg, tracking.svg and lift.svg into a directory, and return their paths."""
    import matplotlib as mpl

    paths = []
    with mpl.rc_context(_STYLE):
        pictures = {
            "calibration": _calibration(forecasts, actual, served),
            "tracking": _tracking(tracked, served),
            "lift": _lift(forecasts, actual, served),
        }
        for name, figure in pictures.items():
            paths.append(directory / f"{name}.svg")
            figure.savefig(paths[-1], metadata={"Date": None})
    return paths


def _figure(panels: Mapping[str, int]) -> tuple[Figure, list[Axes]]:
    """A figure of one panel under the other, by label of the upright axis and share of the height."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.5), layout="constrained")
    grid = figure.add_gridspec(len(panels), 1, height_ratios=list(panels.values()))
    axes: list[Axes] = []
    for row, label in enumerate(panels):
        axes.append(figure.add_subplot(grid[row], sharex=axes[0] if axes else None))
        axes[-1].set_ylabel(label)
        axes[-1].grid(color="#e6e6e6", linewidth=0.6)
        axes[-1].set_axisbelow(True)
    return figure, axes


def _line(name: str, place: int, served: str) -> dict[str, Any]:
    """How a contender is drawn in every picture: the served one thick, below the others; the classical ones dashed."""
    return {
        "color": _COLOURS[place % len(_COLOURS)],
        "linewidth": 3.0 if name == served else 1.2,
        "linestyle": "--" if name in CLASSICAL else "-",
        "zorder": 2.5 if name == served else 3,
        "label": f"{name} (served)" if name == served else name,
    }


def _calibration(forecasts: Mapping[str, Forecasts], actual: Int64Array, served: str) -> Figure:
    figure, (axes,) = _figure({"share of customers who bought": 1})
    axes.set_title(f"Calibration, customers in {GROUPS} groups by forecast", loc="left", fontsize=11)
    axes.set_xlabel("forecast share of customers who buy")
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1.0, label="perfect")
    lowest = 1.0
    for place, (name, one) in enumerate(forecasts.items()):
        curve = calibration(one, actual)
        axes.plot(curve.forecast, curve.observed, marker="o", markersize=4, **_line(name, place, served))
        lowest = min(lowest, float(curve.forecast.min()), float(curve.observed.min()))
    limits = np.floor(lowest * 10.0) / 10.0, 1.02  # nothing is lost, and crowded corners open
    axes.set_xlim(limits)
    axes.set_ylim(limits)
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.yaxis.set_major_formatter("{x:.0%}")
    _legend(axes)
    return figure


def _tracking(tracked: Tracking, served: str) -> Figure:
    first = -tracked.past_days[0] / 7.0
    figure, (axes, errors) = _figure({f"purchase days since week −{first:.0f}": 2, "forecast − actual": 1})
    axes.set_title("Purchase days of all known customers, cumulated", loc="left", fontsize=11)
    errors.set_xlabel("weeks from the cut-off")
    weeks, came = tracked.days / 7.0, tracked.actual - tracked.actual[0]
    axes.plot(
        np.append(tracked.past_days / 7.0, weeks),
        np.append(tracked.past, tracked.actual),
        color="black",
        linewidth=2.0,
        label="actual",
    )
    errors.axhline(0.0, color="black", linewidth=2.0)
    for place, (name, expected) in enumerate(tracked.expected.items()):
        line = _line(name, place, served)
        axes.plot(weeks, expected, **line)
        errors.plot(weeks[1:], (expected - tracked.actual)[1:] / np.maximum(came[1:], 1.0), **line)
    for panel in (axes, errors):
        panel.axvline(0.0, color=_GREY, linewidth=1.0)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    errors.yaxis.set_major_formatter("{x:+.0%}")
    _legend(axes)
    return figure


def _lift(forecasts: Mapping[str, Forecasts], actual: Int64Array, served: str) -> Figure:
    figure, (axes,) = _figure({"purchase days, as a multiple of everybody's mean": 1})
    axes.set_title("Lift by decile", loc="left", fontsize=11)
    axes.set_xlabel("tenth of the customers by expected purchase days, highest first")
    tenths = np.arange(1, GROUPS + 1)
    axes.plot(tenths, lift(actual.astype(np.float64), actual), color=_GREY, linewidth=1.0, label="perfect order")
    axes.axhline(1.0, color=_GREY, linewidth=1.0, linestyle=":", label="random order")
    for place, (name, one) in enumerate(forecasts.items()):
        axes.plot(tenths, lift(one.count, actual), marker="o", markersize=4, **_line(name, place, served))
    axes.set_xticks(tenths)
    axes.set_ylim(bottom=0)
    _legend(axes)
    return figure


def _legend(axes: Axes) -> None:
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
