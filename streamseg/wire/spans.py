"""Many byte strings as one buffer and where each begins and ends: the form in which compiled loops read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled

UInt8Array = NDArray[np.uint8]
Int64Array = NDArray[np.int64]


class Spans(NamedTuple):
    """N byte strings; they may overlap and leave gaps."""

    text: UInt8Array
    """(B,) every byte; `locked` unless somebody is about to write them."""
    start: Int64Array
    """(N,) index of the first byte in `text`."""
    stop: Int64Array
    """(N,) index after the last byte; equal to `start` for an empty string."""


class Strings(Sequence[bytes]):
    """N byte strings in one piece of memory; each is made when it is asked for.

    >>> strings = Strings(joined([b"ab", b"", b"c"]))
    >>> strings[0], list(strings[1:])
    (b'ab', [b'', b'c'])
    """

    __slots__ = ("spans",)

    def __init__(self, spans: Spans) -> None:
        self.spans = spans

    def __len__(self) -> int:
        return len(self.spans.start)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Strings: ...
    def __getitem__(self, index: int | slice) -> bytes | Strings:
        text, start, stop = self.spans
        if isinstance(index, slice):
            return Strings(Spans(text, start[index], stop[index]))
        return text[start[index] : stop[index]].tobytes()

    def take(self, rows: Int64Array) -> Strings:
        """Some of them, in the order asked for."""
        text, start, stop = self.spans
        return Strings(Spans(text, start[rows], stop[rows]))


def locked(text: UInt8Array) -> UInt8Array:
    """The same memory, not to be written: to the compiler that is another type, and all spans that it reads have it."""
    text = text.view()
    text.setflags(write=False)
    return text


def joined(parts: Sequence[bytes]) -> Spans:
    """Lay byte strings end to end, a zero byte behind each, so that who reads one byte by byte meets its end.

    >>> joined([b"ab", b"", b"c"]).stop.tolist()
    [2, 3, 5]
    """
    size = np.fromiter(map(len, parts), np.int64, len(parts))
    stop = np.cumsum(size + 1) - 1
    return Spans(np.frombuffer(b"\0".join([*parts, b""]), np.uint8), stop - size, stop)


def packed(spans: Spans) -> Spans:
    """Copies of N byte strings end to end, so that the rest of the text can go.

    >>> packed(Spans(np.frombuffer(b"abcd", np.uint8), np.array([2, 0]), np.array([4, 1]))).text.tobytes()
    b'cda'
    """
    size = spans.stop - spans.start
    stop = np.cumsum(size)
    text = np.empty(stop[-1] if len(stop) else 0, np.uint8)
    _copy(spans.text, spans.start, spans.stop, text)
    return Spans(locked(text), stop - size, stop)


@compiled
def _copy(text: UInt8Array, start: Int64Array, stop: Int64Array, to: UInt8Array) -> None:
    at = 0
    for row in range(len(start)):
        for place in range(start[row], stop[row]):
            to[at] = text[place]
            at += 1
