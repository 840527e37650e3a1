"""The header of a record batch, as fetches bring it and commits send it.

Source: Apache Kafka's documentation, "Message Format: Record Batch" (KIP-98), version 2.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

HEADER: Final = struct.Struct(">qiibIhiqqqhii")
"""Of a `BatchHeader`."""
LENGTH_END: Final = 12
"""The length of a batch counts from here."""
MAGIC_AT: Final = 16
CRC_AT: Final = 17
CRC_END: Final = 21
"""The checksum (CRC-32C) is of all that follows it."""
FORMAT: Final = 2
CODEC, APPEND_TIME, TRANSACTIONAL, CONTROL = 0x07, 0x08, 0x10, 0x20
"""Bits of a batch's attributes."""


class BatchHeader(NamedTuple):
    """What stands in front of a batch's records."""

    offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    first_ms: int
    max_ms: int
    producer: int
    producer_epoch: int
    sequence: int
    records: int

    @property
    def next_offset(self) -> int:
        """Behind the batch, also where its last records were compacted away."""
        return self.offset + self.last_offset_delta + 1
