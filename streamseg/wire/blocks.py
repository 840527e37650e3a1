"""Records that leave, as columns addressed by topic: what compiled code wrote, until Kafka's batches are made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from streamseg.wire.outputs import Output
from streamseg.wire.spans import Int64Array, Spans, joined, locked
from streamseg.wire.topics import CHANGELOG, CHURN_ALERTS, CUSTOMER_PROFILES, SEGMENT_CHANGES

BLOCK_TOPICS: Final = (SEGMENT_CHANGES, CHURN_ALERTS, CUSTOMER_PROFILES, CHANGELOG)
"""Topics of the records of blocks, by the index that stands in `Block.topic`."""
TOMBSTONE: Final = -1
"""`value.start` of a record without a value."""


@dataclass(frozen=True, slots=True)
class Block:
    """N records without headers, in the order of their causes."""

    topic: Int64Array
    """(N,) index in `BLOCK_TOPICS`."""
    key: Spans
    """(N,)"""
    value: Spans
    """(N,) start and stop `TOMBSTONE` where there is none."""

    def __len__(self) -> int:
        return len(self.topic)

    def __iter__(self) -> Iterator[Output]:
        """Each record as an object, for whoever reads them one by one."""
        keys, values = self.key.text.tobytes(), self.value.text.tobytes()
        spans = zip(*(part.tolist() for part in (*self.key[1:], *self.value[1:])), strict=True)
        for topic, (key, key_end, start, stop) in zip(self.topic.tolist(), spans, strict=True):
            yield Output(BLOCK_TOPICS[topic], keys[key:key_end], None if start == TOMBSTONE else values[start:stop])


def block_of(topic: str, records: Sequence[tuple[bytes, bytes | None]]) -> Block:
    """Keys and values of one topic as a block.

    >>> [record.value for record in block_of("streamseg-changelog", [(b"k", b"v"), (b"k", None)])]
    [b'v', None]
    """
    values = joined([value or b"" for _, value in records])
    gone = np.array([value is None for _, value in records], np.bool_)
    return Block(
        np.full(len(records), BLOCK_TOPICS.index(topic)),
        joined([key for key, _ in records]),
        Spans(values.text, np.where(gone, TOMBSTONE, values.start), np.where(gone, TOMBSTONE, values.stop)),
    )


def in_one(blocks: Sequence[Block]) -> Block:
    """The records of all blocks, in their order."""
    topics = [np.empty(0, np.int64), *(block.topic for block in blocks)]
    return Block(np.concatenate(topics), _end_to_end([b.key for b in blocks]), _end_to_end([b.value for b in blocks]))


def _end_to_end(parts: Sequence[Spans]) -> Spans:
    parts = [Spans(np.empty(0, np.uint8), np.empty(0, np.int64), np.empty(0, np.int64)), *parts]
    before = np.cumsum([0, *(len(part.text) for part in parts)])[:-1].tolist()
    # A tombstone stays one.
    start = [part.start + added * (part.start >= 0) for part, added in zip(parts, before, strict=True)]
    stop = [part.stop + added * (part.stop >= 0) for part, added in zip(parts, before, strict=True)]
    return Spans(locked(np.concatenate([part.text for part in parts])), np.concatenate(start), np.concatenate(stop))
