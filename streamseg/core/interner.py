"""Byte strings to numbers and back (customers' ids to slots): one piece of text and an open hash table, no objects.

A number is never given up: who withdrew consent is still known by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.core.columns import grown
from streamseg.core.windows import Int64Array
from streamseg.wire.fingerprint import xxh64
from streamseg.wire.spans import Spans, UInt8Array, locked

Places = NDArray[np.int32]
"""Numbers by the hash of their string; memory ends long before there are 2^31."""

_FREE: Final = -1


class Interner(Sequence[bytes]):
    """Byte strings by slot: 0, 1, … in order of appearance.

    >>> from streamseg.wire.spans import joined
    >>> ids = Interner()
    >>> ids.slots(joined([b"ada", b"bob", b"ada"])).tolist(), ids[1], len(ids)
    ([0, 1, 0], b'bob', 2)
    """

    def __init__(self) -> None:
        self._text: UInt8Array = np.zeros(1_024, np.uint8)
        self._end = np.zeros(64, np.int64)
        """Where the string of each slot ends, by slot + 1."""
        self._places: Places = np.empty(0, np.int32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, slot: int) -> bytes: ...
    @overload
    def __getitem__(self, slot: slice) -> list[bytes]: ...
    def __getitem__(self, slot: int | slice) -> bytes | list[bytes]:
        if isinstance(slot, slice):
            return [self[one] for one in range(*slot.indices(self._count))]
        if not 0 <= slot < self._count:
            raise IndexError(f"slot {slot} of {self._count}")
        return self._text[self._end[slot] : self._end[slot + 1]].tobytes()

    def spans(self, slots: Int64Array) -> Spans:
        """The strings of some slots."""
        return Spans(locked(self._text), self._end[slots], self._end[slots + 1])

    def slots(self, ids: Spans) -> Int64Array:
        """The slot of each of N strings, a new one where it is unknown."""
        most = self._count + len(ids.start)
        # A byte more, so that an empty string begins within the text wherever it stands.
        self._text = grown(self._text, int(self._end[self._count] + (ids.stop - ids.start).sum()) + 1)
        self._end = grown(self._end, most + 1)
        if len(self._places) < 2 * most:
            self._places = np.full(1 << (2 * most).bit_length(), _FREE, np.int32)
            _place_all(self._text, self._end, self._count, self._places)
        found = np.empty(len(ids.start), np.int64)
        self._count = _find(ids, self._text, self._end, self._count, self._places, found)
        return found


@compiled
def _find(ids: Spans, text: UInt8Array, end: Int64Array, count: int, places: Places, found: Int64Array) -> int:
    mask = np.uint64(len(places) - 1)
    for row in range(len(found)):
        start, size = ids.start[row], ids.stop[row] - ids.start[row]
        place = xxh64(ids.text, start, start + size) & mask
        slot = places[place]
        while slot != _FREE and not _is_same(ids.text, start, size, text, end[slot], end[slot + 1]):
            place = (place + np.uint64(1)) & mask
            slot = places[place]
        if slot == _FREE:
            slot = places[place] = count
            for at in range(size):
                text[end[count] + at] = ids.text[start + at]
            end[count + 1] = end[count] + size
            count += 1
        found[row] = slot
    return count


@compiled
def _is_same(one: UInt8Array, start: int, size: int, other: UInt8Array, first: int, end: int) -> bool:
    place = 0
    while place < size and one[np.uint64(start + place)] == other[np.uint64(first + place)]:
        place += 1
    return place == size == end - first


@compiled
def _place_all(text: UInt8Array, end: Int64Array, count: int, places: Places) -> None:
    mask = np.uint64(len(places) - 1)
    for slot in range(count):
        place = xxh64(text, end[slot], end[slot + 1]) & mask
        while places[place] != _FREE:
            place = (place + np.uint64(1)) & mask
        places[place] = slot
