"""The publishers' ids of a batch's touchpoints, kept as bytes: few of them are ever asked for as a string."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, overload

import numpy as np

from streamseg.compiled import compiled
from streamseg.wire.spans import Int64Array, Spans, UInt8Array, joined


class EventIds(Sequence[str]):
    """N strings in one piece of memory; each is made when it is asked for.

    >>> from streamseg.wire.spans import joined
    >>> ids = EventIds.of(joined([b"e-1", b"e-2"]))
    >>> ids[1], list(ids[:1])
    ('e-2', ['e-1'])
    """

    __slots__ = ("_start", "_stop", "_text")

    def __init__(self, text: bytes, start: Int64Array, stop: Int64Array) -> None:
        self._text, self._start, self._stop = text, start, stop

    @classmethod
    def of(cls, spans: Spans) -> EventIds:
        """Take copies of N strings in UTF-8, so that the rest of the text can go."""
        stop = np.cumsum(spans.stop - spans.start)
        text = np.empty(stop[-1] if len(stop) else 0, np.uint8)
        _copy(spans.text, spans.start, spans.stop, text)
        return cls(text.tobytes(), stop - (spans.stop - spans.start), stop)

    @property
    def spans(self) -> Spans:
        """The same for compiled loops."""
        return Spans(np.frombuffer(self._text, np.uint8), self._start, self._stop)

    def __len__(self) -> int:
        return len(self._start)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> EventIds: ...
    def __getitem__(self, index: int | slice) -> str | EventIds:
        if isinstance(index, slice):
            return EventIds(self._text, self._start[index], self._stop[index])
        return self._text[self._start[index] : self._stop[index]].decode()

    def take(self, rows: Int64Array) -> EventIds:
        """Some of them, in the order asked for."""
        return EventIds(self._text, self._start[rows], self._stop[rows])


@compiled
def _copy(text: UInt8Array, start: Int64Array, stop: Int64Array, to: UInt8Array) -> None:
    at = 0
    for row in range(len(start)):
        for place in range(start[row], stop[row]):
            to[at] = text[place]
            at += 1


NO_IDS: Final = EventIds.of(joined([]))
"""Of silence, which has none."""
