"""The picture of growth: one small panel for each measure with several settings; an SVG that equal runs draw equal.

Arrives: the JSON report. Leaves: a file. Matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.bench.plot import STYLE

_COLUMNS: Final = 3


def draw(report: dict[str, Any], path: Path) -> None:
    """Write the picture; what has fewer than two results has no panel, and without panels there is no file."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    curves = {
        measure["name"]: (measure, known)
        for measure in report["measures"]
        if len(known := [one for one in measure["settings"] if one["median"] is not None]) > 1
    }
    if not curves:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = -(-len(curves) // _COLUMNS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.0, 2.6 * rows), layout="constrained")
        panels = figure.subplots(rows, _COLUMNS, squeeze=False).flatten()
        for panel in panels[len(curves) :]:
            panel.set_axis_off()
        for panel, (measure, known) in zip(panels, curves.values(), strict=False):
            _curve(panel, measure, known)
        figure.savefig(path, format="svg", metadata={"Date": None})


def _curve(panel: Any, measure: dict[str, Any], known: list[dict[str, Any]]) -> None:
    settings, medians = [one["setting"] for one in known], [one["median"] for one in known]
    values = [[value for value in one["values"] if value is not None] for one in known]
    below = [median - min(each) for median, each in zip(medians, values, strict=True)]
    above = [max(each) - median for median, each in zip(medians, values, strict=True)]
    panel.errorbar(settings, medians, yerr=[below, above], color="#0072b2", ecolor="black", marker="o", capsize=2)
    if settings[-1] > 10 * max(settings[0], 1):
        panel.set_xscale("log")
    panel.set_xticks(settings, [f"{setting:,}" for setting in settings])
    panel.minorticks_off()
    panel.set_ylim(bottom=0)
    panel.set_title(measure["what"], fontsize=9)
    panel.set_xlabel(measure["axis"])
    panel.set_ylabel(measure["unit"])
