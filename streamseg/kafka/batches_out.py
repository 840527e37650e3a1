"""Kafka's record batches made of columns: what a block holds for one partition, laid out by one compiled pass.

Source: Apache Kafka's documentation, "Message Format: Record" (KIP-98). aiokafka's own builder takes one call of Python
for each record; it still makes the batches of the few records that have headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from aiokafka.record.util import calc_crc32c

from streamseg.compiled import compiled
from streamseg.kafka.batch_header import CRC_AT, CRC_END, FORMAT, HEADER, LENGTH_END, TRANSACTIONAL, BatchHeader
from streamseg.wire.blocks import TOMBSTONE, Block
from streamseg.wire.pen import put_word
from streamseg.wire.spans import Int64Array, Spans, UInt8Array

HEADER_BYTES: Final = HEADER.size
_MOST_FRAME_BYTES: Final = 32
"""More than lengths, attributes and deltas of a record take."""


class RecordBatch:
    """One batch of a transaction, as aiokafka's `send_batch` takes it (its `BatchBuilder`, already closed)."""

    def __init__(self, records: bytes, count: int, now_ms: int) -> None:
        self._records, self._count, self._now_ms = records, count, now_ms
        self._producer = (-1, -1, -1)

    def record_count(self) -> int:
        """How many records it holds."""
        return self._count

    def size(self) -> int:
        """Its bytes on the wire."""
        return HEADER_BYTES + len(self._records)

    def close(self) -> None:
        """It takes no more records anyhow."""

    def closed(self) -> bool:
        """Whether it takes no more records."""
        return True

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._producer = (producer_id, producer_epoch, base_sequence)

    def _build(self) -> bytes:
        header = BatchHeader(
            offset=0,
            length=self.size() - LENGTH_END,
            leader_epoch=-1,
            magic=FORMAT,
            crc=0,
            attributes=TRANSACTIONAL,
            last_offset_delta=self._count - 1,
            first_ms=self._now_ms,
            max_ms=self._now_ms,
            producer=self._producer[0],
            producer_epoch=self._producer[1],
            sequence=self._producer[2],
            records=self._count,
        )
        batch = bytearray(HEADER.pack(*header))
        batch += self._records
        batch[CRC_AT:CRC_END] = calc_crc32c(memoryview(batch)[CRC_END:]).to_bytes(4, "big")
        return bytes(batch)


def record_batches(block: Block, rows: Int64Array, *, now_ms: int, limit_bytes: int) -> Iterator[RecordBatch]:
    """Some records of a block, in this order, in batches of at most `limit_bytes` (a larger record is alone in one)."""
    key, value = block.key, block.value
    most = int((key.stop[rows] - key.start[rows] + value.stop[rows] - value.start[rows] + _MOST_FRAME_BYTES).sum())
    text, ends = np.empty(most, np.uint8), np.empty((len(rows), 2), np.int64)
    batches = _lay_out(key, value, rows, limit_bytes - HEADER_BYTES, text, ends)
    start = done = 0
    for end, count in ends[:batches].tolist():
        yield RecordBatch(text[start:end].tobytes(), count - done, now_ms)
        start, done = end, count


@compiled
def _lay_out(key: Spans, value: Spans, rows: Int64Array, limit: int, text: UInt8Array, ends: Int64Array) -> int:
    """Write the records; gives the number of batches, and in `ends` where each ends: in the text and in the rows."""
    at = start = first = batches = 0
    for number in range(len(rows)):
        row = rows[number]
        key_size, value_size = key.stop[row] - key.start[row], value.stop[row] - value.start[row]
        if value.start[row] == TOMBSTONE:
            value_size = -1
        size = _record_size(number - first, key_size, value_size)
        if at + size + _varint_size(size) > start + limit and number > first:
            ends[batches] = at, number
            batches, start, first = batches + 1, at, number
            size = _record_size(0, key_size, value_size)
        at = _put_varint(text, at, size)
        text[at] = 0  # attributes
        at = _put_varint(text, at + 1, 0)  # the time is the batch's
        at = _put_varint(text, at, number - first)
        at = put_word(text, _put_varint(text, at, key_size), key, row)
        at = put_word(text, _put_varint(text, at, value_size), value, row)
        at = _put_varint(text, at, 0)  # headers
    if len(rows):
        ends[batches] = at, len(rows)
        batches += 1
    return batches


@compiled
def _record_size(offset: int, key_size: int, value_size: int) -> int:
    """Bytes behind a record's own length: attributes, time, offset, key, value, and that there are no headers."""
    lengths = _varint_size(offset) + _varint_size(key_size) + _varint_size(value_size)
    return 3 + lengths + key_size + max(value_size, 0)


@compiled
def _varint_size(number: int) -> int:
    rest = np.uint64(number << 1 ^ number >> 63)
    size = 1
    while rest >= np.uint64(0x80):
        rest, size = rest >> np.uint64(7), size + 1
    return size


@compiled
def _put_varint(text: UInt8Array, at: int, number: int) -> int:
    """A signed number, zigzag-encoded, seven bits a byte."""
    rest = np.uint64(number << 1 ^ number >> 63)
    while rest >= np.uint64(0x80):
        text[at] = rest & np.uint64(0x7F) | np.uint64(0x80)
        rest, at = rest >> np.uint64(7), at + 1
    text[at] = rest
    return at + 1
