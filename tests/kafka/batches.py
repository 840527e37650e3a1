"""Record batches as brokers send them, made by aiokafka's own builder."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

ABORT, COMMIT = struct.pack(">HH", 0, 0), struct.pack(">HH", 0, 1)
_CRC_AT, _CRC_END, _LAST_DELTA_AT, _MAX_TIMESTAMP_AT = 17, 21, 23, 35
_APPEND_TIME, _CONTROL = 0x08, 0x20


@dataclass(frozen=True, slots=True)
class Sent:
    """One record as a publisher sends it."""

    key: bytes | None
    value: bytes | None
    timestamp: int = 1_700_000_000_000
    headers: tuple[tuple[str, bytes | None], ...] = ()


def a_batch(
    records: Sequence[Sent],
    offset: int = 0,
    *,
    codec: int = 0,
    producer: int | None = None,
    append_ms: int | None = None,
    is_control: bool = False,
    compacted: int = 0,
) -> bytes:
    """One batch.

    Args:
        records: At least one.
        offset: Of the first record.
        codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
        producer: Of a transaction; None = without one.
        append_ms: The broker's time for all records, on a topic that keeps that one.
        is_control: The record is a marker.
        compacted: So many records behind the last one are compacted away.
    """
    builder = DefaultRecordBatchBuilder(
        2,
        codec,
        is_transactional=int(producer is not None),
        producer_id=-1 if producer is None else producer,
        producer_epoch=0,
        base_sequence=0,
        batch_size=2**30,
    )
    for delta, record in enumerate(records):
        builder.append(delta, record.timestamp, record.key, record.value, list(record.headers))
    batch = bytearray(builder.build())
    struct.pack_into(">q", batch, 0, offset)
    struct.pack_into(">i", batch, _LAST_DELTA_AT, len(records) - 1 + compacted)
    if append_ms is not None:
        batch[_CRC_END + 1] |= _APPEND_TIME
        struct.pack_into(">q", batch, _MAX_TIMESTAMP_AT, append_ms)
    if is_control:
        batch[_CRC_END + 1] |= _CONTROL
    struct.pack_into(">I", batch, _CRC_AT, calc_crc32c(bytes(batch[_CRC_END:])))
    return bytes(batch)


def told(records: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All that a reader tells of records, comparable."""
    return [(each.offset, each.timestamp, each.key, each.value, list(each.headers)) for each in records]
