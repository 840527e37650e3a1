"""The truth as changelog rows and back: what a partition's table is rebuilt from after a restart.

A customer row holds the life, the decisions, the newest summary and the remembered ids; closed summaries travel in
chunks of 13 windows under keys of their own. Rows carry a version and a checksum; a row that fails either is refused.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.core.chains import END, Links
from streamseg.core.features import Records
from streamseg.core.remembered import BLOCK, IDS
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
_CHUNK_KEY: Final = b"w"
_HEADER: Final = struct.Struct("<BI")  # version, the low half of the fingerprint of what follows
_HEADER_BYTES: Final = _HEADER.size
_CUSTOMER_KEY_BYTES: Final = len(_CUSTOMER_KEY)
_CHUNK_KEY_BYTES: Final = len(_CHUNK_KEY) + 8
"""What stands before the customer's id: with a chunk its number, big-endian, as the last part."""


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
    since_ms = table.watermark_ms - table.spec.allowed_lateness_ms
    full = lives["accepted"] > table.spec.keep_ids + BLOCK
    for slot, accepted in zip(touched[full].tolist(), lives["accepted"][full].tolist(), strict=True):
        table.remembered.prune(slot, accepted, keep=table.spec.keep_ids, since_ms=since_ms)
    stale = np.array(list(table.stale_chunks), np.int64).reshape(-1, 2)
    ids, summaries = table.remembered.chains, table.summaries.chains
    # The most that it can be; memory that isn't reached costs nothing.
    most = len(touched) * (_HEADER_BYTES + CUSTOMER.itemsize + 1 + SUMMARY.itemsize)
    most += _count(touched, ids.newest, ids.older) * IDS.itemsize
    most += len(stale) * (_HEADER_BYTES + CHUNK * SUMMARY.itemsize)
    value = Spans(np.empty(most, np.uint8), *np.full((2, len(touched) + len(stale)), TOMBSTONE, np.int64))
    closed = _Chained(_bytes_of(summaries.records), summaries.newest, summaries.older)
    known = _Chained(_bytes_of(ids.records), ids.newest, ids.older)
    size = _write_customers(touched, _bytes_of(lives), closed, known, value)
    size = _write_chunks(stale, closed, summaries.records["window"], value, len(touched), size)
    key = _keys(table.customer_ids.spans(np.concatenate((touched, stale[:, 0]))), stale[:, 1])
    table.touched.clear()
    table.stale_chunks.clear()
    topic = np.full(len(key.start), BLOCK_TOPICS.index(CHANGELOG))
    return Block(topic, key, value._replace(text=value.text[:size].copy()))


def _keys(customers: Spans, chunks: Int64Array) -> Spans:
    """The keys of customer rows, and for the last ones of the customers, of rows of these chunks."""
    is_chunk = np.arange(len(customers.start)) >= len(customers.start) - len(chunks)
    stop = np.cumsum(customers.stop - customers.start + np.where(is_chunk, _CHUNK_KEY_BYTES, _CUSTOMER_KEY_BYTES))
    start = np.concatenate(([0], stop[:-1])) if len(stop) else stop
    key = Spans(np.empty(stop[-1] if len(stop) else 0, np.uint8), start, stop)
    _write_keys(customers, chunks, key)
    return key


@compiled
def _write_keys(customers: Spans, chunks: Int64Array, key: Spans) -> None:
    first = len(key.start) - len(chunks)
    for row in range(len(key.start)):
        at = key.start[row]
        key.text[at] = _CUSTOMER_KEY[0] if row < first else _CHUNK_KEY[0]
        at += 1
        if row >= first:
            for byte in range(8):
                key.text[at + byte] = chunks[row - first] >> (56 - 8 * byte) & 0xFF
            at += 8
        put_word(key.text, at, customers, row)


class _Chained(NamedTuple):
    """Chains as compiled loops read them."""

    content: NDArray[np.uint8]
    """(R, bytes of a record)"""
    newest: Links
    older: Links


def _bytes_of(records: Records) -> NDArray[np.uint8]:
    return records.view(np.uint8).reshape(len(records), records.dtype.itemsize)


@compiled
def _count(slots: Int64Array, newest: Links, older: Links) -> int:
    """Records in the chains of some customers."""
    count = 0
    for slot in slots:
        at = newest[slot]
        while at != END:
            count, at = count + 1, older[at]
    return count


@compiled
def _write_customers(slots: Int64Array, lives: NDArray[np.uint8], closed: _Chained, ids: _Chained, to: Spans) -> int:
    """A life, whether a newest summary follows, that summary, and the remembered ids from old to new."""
    at = 0
    for row in range(len(slots)):
        start, slot = at, slots[row]
        at = _copy(lives, row, to.text, at + _HEADER_BYTES)
        newest = closed.newest[slot]
        to.text[at] = newest != END
        at += 1
        if newest != END:
            at = _copy(closed.content, newest, to.text, at)
        size = ids.content.shape[1]
        block, end = ids.newest[slot], at
        while block != END:
            block, end = ids.older[block], end + size
        block, at = ids.newest[slot], end
        while block != END:
            _copy(ids.content, block, to.text, end - size)
            block, end = ids.older[block], end - size
        _seal(to, row, start, at)
    return at


@compiled
def _write_chunks(stale: Int64Array, closed: _Chained, window: Int64Array, to: Spans, row: int, at: int) -> int:
    """The closed summaries of a chunk from new to old; a chunk that has none left stays a tombstone."""
    for slot, chunk in stale:
        start, one = at, closed.newest[slot]
        at += _HEADER_BYTES
        if one != END:
            one = closed.older[one]
        while one != END:
            if window[one] // CHUNK == chunk:
                at = _copy(closed.content, one, to.text, at)
            one = closed.older[one]
        if at > start + _HEADER_BYTES:
            _seal(to, row, start, at)
        else:
            at = start
        row += 1
    return at


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
    newest_slots, newest = _take_up_customers(table, *_unsealed(rows, _CUSTOMER_KEY, _CUSTOMER_KEY_BYTES))
    owners, closed = _unsealed(rows, _CHUNK_KEY, _CHUNK_KEY_BYTES)
    closed_slots = np.repeat(table.slots(owners), (closed.stop - closed.start) // SUMMARY.itemsize)
    table.summaries.fill(
        np.concatenate([newest_slots, closed_slots]), np.concatenate([newest, packed(closed).text.view(SUMMARY)])
    )
    table.resume_sweep(swept_ms)


def _unsealed(rows: Block, kind: bytes, key_bytes: int) -> tuple[Spans, Spans]:
    """Customer and content of all rows of a kind."""
    its = np.flatnonzero(rows.key.text[rows.key.start] == kind[0])
    keys, values = (told._replace(start=told.start[its], stop=told.stop[its]) for told in (rows.key, rows.value))
    return keys._replace(start=keys.start + key_bytes), unseal(keys, values)


def _take_up_customers(table: CustomerTable, customers: Spans, content: Spans) -> tuple[Int64Array, Records]:
    """Take up lives, decisions and ids; gives the newest summaries behind the slots of their customers."""
    slots, (text, start, stop) = table.slots(customers), content
    flag = start + CUSTOMER.itemsize
    table.rows[slots] = packed(Spans(text, start, flag)).text.view(CUSTOMER)
    has_newest = text[flag] == 1
    newest_at = flag[has_newest] + 1
    ids_at = flag + 1 + has_newest * SUMMARY.itemsize
    ids = packed(Spans(text, ids_at, stop))
    table.remembered.fill(np.repeat(slots, (stop - ids_at) // IDS.itemsize), ids.text.view(IDS))
    return slots[has_newest], packed(Spans(text, newest_at, newest_at + SUMMARY.itemsize)).text.view(SUMMARY)
