"""The publishers' ids of a batch's touchpoints, kept as bytes: few of them are ever asked for as a string."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, overload

from streamseg.wire.spans import Int64Array, Spans, Strings, joined, packed


class EventIds(Sequence[str]):
    """N strings in one piece of memory; each is made when it is asked for.

    >>> from streamseg.wire.spans import joined
    >>> ids = EventIds.of(joined([b"e-1", b"e-2"]))
    >>> ids[1], list(ids[:1])
    ('e-2', ['e-1'])
    """

    __slots__ = ("_ids",)

    def __init__(self, ids: Strings) -> None:
        self._ids = ids

    @classmethod
    def of(cls, spans: Spans) -> EventIds:
        """Take copies of N strings in UTF-8, so that the rest of the text can go."""
        return cls(Strings(packed(spans)))

    @property
    def spans(self) -> Spans:
        """The same for compiled loops."""
        return self._ids.spans

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> EventIds: ...
    def __getitem__(self, index: int | slice) -> str | EventIds:
        return EventIds(self._ids[index]) if isinstance(index, slice) else self._ids[index].decode()

    def take(self, rows: Int64Array) -> EventIds:
        """Some of them, in the order asked for."""
        return EventIds(self._ids.take(rows))


NO_IDS: Final = EventIds(Strings(joined([])))
"""Of silence, which has none."""
