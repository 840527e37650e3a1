"""Records as columns: bytes of record batches in, `Records` out, by one compiled pass without an object for a record.

What stands between the header of a batch and its end is known here (format v2, uncompressed). Headers of batches,
checksums, codecs and transactions are kafka/batches_in.py's.

Source: Apache Kafka's documentation, "Message Format: Record" (KIP-98); varints as in Protocol Buffers, in zigzag.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.wire.spans import Int64Array, Spans, UInt8Array

ROW: Final = np.dtype(
    [
        ("offset", "i8"),
        ("timestamp", "i8"),  # milliseconds UTC; negative = unknown
        ("key_start", "i8"),  # in the text
        ("key_stop", "i8"),  # `key_start` - 1 where there is no key: a null is one byte shorter than an empty string
        ("value_start", "i8"),
        ("value_stop", "i8"),  # as of the key
        ("headers_start", "i8"),  # behind their count
        ("stop", "i8"),  # of the whole record
        ("headers", "i8"),  # their count
    ]
)
_PLACES: Final = ("key_start", "key_stop", "value_start", "value_stop", "headers_start", "stop")

BATCH: Final = np.dtype(
    [
        ("start", "i8"),  # of its records in the text
        ("stop", "i8"),
        ("count", "i8"),
        ("offset", "i8"),  # of the first record before compaction
        ("base_ms", "i8"),  # the records' times count from here
        ("is_appended", "?"),  # all records have `base_ms`, at which the broker appended them
    ]
)


@dataclass(frozen=True, slots=True)
class Record:
    """One record on its own, for the few that are asked for."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    """Milliseconds UTC; negative = unknown."""
    headers: Sequence[tuple[str, bytes]]
    offset: int


class Records(Sequence[Record]):
    """N records of one partition in its order; a slice of them shares their memory.

    Args:
        text: (B,) what they were read from, with a zero byte behind every value: see `read_records`. It is locked.
        rows: (N,) of `ROW`.
    """

    __slots__ = ("_rows", "_text")

    def __init__(self, text: UInt8Array, rows: NDArray[Any]) -> None:
        # Also for the compiled loops: an array that can't be written is another type, and lists of records make one.
        text.setflags(write=False)
        self._text, self._rows = text, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Records: ...
    def __getitem__(self, index: int | slice) -> Record | Records:
        if isinstance(index, slice):
            return Records(self._text, self._rows[index])
        offset, timestamp, *key, start, stop, headers, end, count = self._rows[index].tolist()
        return Record(
            key=self._bytes(*key),
            value=self._bytes(start, stop),
            timestamp=timestamp,
            headers=self._headers(headers, end, count),
            offset=offset,
        )

    @property
    def offsets(self) -> Int64Array:
        """(N,) increasing."""
        offsets: Int64Array = self._rows["offset"]
        return offsets

    @property
    def timestamps(self) -> Int64Array:
        """(N,) milliseconds UTC; negative = unknown."""
        timestamps: Int64Array = self._rows["timestamp"]
        return timestamps

    def keys_and_values(self) -> tuple[Spans, Spans]:
        """Spans of one text, (N,) each; where there is no key or value, `stop` is `start` - 1."""
        start, stop = self._range()
        text, places = self._text[start:stop], [self._rows[name] - start for name in _PLACES[:4]]
        return Spans(text, *places[:2]), Spans(text, *places[2:])

    def _range(self) -> tuple[int, int]:
        """Where in the text these records begin and end."""
        return (self._rows["key_start"].min(), self._rows["stop"].max()) if len(self) else (0, 0)

    def _bytes(self, start: int, stop: int) -> bytes | None:
        return self._text[start:stop].tobytes() if stop >= start else None

    def _headers(self, at: int, end: int, count: int) -> list[tuple[str, Any]]:
        headers = []
        for _ in range(count):
            start, stop = _nullable(self._text, at, end)
            name = self._text[start:stop].tobytes().decode(errors="replace")
            start, stop = _nullable(self._text, stop, end)
            headers.append((name, self._bytes(start, stop)))
            at = max(start, stop)
        return headers


NO_RECORDS: Final = Records(np.empty(0, np.uint8), np.empty(0, ROW))


def joined(pieces: Sequence[Records]) -> Records:
    """Records behind one another; only the text that is theirs is kept."""
    if len(pieces) < 2:
        return pieces[0] if pieces else NO_RECORDS
    texts, rows, size = [], [], 0
    for piece in pieces:
        start, stop = piece._range()
        moved = piece._rows.copy()
        for name in _PLACES:
            moved[name] += size - start
        texts.append(piece._text[start:stop])
        rows.append(moved)
        size += stop - start
    return Records(np.concatenate(texts), np.concatenate(rows))


def read_records(text: UInt8Array, batches: NDArray[Any], position: int) -> Records:
    """Read the records of some batches.

    Args:
        text: What the batches lie in; it becomes the records' own. The count of headers behind each value is made a
            zero byte, so that who reads a value byte by byte meets its end.
        batches: (M,) of `BATCH`, in the order of their offsets.
        position: Records before this offset are left out: a broker sends the whole batch that holds an offset.

    Raises:
        ValueError: If a batch doesn't hold exactly the records that it declares. Nothing outside it is ever read.
    """
    # A record has seven bytes at least, so a count beyond the text is an error before it is an allocation.
    impossible = np.flatnonzero((batches["count"] < 0) | (batches["count"] > batches["stop"] - batches["start"]))
    rows = np.empty(0 if len(impossible) else batches["count"].sum(), ROW)
    found = -1 - impossible[0] if len(impossible) else _read(text, batches, position, rows)
    if found < 0:
        raise ValueError(f"the batch at offset {batches['offset'][-1 - found]} doesn't hold the records it declares")
    return Records(text, rows[:found])


@compiled
def _read(text: UInt8Array, batches: NDArray[Any], position: int, rows: NDArray[Any]) -> int:
    """Fill the rows; how many, or -1 - the index of a batch that is corrupt."""
    found = 0
    for index in range(len(batches)):
        batch = batches[index]
        at = batch.start
        for _ in range(batch.count):
            row = rows[found]
            at = _record(text, at, batch, row)
            if at < 0:
                return -1 - index
            found += row.offset >= position
        if at != batch.stop:
            return -1 - index
    return found


@compiled
def _record(text: UInt8Array, at: int, batch: Any, row: Any) -> int:
    """Read one record; the index behind it, or -1 if it is corrupt."""
    size, at = _varint(text, at, batch.stop)
    if at < 0 or not 0 <= size <= batch.stop - at:
        return -1
    end = at + size
    elapsed_ms, at = _varint(text, at + 1, end)  # behind a byte of attributes, of which none is in use
    ahead, at = _varint(text, at, end)
    key_start, key_stop = _nullable(text, at, end)
    start, stop = _nullable(text, max(key_start, key_stop), end)
    count_at = max(start, stop)
    headers, at = _varint(text, count_at, end)
    if at < 0 or headers < 0:
        return -1
    row.timestamp = batch.base_ms if batch.is_appended else batch.base_ms + elapsed_ms
    row.offset = batch.offset + ahead
    row.key_start, row.key_stop, row.value_start, row.value_stop = key_start, key_stop, start, stop
    row.headers_start, row.stop, row.headers = at, end, headers
    for _ in range(headers):
        start, stop = _nullable(text, at, end)
        if stop < start:
            return -1
        start, stop = _nullable(text, stop, end)
        at = max(start, stop)
    if at != end:
        return -1
    text[count_at] = 0
    return end


@compiled
def _nullable(text: UInt8Array, at: int, end: int) -> tuple[int, int]:
    """Where bytes with their size before them begin and stop: `start` - 1 for null; -1, -2 if they pass the end."""
    size, start = _varint(text, at, end)
    if start < 0 or size > end - start:
        return -1, -2
    return start, start + max(size, -1)


@compiled
def _varint(text: UInt8Array, at: int, end: int) -> tuple[int, int]:
    """Read a number in zigzag; it and the index behind it, which is -1 if the number passes the end (or `at` is -1)."""
    if at < 0 or at >= end:
        return 0, -1
    number = int(text[np.uint64(at)])
    if number < 0x80:  # nearly all are one byte: without a path of their own the whole pass takes five times as long
        return number >> 1 ^ -(number & 1), at + 1
    number, shift = number & 0x7F, 7
    at += 1
    while at < end and shift < 64:
        byte = int(text[np.uint64(at)])
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number >> 1 & 0x7FFF_FFFF_FFFF_FFFF ^ -(number & 1), at
        shift += 7
    return 0, -1
