"""What a fetch brings: bytes of record batches in, the records that count out, and where to fetch on.

It checks, uncompresses and leaves out what nobody may see (aborted transactions, markers, a batch that was cut off at
the end), as aiokafka's `PartitionRecords` does. fetch.py talks to the brokers, wire/records.py reads the records.

Source: Apache Kafka's documentation, "Message Format: Record Batch" and "Control Batches" (KIP-98).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.errors import CorruptRecordException
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord
from aiokafka.record.util import calc_crc32c

from streamseg.errors import ConfigError
from streamseg.kafka.batch_header import (
    APPEND_TIME,
    CODEC,
    CONTROL,
    CRC_END,
    FORMAT,
    HEADER,
    LENGTH_END,
    MAGIC_AT,
    TRANSACTIONAL,
    BatchHeader,
)
from streamseg.wire.records import BATCH, Records, read_records

Bytes = bytes | memoryview

_CODECS: Final[dict[int, tuple[str, Callable[[bytes], bytes]]]] = {
    1: ("gzip", gzip_decode),
    2: ("snappy", snappy_decode),
    3: ("lz4", lz4_decode),
    4: ("zstd", zstd_decode),
}


def read_batches(
    data: bytes, position: int, aborted: Sequence[tuple[int, int]], *, where: str, check_crcs: bool
) -> tuple[Records, int]:
    """Read one partition's part of a fetch response.

    Args:
        data: Record batches; the last one may be cut off.
        position: Offset that was asked for; records before it are left out.
        aborted: Producer and first offset of each aborted transaction in it, as the broker says.
        where: Names the partition, for messages.
        check_crcs: Compare the checksums of the batches.

    Returns:
        The records, and the offset to fetch next: behind the last whole batch, also where none of its records counts.

    Raises:
        ConfigError: If the topic's format or codec can't be read here.
        CorruptRecordException: If a batch isn't what its header says.
    """
    kept: list[tuple[BatchHeader, Bytes]] = []
    transactions, next_offset = _Transactions(aborted), position
    try:
        for header, payload in _whole_batches(data, where, check_crcs):
            next_offset = header.next_offset
            if not transactions.hide(header, payload):
                kept.append((header, _uncompressed(header, payload, where)))
        return _records(kept, position), next_offset
    except ValueError as reason:
        raise CorruptRecordException(f"{where}: {reason}; see what the broker's log says of the partition") from reason


def _whole_batches(data: bytes, where: str, check_crcs: bool) -> Iterator[tuple[BatchHeader, memoryview]]:
    view, at = memoryview(data), 0
    while len(data) - at >= HEADER.size and data[at + MAGIC_AT] == FORMAT:
        header = BatchHeader._make(HEADER.unpack_from(data, at))
        start, stop = at + HEADER.size, at + LENGTH_END + header.length
        if stop > len(data):
            break
        if stop < start:
            raise ValueError(f"the batch at offset {header.offset} is {header.length} bytes long, less than its header")
        if check_crcs and calc_crc32c(view[at + CRC_END : stop]) != header.crc:
            raise ValueError(f"the batch at offset {header.offset} has another checksum than its header says")
        yield header, view[start:stop]
        at = stop
    if data and at == 0:
        magic = data[MAGIC_AT] if len(data) > MAGIC_AT else FORMAT
        if magic != FORMAT:
            raise ConfigError(
                f"{where} holds records in message format v{magic}, which streamseg doesn't read; copy them to a topic "
                f"with brokers from Kafka 0.11 on, which write v{FORMAT}"
            )
        raise ConfigError(
            f"{where}: a record batch is larger than the {len(data)} bytes that the broker sends at once; lower "
            f"max.message.bytes of the topic"
        )


class _Transactions:
    """Which batches belong to aborted transactions."""

    def __init__(self, aborted: Sequence[tuple[int, int]]) -> None:
        self._coming = sorted(aborted, key=lambda each: each[1], reverse=True)
        self._aborting: set[int] = set()
        """Producers that stand within a transaction that they will abort."""

    def hide(self, header: BatchHeader, payload: Bytes) -> bool:
        """Whether nobody may see a batch. To be asked of every one, in order."""
        while self._coming and self._coming[-1][1] <= header.offset:
            self._aborting.add(self._coming.pop()[0])
        is_aborting = header.producer in self._aborting
        if header.attributes & CONTROL:
            markers = _records([(header, payload)], header.offset) if is_aborting else ()
            if any(ControlRecord.parse(marker.key) == ABORT_MARKER for marker in markers):
                self._aborting.discard(header.producer)
            return True
        return is_aborting and bool(header.attributes & TRANSACTIONAL)


def _uncompressed(header: BatchHeader, payload: memoryview, where: str) -> Bytes:
    codec = header.attributes & CODEC
    if not codec:
        return payload
    if codec not in _CODECS:
        known = ", ".join(name for name, _ in _CODECS.values())
        raise ConfigError(
            f"{where}: record batches are compressed with codec {codec}, which can't be read here; set the topic's "
            f"compression.type to one of {known}, or to uncompressed, before more is written"
        )
    name, decode = _CODECS[codec]
    try:
        return decode(payload.tobytes())
    except Exception as reason:  # each codec has its own
        raise ValueError(f"the batch at offset {header.offset} can't be uncompressed ({name}: {reason!r})") from reason


def _records(batches: Sequence[tuple[BatchHeader, Bytes]], position: int) -> Records:
    text, rows, start = bytearray().join([payload for _, payload in batches]), [], 0
    for header, payload in batches:
        stop, is_appended = start + len(payload), bool(header.attributes & APPEND_TIME)
        base_ms = header.max_ms if is_appended else header.first_ms
        rows.append((start, stop, header.records, header.offset, base_ms, is_appended))
        start = stop
    return read_records(np.frombuffer(text, np.uint8), np.array(rows, BATCH), position)
