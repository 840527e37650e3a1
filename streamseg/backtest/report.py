"""What a backtest found, for a person and for a program.

Arrives: figures, intervals, remarks. Leaves: text for the terminal, JSON. Measures nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import orjson

from streamseg.backtest.figures import COMPARED, HIGHER_IS_BETTER
from streamseg.errors import InvariantError
from streamseg.model.bootstrap import DRAWS, LEVEL, Interval

_COLUMNS: Final = {
    "mae": ("MAE", ".3f"),
    "rmse": ("RMSE", ".3f"),
    "bias_pct": ("bias %", "+.1f"),
    "auc": ("AUC", ".3f"),
    "brier": ("Brier", ".4f"),
    "log_loss": ("log loss", ".4f"),
    "ece": ("ECE", ".4f"),
    "gini_spend": ("Gini", ".3f"),
    "gini_net_spend": ("net", ".3f"),
}
"""Heading and format of each metric."""
_WORDS: Final = {"gini_spend": "Gini of gross spend", "gini_net_spend": "Gini of net spend"}
"""Where there is room for more than a heading."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that a backtest found."""

    data: Mapping[str, float | str]
    """Customers, what they did, and how much history there was."""
    contenders: Mapping[str, Mapping[str, float]]
    """Metrics by contender."""
    served: str
    """The contender that the gate would serve."""
    absent: Mapping[str, str]
    """Contenders that could not compete, and why."""
    intervals: Mapping[str, Mapping[str, Interval]]
    """Served minus each classical contender, by metric."""
    best_classical: Mapping[str, str]
    """By metric."""
    remarks: Sequence[str]
    command: Mapping[str, str | int]
    """The settings of the run."""
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What else was found, by name; stands in the JSON beside the rest."""

    def as_json(self) -> bytes:
        """The whole report as one JSON object, numbers finite, keys stable.

        Raises:
            InvariantError: If a number is not finite.
        """
        best = {
            metric: {"against": rival, **asdict(self.intervals[rival][metric])}
            for metric, rival in self.best_classical.items()
        }
        by_rival = {
            rival: {metric: asdict(found) for metric, found in intervals.items()}
            for rival, intervals in self.intervals.items()
        }
        whole = {
            "command": self.command,
            "data": self.data,
            "contenders": self.contenders,
            "served": self.served,
            "intervals": best,
            "intervals_by_classical": by_rival,
            "remarks": list(self.remarks),
            **self.sections,
        }
        _check_finite("report", whole)
        return orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY) + b"\n"


def _check_finite(where: str, value: object) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_finite(f"{where}.{key}", inner)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _check_finite(f"{where}[{index}]", inner)
    # NaN and the infinities are the numbers whose difference from themselves is not 0.
    elif isinstance(value, float) and value - value != 0.0:
        raise InvariantError(f"{where} is {value}; expected a finite number")


def show(report: Report, *, terminal: bool) -> None:
    """Print the report: a drawn table on a terminal that has rich, aligned text elsewhere."""
    data = report.data
    print(
        f"{data['customers']:,} customers with an outcome before {report.command['cutoff']}, known for up to "
        f"{data['history_days']:.0f} days; in the {report.command['horizon_days']} days from then on "
        f"{data['share_returning']:.1%} of them have another, {data['mean_count']:.3f} outcome days on average\n"
    )
    heads = ["contender", *(head for head, _ in _COLUMNS.values())]
    rows = [
        [
            f"{'*' if name == report.served else ' '} {name}",
            *(format(figures[metric], spec) for metric, (_, spec) in _COLUMNS.items()),
        ]
        for name, figures in report.contenders.items()
    ]
    if not (terminal and _draw(heads, rows)):
        _align(heads, rows)
    for name, reason in report.absent.items():
        print(f"  {name}: {reason}")
    print("* is what would be served")
    for line in _comparison(report):
        print(line)
    for line in _sections(report):
        print(line)
    for remark in report.remarks:
        print(f"note: {remark}")


def _draw(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Draw a table, if rich is installed and the terminal is wide enough not to cut its numbers."""
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row), style="bold green" if row[0].startswith("*") else "")
    console = Console()
    is_wide_enough = sum(_widths(heads, rows)) + len(heads) <= console.width
    if is_wide_enough:
        console.print(table)
    return is_wide_enough


def _align(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = _widths(heads, rows)
    for first, *rest in (heads, *rows):
        print("  ".join([first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(rest, widths[1:], strict=True))]))


def _widths(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(heads, *rows, strict=True)]


def _comparison(report: Report) -> list[str]:
    """Served minus the best classical contender, a line for each metric."""
    if not report.best_classical:
        return []
    lines = [f"\n{report.served} minus the best classical contender, {LEVEL:.0%} of {DRAWS:,} resamples of customers:"]
    for metric in COMPARED:
        rival = report.best_classical[metric]
        found = report.intervals[rival][metric]
        name = _WORDS.get(metric, _COLUMNS[metric][0])
        numbers = f"{found.difference:+.4f}  [{found.low:+.4f}, {found.high:+.4f}]"
        lines.append(f"  {name:19}  {numbers}  {_word(metric, found)} {rival if rival != report.served else 'itself'}")
    return [*lines, ""]


def _sections(report: Report) -> list[str]:
    """The gate's reasons, the worth of the segments, and what comes next."""
    gate, segments = report.sections.get("gate"), report.sections.get("segments")
    lines = [f"the gate serves {gate['serves']}:", *(f"  {one}" for one in gate["reasons"]), ""] if gate else []
    if segments:
        lines.append(
            f"{segments['k']} segments: stability (ARI), share of the variance of log(1 + outcome days) explained"
        )
        for name in ("behaviours", "rfm"):
            lines.append(f"  {name:10}  {segments[name]['ari']:.3f}  {segments[name]['eta2']:.3f}")
        lines.append("")
    if then := report.sections.get("next_touchpoint"):
        lines.append(
            f"type of the next touchpoint of the {then['customers']:,.0f} who came again: foreseen "
            f"{then['accuracy']:.1%} (the most usual one {then['usual_accuracy']:.1%}), log loss "
            f"{then['log_loss']:.3f} (by how often each comes {then['usual_log_loss']:.3f})\n"
        )
    return lines


def _word(metric: str, found: Interval) -> str:
    if found.low <= 0.0 <= found.high:
        return "level with"
    return "better than" if (found.difference > 0.0) == (metric in HIGHER_IS_BETTER) else "worse than"
