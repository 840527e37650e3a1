"""The publishers' ids of a batch's touchpoints, kept as bytes: few of them are ever asked for as a string."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, overload

import numpy as np

from streamseg.wire.spans import Int64Array, Spans, packed


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
        text, start, stop = packed(spans)
        return cls(text.tobytes(), start, stop)

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


NO_IDS: Final = EventIds(b"", *np.empty((2, 0), np.int64))
"""Of silence, which has none."""
