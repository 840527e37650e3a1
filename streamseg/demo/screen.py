"""What a person sees: a table that redraws itself in a terminal, one line every few seconds elsewhere.

Arrives: a `View` of the moment. Leaves: text. It counts nothing and waits for nobody.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

PLAIN_EVERY_S: Final = 5.0
SEGMENTS_SHOWN: Final = 14
_STAGE_STYLES: Final = {
    "new": "cyan",
    "active": "green",
    "won_back": "bright_green",
    "cooling": "yellow",
    "at_risk": "red",
    "lapsed": "bright_black",
}


@dataclass(frozen=True, slots=True)
class View:
    """The demo at one moment."""

    day: str
    """Date on the accelerated clock."""
    speed: float
    """Days of event time in a second."""
    share: float
    """Of the touchpoints published, 0 to 1."""
    received: int
    scored: int
    rate: float
    """Touchpoints received in a second, lately."""
    lag: int
    latency_ms: tuple[float, float]
    """Median and 99th percentile so far, from append to commit."""
    changes: int
    alerts: int
    dead_letters: int
    sizes: Counter[str] = field(default_factory=Counter)
    last_changes: Sequence[str] = ()
    last_alerts: Sequence[str] = ()


class Screen(Protocol):
    """Where the demo shows itself; a context manager for as long as it streams."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def show(self, view: View) -> None:
        """Show this moment."""
        ...


def screen(*, plain: bool) -> Screen:
    """A table where there is a terminal, lines where there is none or `plain` asks for them."""
    return PlainScreen() if plain or not sys.stdout.isatty() else TableScreen()


class PlainScreen:
    """One line every `PLAIN_EVERY_S`, and the latest alert under it."""

    def __init__(self) -> None:
        self._next = 0.0
        self._told: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, view: View) -> None:
        """Print the moment, if it is time."""
        if monotonic() < self._next:
            return
        self._next = monotonic() + PLAIN_EVERY_S
        print(f"  {view.day}  {numbers(view)}", flush=True)
        for line in [*view.last_alerts][-1:]:
            if line != self._told:
                self._told = line
                print(f"      {line}", flush=True)


class TableScreen:
    """The live table."""

    def __init__(self) -> None:
        self._live = Live(console=Console(), refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, view: View) -> None:
        """Redraw."""
        self._live.update(drawn(view))


def drawn(view: View) -> Group:
    """The whole picture, at most about 40 lines."""
    head = Text.assemble(
        (f" {view.day} ", "bold reverse"), f"  one second is {view.speed:.1f} days   {view.share:.0%} of the stream\n "
    )
    head.append(numbers(view))
    segments = Table(box=None, pad_edge=False, title="segments now", title_justify="left", title_style="bold")
    segments.add_column("segment", no_wrap=True)
    segments.add_column("customers", justify="right")
    segments.add_column("")
    largest = max(view.sizes.values(), default=1)
    for name, size in view.sizes.most_common(SEGMENTS_SHOWN):
        bar = "█" * max(1, round(30 * size / largest))
        segments.add_row(Text(name, style=_style(name)), f"{size:,}", Text(bar, style=_style(name)))
    return Group(
        head, Text(), segments, *_lines("last alerts", view.last_alerts), *_lines("last changes", view.last_changes)
    )


def numbers(view: View) -> str:
    """The figures of the moment, on one line."""
    median, worst = view.latency_ms
    return (
        f"{view.received:,} in ({view.rate:,.0f}/s, lag {view.lag:,})  {view.scored:,} scored  "
        f"{view.changes:,} changes  {view.alerts:,} alerts  {view.dead_letters:,} dead letters  "
        f"latency {median:,.0f} ms (p99 {worst:,.0f})"
    )


def _lines(title: str, lines: Sequence[str]) -> list[Text]:
    return [Text(), Text(title, style="bold")] + [
        Text("  " + line, no_wrap=True, overflow="ellipsis") for line in reversed(lines)
    ]


def _style(segment: str) -> str:
    return _STAGE_STYLES.get(segment.split("/")[0], "white")
