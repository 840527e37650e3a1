"""Tumbling event-time windows: which window an instant lies in, and where the fold over windows starts.

Arrives: milliseconds UTC. Leaves: window indexes (0 starts at the origin). Knows nothing of customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]

DAY_MS: Final = 86_400_000
MONDAY_MS: Final = 4 * DAY_MS
"""1970-01-05T00:00:00Z, the first Monday of the epoch: weeks start on Mondays."""
BLOCK: Final = 26
"""Windows between two anchors; a fold has then seen `BLOCK` to 2 * `BLOCK` windows."""


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """The cut of time into windows; stands in a model's manifest, since a model read on other windows means nothing.

    >>> weeks = WindowSpec()
    >>> int(weeks.index(np.array([weeks.start_ms(10) + 5]))[0])
    10
    >>> weeks.anchor(53)
    26
    """

    length_days: int = 7
    """1 to 56 days: a window's days are a bitmap in one 64-bit word."""
    origin_ms: int = MONDAY_MS
    """Start of window 0, a midnight UTC, so that a day lies in one window only."""

    def __post_init__(self) -> None:
        if not 1 <= self.length_days <= 56:
            raise ValueError(f"window length_days is {self.length_days}; expected 1 to 56, for example 7")
        if self.origin_ms % DAY_MS:
            raise ValueError(f"window origin_ms is {self.origin_ms}; expected a midnight UTC (a multiple of {DAY_MS})")

    @property
    def length_ms(self) -> int:
        """Length of a window, milliseconds."""
        return self.length_days * DAY_MS

    def index(self, instant_ms: Int64Array) -> Int64Array:
        """Index of the window that holds each instant; a boundary belongs to the window that it opens."""
        return (instant_ms - self.origin_ms) // self.length_ms

    def index_of(self, instant_ms: int) -> int:
        """`index` of one instant."""
        return (instant_ms - self.origin_ms) // self.length_ms

    def start_ms(self, window: int) -> int:
        """First millisecond of a window."""
        return self.origin_ms + window * self.length_ms

    def start_of(self, instant_ms: int) -> int:
        """First millisecond of the window that holds an instant."""
        return self.start_ms(self.index_of(instant_ms))

    def anchor(self, window: int) -> int:
        """The window at which the fold that precedes `window` starts from zero: 26 to 51 windows earlier."""
        return BLOCK * (window // BLOCK - 1)
