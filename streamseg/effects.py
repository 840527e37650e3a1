"""What one batch brings about: everything that its transaction makes visible, and what was counted on the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

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

    outputs: list[Output] = field(default_factory=list)
    """In the order of their causes."""
    rows: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    """Changelog rows, value None = tombstone; the partition row is the last."""
    counts: Counts = field(default_factory=Counts)
    seconds: dict[str, float] = field(default_factory=dict)
    """Spent by stage: decode, observe, score, decide, explain, emit, encode."""
