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
from streamseg.core.rows import CUSTOMER, ROW_VERSION, SUMMARY
from streamseg.core.table import CHUNK, CustomerTable
from streamseg.core.windows import Int64Array
from streamseg.errors import InvariantError

_CUSTOMER_KEY: Final = b"c"
_CHUNK_KEY: Final = b"w"
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
    customers = [key for key in rows if key[:1] == _CUSTOMER_KEY]
    chunks = [key for key in rows if key[:1] == _CHUNK_KEY]
    newest, newest_slots = _take_up_customers(table, customers, [unseal(key, rows[key]) for key in customers])
    closed = [unseal(key, rows[key]) for key in chunks]
    owners = np.array([table.slot(key[1 + _CHUNK_NUMBER.size :]) for key in chunks], np.int64)
    closed_slots = np.repeat(owners, _sizes(closed) // SUMMARY.itemsize)
    table.summaries.fill(
        np.concatenate([newest_slots, closed_slots]),
        np.concatenate([newest, np.frombuffer(b"".join(closed), SUMMARY)]),
    )
    table.resume_sweep(swept_ms)


def _take_up_customers(table: CustomerTable, keys: list[bytes], payloads: list[bytes]) -> tuple[Records, Int64Array]:
    """Take up lives, decisions and ids; gives the newest summaries, and the slots of their customers."""
    slots = np.array([table.slot(key[1:]) for key in keys], np.int64)
    flag, rest = CUSTOMER.itemsize, CUSTOMER.itemsize + 1
    table.rows[slots] = np.frombuffer(b"".join([payload[:flag] for payload in payloads]), CUSTOMER)
    has_newest = np.array([payload[flag] for payload in payloads], np.int64)
    ids_at = (rest + has_newest * SUMMARY.itemsize).tolist()
    newest = b"".join([payload[rest:at] for payload, at in zip(payloads, ids_at, strict=True)])
    ids = [payload[at:] for payload, at in zip(payloads, ids_at, strict=True)]
    table.remembered.unpack(slots, _sizes(ids), b"".join(ids))
    return np.frombuffer(newest, SUMMARY), slots[has_newest == 1]


def _sizes(payloads: list[bytes]) -> Int64Array:
    return np.array([len(payload) for payload in payloads], np.int64)
