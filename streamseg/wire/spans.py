"""Many byte strings as one buffer and where each begins and ends: the form in which compiled loops read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

UInt8Array = NDArray[np.uint8]
Int64Array = NDArray[np.int64]


class Spans(NamedTuple):
    """N byte strings; they may overlap and leave gaps."""

    text: UInt8Array
    """(B,) every byte."""
    start: Int64Array
    """(N,) index of the first byte in `text`."""
    stop: Int64Array
    """(N,) index after the last byte; equal to `start` for an empty string."""


def joined(parts: Sequence[bytes]) -> Spans:
    """Lay byte strings end to end, a zero byte behind each, so that who reads one byte by byte meets its end.

    >>> joined([b"ab", b"", b"c"]).stop.tolist()
    [2, 3, 5]
    """
    size = np.fromiter(map(len, parts), np.int64, len(parts))
    stop = np.cumsum(size + 1) - 1
    # A bytearray, since numba compiles anew for an array that can't be written.
    return Spans(np.frombuffer(bytearray(b"\0").join([*parts, b""]), np.uint8), stop - size, stop)
