"""What latency runs found: quantiles by row and round, medians, spreads and ratios, as text and JSON.

Arrives: latencies by row and round. Leaves: lines for people, and names and numbers for a file. It compares with no
figure: whether a result is good is for a reader.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tests.bench.latency.rows import PacedRow
from tests.bench.latency.run import Latencies

QUANTILES: Final = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
LEAST: Final = 1_000
"""Fewer outputs tell no p99.9."""

Quantiles = dict[str, float | None]
"""Milliseconds by a name of `QUANTILES`; None where too few outputs tell it."""


@dataclass(slots=True)
class PacedResult:
    """One row over all rounds."""

    row: PacedRow
    rounds: list[Quantiles | None] = field(default_factory=list)
    """None where it couldn't be measured."""
    rates: list[float] = field(default_factory=list)
    """Touchpoints a second."""
    outputs: list[int] = field(default_factory=list)
    publisher_late_ms: list[float] = field(default_factory=list)
    reason: str = ""
    """Why the last round without a result had none."""

    def add(self, found: Latencies, rate: float) -> None:
        """One more round."""
        self.rounds.append(quantiles(found))
        self.rates.append(round(rate, 1))
        self.outputs.append(len(found.ms))
        self.publisher_late_ms.append(found.publisher_late_ms)

    def known(self, name: str) -> list[float]:
        """A quantile, round by round, where there is one."""
        return [value for one in self.rounds if one is not None and (value := one[name]) is not None]

    def ratios(self, reference: PacedResult, name: str) -> list[float]:
        """How many times as long the reference took in the same round."""
        pairs = zip(reference.rounds, self.rounds, strict=True)
        both = [(one[name], other[name]) for one, other in pairs if one is not None and other is not None]
        return [one / other for one, other in both if one is not None and other is not None]


def quantiles(found: Latencies) -> Quantiles:
    """Of one run; its p99.9 only if enough outputs tell it."""
    return {
        name: round(float(np.quantile(found.ms, share)), 2) if name != "p999" or len(found.ms) >= LEAST else None
        for name, share in QUANTILES.items()
    }


def as_text(results: Sequence[PacedResult]) -> str:
    """A table with one line a row; the ratios are the worker's at the same pace to the row's."""
    width = max(len("row"), *(len(one.row.name) for one in results))
    lines = [
        f"{'row':{width}}  {'rate/s':>7}  {'p50 ms':>7}  {'p99 ms':>7}  {'p99.9':>7}  {'spread of p99':16}  "
        f"{'worker/row p50':>14}  {'p99':>6}  what"
    ]
    for one in results:
        if not one.known("p50"):
            lines.append(f"{one.row.name:{width}}  can't be measured: {one.reason}")
            continue
        p50, p99, p999 = (f"{middle:.1f}" if (middle := _median(one.known(name))) else "" for name in QUANTILES)
        spread = f"{min(one.known('p99')):.1f} … {max(one.known('p99')):.1f}"
        worker = worker_beside(one, results)
        ratio50, ratio99 = (
            f"{ratio:.2f}" if worker and (ratio := _median(one.ratios(worker, name))) else "" for name in ("p50", "p99")
        )
        note = f" (once without a result: {one.reason})" if one.reason else ""
        lines.append(
            f"{one.row.name:{width}}  {statistics.median(one.rates):>7,.0f}  {p50:>7}  {p99:>7}  {p999:>7}  "
            f"{spread:16}  {ratio50:>14}  {ratio99:>6}  {one.row.contender.label}{note}"
        )
    return "\n".join(lines)


def as_json(results: Sequence[PacedResult], about: Mapping[str, object]) -> dict[str, object]:
    """Everything, for the file.

    Args:
        results: Of all rows.
        about: The load and the machine.
    """
    return {**about, "rows": [_described(one, worker_beside(one, results)) for one in results]}


def worker_beside(one: PacedResult, results: Sequence[PacedResult]) -> PacedResult | None:
    """The worker's result at the pace of another row, if it was measured."""
    at_pace = (other for other in results if other.row.pace == one.row.pace)
    return next((other for other in at_pace if other.row.contender.kind == "worker"), None)


def _described(one: PacedResult, worker: PacedResult | None) -> dict[str, object]:
    ratios = {name: _rounded(_median(one.ratios(worker, name))) if worker else None for name in ("p50", "p99")}
    return {
        "name": one.row.name,
        "pace": one.row.pace,
        "kind": one.row.contender.kind,
        "label": one.row.contender.label,
        "rates_per_s": one.rates,
        "rounds_ms": one.rounds,
        "median_ms": {name: _median(one.known(name)) for name in QUANTILES},
        "worker_ratio": ratios,
        "outputs": one.outputs,
        "publisher_late_ms_p99": one.publisher_late_ms,
        "reason": one.reason,
    }


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _rounded(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio, 3)
