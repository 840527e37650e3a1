"""The truth as changelog rows and back: what a partition's table is rebuilt from after a restart.

A customer row holds the life, the decisions, the newest summary and the newest chunk of remembered ids. Closed
summaries travel in chunks of 13 windows, and closed chunks of ids each by itself, under keys of their own: what a
touchpoint writes doesn't grow with the history. Rows carry a version and a checksum; a row that fails either is
refused.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.core.chains import END, Chains, Links
from streamseg.core.features import Records
from streamseg.core.remembered import BLOCK, CHUNK_BLOCKS, IDS, chunk_of
from streamseg.core.rows import CUSTOMER, ROW_VERSION, SUMMARY
from streamseg.core.table import CHUNK, CustomerTable
from streamseg.core.windows import Int64Array
from streamseg.errors import InvariantError
from streamseg.wire.blocks import BLOCK_TOPICS, TOMBSTONE, Block
from streamseg.wire.fingerprint import fingerprint, xxh64
from streamseg.wire.pen import put_word
from streamseg.wire.spans import Spans, UInt8Array, packed
from streamseg.wire.topics import CHANGELOG

_CUSTOMER_KEY: Final = b"c"
_SUMMARIES_KEY: Final = b"w"
_IDS_KEY: Final = b"i"
_KINDS: Final = np.frombuffer(_CUSTOMER_KEY + _SUMMARIES_KEY + _IDS_KEY, np.uint8)
_HEADER: Final = struct.Struct("<BI")  # version, the low half of the fingerprint of what follows
_HEADER_BYTES: Final = _HEADER.size
_CUSTOMER_KEY_BYTES: Final = 1
_CHUNK_KEY_BYTES: Final = 9
"""What stands before the customer's id: the kind, and with a chunk its number, big-endian."""


def seal(payload: bytes) -> bytes:
    """Put version and checksum in front."""
    return _HEADER.pack(ROW_VERSION, fingerprint(payload) & 0xFFFF_FFFF) + payload


def unseal(keys: Spans, values: Spans) -> Spans:
    """Check version and checksum of rows and leave them out.

    Raises:
        InvariantError: If a row is of another version or was changed.
    """
    found = _first_unsound(values)
    if found < len(values.start):
        key, value = (told.text[told.start[found] : told.stop[found]].tobytes() for told in (keys, values))
        raise InvariantError(
            f"changelog row {key[:40]!r} has version {value[0] if value else 0} and {len(value)} bytes; "
            f"expected version {ROW_VERSION} with a matching checksum: run the release that wrote it, or "
            "rebuild the group's state from the input"
        )
    return values._replace(start=values.start + _HEADER_BYTES)


@compiled
def _first_unsound(values: Spans) -> int:
    """The first of N rows whose version or checksum is not what it should be; N if all are sound."""
    for row in range(len(values.start)):
        start, stop = values.start[row], values.stop[row]
        if stop - start < _HEADER_BYTES or values.text[start] != ROW_VERSION:
            return row
        checksum = xxh64(values.text, start + _HEADER_BYTES, stop)
        for byte in range(_HEADER_BYTES - 1):
            if values.text[start + 1 + byte] != checksum >> np.uint64(8 * byte) & np.uint64(0xFF):
                return row
    return len(values.start)


def changed_rows(table: CustomerTable) -> Block:
    """Rows of everything that changed since the last call: customers touched, chunks closed, amended or dropped."""
    touched = np.fromiter(table.touched, np.int64, len(table.touched))
    lives = table.rows[touched]
    stale = np.array(list(table.stale_chunks), np.int64).reshape(-1, 2)
    since_ms = table.watermark_ms - table.spec.allowed_lateness_ms
    closed = table.remembered.close(touched, lives["accepted"], keep=table.spec.keep_ids, since_ms=since_ms)
    counts = len(touched), len(stale), len(closed)
    # The most that it can be; memory that isn't reached costs nothing.
    of_ids = CHUNK_BLOCKS * IDS.itemsize
    sizes = CUSTOMER.itemsize + 1 + SUMMARY.itemsize + of_ids, CHUNK * SUMMARY.itemsize, of_ids
    most = sum(count * (_HEADER_BYTES + size) for count, size in zip(counts, sizes, strict=True))
    value = Spans(np.empty(most, np.uint8), *np.full((2, sum(counts)), TOMBSTONE, np.int64))
    summaries, ids = _chained(table.summaries.chains), _chained(table.remembered.chains)
    accepted = table.rows["accepted"]
    size = _write_customers(touched, _bytes_of(lives), accepted, summaries, ids, value)
    size = _write_summaries(stale, table.summaries.records["window"], summaries, value, len(touched), size)
    size = _write_ids(closed, accepted, ids, value, len(touched) + len(stale), size)
    whose = np.concatenate((touched, stale[:, 0], closed[:, 0]))
    number = np.concatenate((np.zeros_like(touched), stale[:, 1], closed[:, 1]))
    key = _keys(np.repeat(_KINDS, counts), number, table.customer_ids.spans(whose))
    table.touched.clear()
    table.stale_chunks.clear()
    topic = np.full(len(key.start), BLOCK_TOPICS.index(CHANGELOG))
    return Block(topic, key, value._replace(text=value.text[:size].copy()))


def _keys(kind: UInt8Array, number: Int64Array, customers: Spans) -> Spans:
    """The keys of rows of these kinds; `number` is a chunk's, and without meaning for a customer row."""
    before = np.where(kind == _CUSTOMER_KEY[0], _CUSTOMER_KEY_BYTES, _CHUNK_KEY_BYTES)
    stop = np.cumsum(before + customers.stop - customers.start)
    start = np.concatenate(([0], stop[:-1])) if len(stop) else stop
    key = Spans(np.empty(stop[-1] if len(stop) else 0, np.uint8), start, stop)
    _write_keys(kind, number, customers, key)
    return key


@compiled
def _write_keys(kind: UInt8Array, number: Int64Array, customers: Spans, key: Spans) -> None:
    for row in range(len(kind)):
        at = key.start[row]
        key.text[at] = kind[row]
        at += 1
        if kind[row] != _CUSTOMER_KEY[0]:
            for byte in range(8):
                key.text[at + byte] = number[row] >> (56 - 8 * byte) & 0xFF
            at += 8
        put_word(key.text, at, customers, row)


class _Chained(NamedTuple):
    """Chains as compiled loops read them."""

    content: NDArray[np.uint8]
    """(R, bytes of a record)"""
    newest: Links
    older: Links


def _chained(chains: Chains) -> _Chained:
    return _Chained(_bytes_of(chains.records), chains.newest, chains.older)


def _bytes_of(records: Records) -> NDArray[np.uint8]:
    return records.view(np.uint8).reshape(len(records), records.dtype.itemsize)


@compiled
def _write_customers(
    slots: Int64Array,
    lives: NDArray[np.uint8],
    accepted: Int64Array,
    summaries: _Chained,
    ids: _Chained,
    to: Spans,
) -> int:
    """A life, whether a newest summary follows, that summary, and the newest chunk's ids from old to new."""
    at = 0
    for row in range(len(slots)):
        start, slot = at, slots[row]
        at = _copy(lives, row, to.text, at + _HEADER_BYTES)
        newest = summaries.newest[slot]
        to.text[at] = newest != END
        at += 1
        if newest != END:
            at = _copy(summaries.content, newest, to.text, at)
        if accepted[slot]:
            at = _copy_ids(ids, ids.newest[slot], (accepted[slot] - 1) // BLOCK % CHUNK_BLOCKS + 1, to.text, at)
        _seal(to, row, start, at)
    return at


@compiled
def _write_summaries(stale: Int64Array, window: Int64Array, summaries: _Chained, to: Spans, row: int, at: int) -> int:
    """The closed summaries of a chunk from new to old; a chunk that has none left stays a tombstone."""
    for slot, chunk in stale:
        start, one = at, summaries.newest[slot]
        at += _HEADER_BYTES
        if one != END:
            one = summaries.older[one]
        while one != END:
            if window[one] // CHUNK == chunk:
                at = _copy(summaries.content, one, to.text, at)
            one = summaries.older[one]
        if at > start + _HEADER_BYTES:
            _seal(to, row, start, at)
        else:
            at = start
        row += 1
    return at


@compiled
def _write_ids(closed: Int64Array, accepted: Int64Array, ids: _Chained, to: Spans, row: int, at: int) -> int:
    """The ids of a chunk from old to new; a chunk that was forgotten stays a tombstone."""
    for slot, chunk in closed:
        block, one = (accepted[slot] - 1) // BLOCK, ids.newest[slot]
        while one != END and block // CHUNK_BLOCKS > chunk:
            one, block = ids.older[one], block - 1
        if one != END:
            start, at = at, _copy_ids(ids, one, CHUNK_BLOCKS, to.text, at + _HEADER_BYTES)
            _seal(to, row, start, at)
        row += 1
    return at


@compiled
def _copy_ids(ids: _Chained, newest: int, count: int, text: UInt8Array, at: int) -> int:
    """So many blocks of a chain, the last of them `newest`."""
    size: int = ids.content.shape[1]
    for turn in range(count - 1, -1, -1):
        _copy(ids.content, newest, text, at + turn * size)
        newest = ids.older[newest]
    return at + count * size


@compiled
def _copy(content: NDArray[np.uint8], record: int, text: UInt8Array, at: int) -> int:
    size: int = content.shape[1]
    for place in range(size):
        text[np.uint64(at + place)] = content[record, np.uint64(place)]
    return at + size


@compiled
def _seal(to: Spans, row: int, start: int, stop: int) -> None:
    """Version and checksum in front of a row that is written."""
    to.start[row], to.stop[row] = start, stop
    checksum = xxh64(to.text, start + _HEADER_BYTES, stop)
    to.text[start] = ROW_VERSION
    for byte in range(_HEADER_BYTES - 1):
        to.text[start + 1 + byte] = checksum >> np.uint64(8 * byte) & np.uint64(0xFF)


def restore(table: CustomerTable, rows: Block, *, watermark_ms: int, swept_ms: int) -> None:
    """Fill an empty table from the last value of every changelog key.

    Args:
        table: Without customers.
        rows: Customer and chunk rows, of distinct keys; others are passed over.
        watermark_ms, swept_ms: From the partition row.

    Raises:
        InvariantError: If a row is corrupt or of another version.
    """
    table.watermark_ms = watermark_ms
    newest, latest_ids = _take_up_customers(table, *_unsealed(rows, _CUSTOMER_KEY, _CUSTOMER_KEY_BYTES))
    closed, closed_ids = (_chunks_of(table, rows, kind) for kind in (_SUMMARIES_KEY, _IDS_KEY))
    summaries = _by_customer(newest, closed)
    table.summaries.fill(summaries.each(summaries.slot, SUMMARY), summaries.records(SUMMARY))
    ids = _by_customer(latest_ids, closed_ids)
    table.remembered.fill(ids.each(ids.slot, IDS), ids.each(ids.number, IDS), ids.records(IDS))
    table.resume_sweep(swept_ms)


class _Chunks(NamedTuple):
    """C chunks of chained records, as rows hold them."""

    slot: Int64Array
    number: Int64Array
    content: Spans

    def each(self, values: Int64Array, dtype: np.dtype[np.void]) -> Int64Array:
        """The chunk's value for each of its records."""
        return np.repeat(values, (self.content.stop - self.content.start) // dtype.itemsize)

    def records(self, dtype: np.dtype[np.void]) -> Records:
        """All records, chunk by chunk."""
        return packed(self.content).text.view(dtype)


def _unsealed(rows: Block, kind: bytes, key_bytes: int) -> tuple[Spans, Spans]:
    """Customer and content of all rows of a kind."""
    its = np.flatnonzero(rows.key.text[rows.key.start] == kind[0])
    keys, values = (told._replace(start=told.start[its], stop=told.stop[its]) for told in (rows.key, rows.value))
    return keys._replace(start=keys.start + key_bytes), unseal(keys, values)


def _chunks_of(table: CustomerTable, rows: Block, kind: bytes) -> _Chunks:
    customers, content = _unsealed(rows, kind, _CHUNK_KEY_BYTES)
    number = packed(Spans(customers.text, customers.start - 8, customers.start)).text.view(">i8").astype(np.int64)
    return _Chunks(table.slots(customers), number, content)


def _take_up_customers(table: CustomerTable, customers: Spans, content: Spans) -> tuple[_Chunks, _Chunks]:
    """Take up lives and decisions; gives the newest summaries and the newest chunks of ids."""
    slots, (text, start, stop) = table.slots(customers), content
    flag = start + CUSTOMER.itemsize
    lives = packed(Spans(text, start, flag)).text.view(CUSTOMER)
    table.rows[slots] = lives
    has_newest = text[flag] == 1
    newest_at, ids_at = flag[has_newest] + 1, flag + 1 + has_newest * SUMMARY.itemsize
    newest = Spans(text, newest_at, newest_at + SUMMARY.itemsize)
    return (
        _Chunks(slots[has_newest], np.zeros_like(newest_at), newest),
        _Chunks(slots, chunk_of(lives["accepted"]), Spans(text, ids_at, stop)),
    )


def _by_customer(some: _Chunks, others: _Chunks) -> _Chunks:
    """Chunks of one text, each customer's together and in the order of their numbers."""
    slot, number = (np.concatenate(each) for each in zip(some[:2], others[:2], strict=True))
    start, stop = (np.concatenate(each) for each in zip(some.content[1:], others.content[1:], strict=True))
    order = np.lexsort((number, slot))
    return _Chunks(slot[order], number[order], Spans(some.content.text, start[order], stop[order]))
