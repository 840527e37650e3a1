"""What one batch brings about: everything that its transaction makes visible, and what was counted on the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from streamseg.wire.blocks import Block
from streamseg.wire.outputs import Output


@dataclass(slots=True)
class Counts:
    """received = dead-lettered + duplicate + too_late + suppressed + scored: each record counts once, in this order."""

    received: int = 0
    dead_lettered: Counter[str] = field(default_factory=Counter)
    """By reason."""
    duplicate: int = 0
    too_late: int = 0
    suppressed: int = 0
    """No consent, or too little known of the customer."""
    scored: int = 0
    unknown_types: Counter[str] = field(default_factory=Counter)
    foreign_currency: int = 0
    clamped: int = 0
    swept: int = 0
    """Silent customers looked at; no records."""
    emitted: Counter[str] = field(default_factory=Counter)
    """Changes and alerts by kind; profiles as ``profile``."""


@dataclass(slots=True)
class Effects:
    """Commit all of it or nothing."""

    passed_on: list[Output] = field(default_factory=list)
    """Dead letters and touchpoints that were too late."""
    said: list[Block] = field(default_factory=list)
    """Decisions and profiles, in the order of their causes."""
    rows: list[Block] = field(default_factory=list)
    """Changelog rows; the partition row is the last. Later ones of a key replace earlier ones."""
    counts: Counts = field(default_factory=Counts)
    seconds: dict[str, float] = field(default_factory=dict)
    """Spent by stage: decode, observe, score, decide, explain, emit, encode."""

    @property
    def outputs(self) -> list[Output]:
        """Everything that leaves for the world, as objects."""
        return [*self.passed_on, *(output for block in self.said for output in block)]
