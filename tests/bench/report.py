"""What a benchmark found: medians, spreads and ratios against the reference of the same round, as text and JSON.

Arrives: rates by row and round. Leaves: lines for people, and names, numbers and lists for a file. It compares with no
figure: whether a result is good is for a reader.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.rows import Row


@dataclass(slots=True)
class Result:
    """One row over all rounds."""

    row: Row
    rates: list[float | None] = field(default_factory=list)
    """Touchpoints per second, by round; None where it couldn't be measured."""
    reason: str = ""
    """Why the last such round gave none."""

    @property
    def known(self) -> list[float]:
        """The rates that there are."""
        return [rate for rate in self.rates if rate is not None]

    def ratios(self, reference: Result) -> list[float]:
        """How many times as fast the reference was, round by round, where both are known."""
        pairs = zip(reference.rates, self.rates, strict=True)
        return [one / other for one, other in pairs if one is not None and other is not None]


def as_json(results: Sequence[Result], reference: str, about: Mapping[str, object]) -> dict[str, object]:
    """Everything, for the file.

    Args:
        results: Of all rows.
        reference: Name of the row that the ratios are against.
        about: The load and the machine.
    """
    return {**about, "reference": reference, "rows": [_described(one, _find(results, reference)) for one in results]}


def as_text(results: Sequence[Result], reference: str) -> str:
    """A table with one line a row.

    >>> from tests.bench.rows import ROWS
    >>> print(as_text([Result(ROWS[0], [50.0, 40.0]), Result(ROWS[1], [100.0, 100.0])], "worker"))
    row     median/s  spread/s               worker/row  what
    worker        45  40 … 50                     1.000  streamseg worker
    bare         100  100 … 100                   0.450  bare consumer: getmany and orjson.loads
    """
    against = _find(results, reference)
    width = max(len("row"), *(len(one.row.name) for one in results))
    lines = [f"{'row':{width}}  {'median/s':>8}  {'spread/s':20}  {f'{reference}/row':>11}  what"]
    for one in results:
        if not one.known:
            lines.append(f"{one.row.name:{width}}  can't be measured: {one.reason}")
            continue
        ratios = one.ratios(against) if against else []
        ratio = f"{statistics.median(ratios):.3f}" if ratios else ""
        spread = f"{min(one.known):,.0f} … {max(one.known):,.0f}"
        note = f" (once without a result: {one.reason})" if one.reason else ""
        median = f"{statistics.median(one.known):,.0f}"
        lines.append(f"{one.row.name:{width}}  {median:>8}  {spread:20}  {ratio:>11}  {one.row.label}{note}")
    return "\n".join(lines)


def _find(results: Sequence[Result], name: str) -> Result | None:
    return next((one for one in results if one.row.name == name), None)


def _described(one: Result, reference: Result | None) -> dict[str, object]:
    ratios = one.ratios(reference) if reference else []
    return {
        "name": one.row.name,
        "kind": one.row.kind,
        "label": one.row.label,
        "versions": one.row.versions() if one.known else {},
        "per_s": [None if rate is None else round(rate) for rate in one.rates],
        "median_per_s": round(statistics.median(one.known)) if one.known else None,
        "ratios": [round(ratio, 4) for ratio in ratios],
        "median_ratio": round(statistics.median(ratios), 4) if ratios else None,
        "reason": one.reason,
    }
