"""What was found at each setting: medians, spreads, and ratios against the reference setting of the same round."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.growth.measures import Measure


@dataclass(slots=True)
class Found:
    """One measure over all rounds."""

    measure: Measure
    values: dict[int, list[float | None]] = field(default_factory=dict)
    """By setting, then by round; None where it couldn't be measured."""
    reason: str = ""
    """Why the last such round gave none."""

    def ratios(self, setting: int) -> list[float]:
        """The values at a setting over those at the reference, round by round, where both are known."""
        pairs = zip(self.values[setting], self.values[self.measure.reference], strict=True)
        return [one / other for one, other in pairs if one is not None and other is not None]


def as_json(found: Sequence[Found], about: Mapping[str, object]) -> dict[str, object]:
    """Everything, for the file; `about` is the load and the machine."""
    return {**about, "measures": [_described(one) for one in found]}


def as_text(found: Sequence[Found]) -> str:
    """A table with one line a setting.

    >>> from tests.bench.growth.measures import MEASURES
    >>> print(as_text([Found(MEASURES[0], {1_000: [50.0, 40.0], 10_000: [100.0, 100.0]})]))
    measure        setting      median  spread                 ratio  unit, what
    customers        1,000          45  40 … 50                0.450  touchpoints/s: pipeline, the same 10,000 come
    customers       10,000         100  100 … 100              1.000  touchpoints/s: pipeline, the same 10,000 come
    """
    lines = [f"{'measure':10}  {'setting':>10}  {'median':>10}  {'spread':20}  {'ratio':>6}  unit, what"]
    for one in found:
        for setting, values in one.values.items():
            head, known = f"{one.measure.name:10}  {setting:>10,}", _known(values)
            if not known:
                lines.append(f"{head}  can't be measured: {one.reason}")
                continue
            ratios = one.ratios(setting)
            ratio = f"{statistics.median(ratios):.3f}" if ratios else ""
            spread = f"{_told(min(known))} … {_told(max(known))}"
            what = f"{one.measure.unit}: {one.measure.what}"
            lines.append(f"{head}  {_told(statistics.median(known)):>10}  {spread:20}  {ratio:>6}  {what}")
    return "\n".join(lines)


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _told(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _described(one: Found) -> dict[str, object]:
    measure = one.measure
    return {
        "name": measure.name,
        "what": measure.what,
        "unit": measure.unit,
        "axis": measure.axis,
        "reference": measure.reference,
        "reason": one.reason,
        "settings": [
            {
                "setting": setting,
                "values": values,
                "median": statistics.median(known) if (known := _known(values)) else None,
                "median_ratio": statistics.median(ratios) if (ratios := one.ratios(setting)) else None,
            }
            for setting, values in one.values.items()
        ],
    }
