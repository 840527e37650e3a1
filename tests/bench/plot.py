"""The picture of a benchmark: one bar a row, the longest on top, with its spread; an SVG that equal runs draw equal.

Arrives: the JSON report. Leaves: a file. Matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

_COLOURS: Final = {"worker": "#0072b2", "limit": "#999999", "peer": "#e69f00"}
"""Of Okabe & Ito's, told apart by the colour-blind."""
STYLE: Final[Any] = {
    "svg.hashsalt": "streamseg",  # with no date in the file, equal reports give equal bytes
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
"""Of all pictures of the bench."""


def draw(report: dict[str, Any], path: Path) -> None:
    """Write the picture; rows without a result are left out, and without any there is none."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = sorted((row for row in report["rows"] if row["median_per_s"]), key=lambda row: row["median_per_s"])
    if not rows:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.0, 1.2 + 0.42 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for place, row in enumerate(rows):
            median, known = row["median_per_s"], [rate for rate in row["per_s"] if rate is not None]
            spread = [[median - min(known)], [max(known) - median]]
            axes.barh(place, median, color=_COLOURS[row["kind"]], xerr=spread, ecolor="black", capsize=2)
            ratio = f"   × {row['median_ratio']:.2f}" if row["median_ratio"] else ""
            axes.annotate(f"{median:,}{ratio}", (max(known), place), (6, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(rows)), [row["label"] for row in rows])
        axes.set_xscale("log")
        axes.set_xlim(rows[0]["median_per_s"] / 10, rows[-1]["median_per_s"] * 30)  # room for the numbers
        axes.set_xlabel(
            f"touchpoints a second, median and spread (× {report['reference']} against the row)", loc="right"
        )
        figure.savefig(path, format="svg", metadata={"Date": None})
