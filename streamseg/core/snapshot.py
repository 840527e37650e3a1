"""The truth as changelog rows and back: what a partition's table is rebuilt from after a restart.

A customer row holds the life, the decisions, the newest summary and the remembered ids; closed summaries travel in
chunks of 13 windows under keys of their own. Rows carry a version and a checksum; a row that fails either is refused.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from streamseg.core.features import Records
from streamseg.core.remembered import BLOCK
from streamseg.core.rows import CUSTOMER, NEVER_MS, ROW_VERSION, SUMMARY
from streamseg.core.table import CHUNK, CustomerTable
from streamseg.core.windows import Int64Array
from streamseg.errors import InvariantError

_CUSTOMER_KEY: Final = b"c"
_CHUNK_KEY: Final = b"w"
_ID_AT: Final = {_CUSTOMER_KEY: 1, _CHUNK_KEY: 9}
"""Where the customer id begins in a key."""
_HEADER: Final = struct.Struct("<BI")  # version, crc32 of what follows
_NONE, _ONE = bytes([0]), bytes([1])
"""How many newest summaries follow."""
_CHUNK_NUMBER: Final = struct.Struct(">q")

Row = tuple[bytes, bytes | None]


def seal(payload: bytes) -> bytes:
    """Put version and checksum in front."""
    return _HEADER.pack(ROW_VERSION, zlib.crc32(payload)) + payload


def unseal(key: bytes, value: bytes) -> bytes:
    """Check version and checksum and take them off.

    Raises:
        InvariantError: If the row is of another version or was changed.
    """
    version, checksum = _HEADER.unpack_from(value) if len(value) >= _HEADER.size else (0, 0)
    payload = value[_HEADER.size :]
    if version != ROW_VERSION or zlib.crc32(payload) != checksum:
        raise InvariantError(
            f"changelog row {key[:40]!r} has version {version} and {len(value)} bytes; expected version {ROW_VERSION} "
            "with a matching checksum: run the release that wrote it, or rebuild the group's state from the input"
        )
    return payload


def changed_rows(table: CustomerTable) -> list[Row]:
    """Rows of everything that changed since the last call: customers touched, chunks closed, amended or dropped."""
    touched = np.fromiter(table.touched, np.int64, len(table.touched))
    lives = table.rows[touched]
    since_ms = table.watermark_ms - table.spec.allowed_lateness_ms
    full = lives["accepted"] > table.spec.keep_ids + BLOCK
    for slot, accepted in zip(touched[full].tolist(), lives["accepted"][full].tolist(), strict=True):
        table.remembered.prune(slot, accepted, keep=table.spec.keep_ids, since_ms=since_ms)
    at, _ = table.summaries.newest(touched)
    newest = table.summaries.records[at]
    changed: list[Row] = [
        (_CUSTOMER_KEY + table.customer_ids[slot], seal(life + (_ONE + summary if record >= 0 else _NONE) + ids))
        for slot, life, record, summary, ids in zip(
            touched.tolist(),
            _each(lives),
            at.tolist(),
            _each(newest),
            table.remembered.packed(touched),
            strict=True,
        )
    ]
    changed += _chunks(table)
    table.touched.clear()
    table.stale_chunks.clear()
    return changed


def _each(records: Records) -> list[bytes]:
    size, told = records.dtype.itemsize, records.tobytes()
    return [told[start : start + size] for start in range(0, len(told), size)]


def _chunks(table: CustomerTable) -> Iterator[Row]:
    for slot, chunk in table.stale_chunks:
        closed = table.summaries.records[table.summaries.windows_of(slot)[1:]]
        kept = closed[closed["window"] // CHUNK == chunk]
        key = _CHUNK_KEY + _CHUNK_NUMBER.pack(chunk) + table.customer_ids[slot]
        yield key, seal(kept.tobytes()) if len(kept) else None


def restore(table: CustomerTable, rows: Mapping[bytes, bytes], *, watermark_ms: int, swept_ms: int) -> None:
    """Fill an empty table from the last value of every changelog key.

    Args:
        table: Without customers.
        rows: Customer and chunk rows; other keys are passed over.
        watermark_ms, swept_ms: From the partition row.

    Raises:
        InvariantError: If a row is corrupt or of another version.
    """
    table.watermark_ms = watermark_ms
    told: dict[bytes, list[bytes]] = {_CUSTOMER_KEY: [], _CHUNK_KEY: []}
    whose: dict[bytes, list[int]] = {_CUSTOMER_KEY: [], _CHUNK_KEY: []}
    for key, value in rows.items():
        kind = key[:1]
        if kind in told:
            told[kind].append(unseal(key, value))
            whose[kind].append(table.slot(key[_ID_AT[kind] :]))
    newest, newest_slots = _take_up_customers(table, np.array(whose[_CUSTOMER_KEY], np.int64), told[_CUSTOMER_KEY])
    chunks = told[_CHUNK_KEY]
    sizes = np.array([len(payload) for payload in chunks], np.int64) // SUMMARY.itemsize
    closed_slots = np.repeat(np.array(whose[_CHUNK_KEY], np.int64), sizes)
    closed = np.frombuffer(b"".join(chunks), SUMMARY)
    table.summaries.fill(np.concatenate([newest_slots, closed_slots]), np.concatenate([newest, closed]))
    _resume_sweep(table, swept_ms)


def _take_up_customers(table: CustomerTable, slots: Int64Array, payloads: list[bytes]) -> tuple[Records, Int64Array]:
    """Lives, decisions and ids; leaves the newest summaries and whose they are."""
    flag, ids = CUSTOMER.itemsize, CUSTOMER.itemsize + 1
    table.rows[slots] = np.frombuffer(b"".join([payload[:flag] for payload in payloads]), CUSTOMER)
    has_newest = np.array([payload[flag] for payload in payloads], np.int64)
    ends = (ids + has_newest * SUMMARY.itemsize).tolist()
    newest = b"".join([payload[ids:end] for payload, end in zip(payloads, ends, strict=True)])
    blocks = [payload[end:] for payload, end in zip(payloads, ends, strict=True)]
    sizes = np.array([len(block) for block in blocks], np.int64)
    table.remembered.unpack(slots, sizes, b"".join(blocks))
    return np.frombuffer(newest, SUMMARY), slots[has_newest == 1]


def _resume_sweep(table: CustomerTable, swept_ms: int) -> None:
    # A sweep that said nothing wrote no row, so a customer's own due time may lie before what the partition has swept.
    slots = np.arange(len(table))
    due_ms = table.rows["due_ms"][slots]
    behind = slots[(due_ms <= swept_ms) & (due_ms != NEVER_MS)]
    table.rows["due_ms"][behind] = table.next_due_ms(behind, np.full(len(behind), swept_ms))
