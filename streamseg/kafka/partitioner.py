"""Which partition a customer's key belongs to: the rule of Kafka's own default partitioner (murmur2).

Arrives: key bytes. Leaves: partition numbers. Publishers, replay and the tests share it, so a file that is replayed has
the same customers side by side as the same file on a topic.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from aiokafka.partitioner import murmur2

from streamseg.compiled import compiled
from streamseg.wire.spans import Int64Array, Spans, UInt8Array


@lru_cache(maxsize=1 << 18)
def _positive_hash(key: bytes) -> int:
    # About 5 µs in plain Python for a key of 8 bytes, and 0.1 µs from the cache: customers return.
    return int(murmur2(key)) & 0x7FFF_FFFF


def partition_of(key: bytes, partitions: int) -> int:
    """Say on which partition Kafka's default partitioner puts a record with this key.

    Args:
        key: The record's key; a missing one has no place by this rule.
        partitions: Number of partitions of the topic, at least 1.

    Returns:
        Partition number, 0 to `partitions` - 1.

    Source: `org.apache.kafka.clients.producer.internals.BuiltInPartitioner.partitionForKey`.

    >>> [partition_of(key, 4) for key in (b"12346", b"12347", b"12348")]
    [1, 3, 3]
    """
    return _positive_hash(key) % partitions


def partitions_of(keys: Spans, partitions: int) -> Int64Array:
    """Say on which partition each of N keys belongs: (N,), see `partition_of`.

    >>> from streamseg.wire.spans import joined
    >>> partitions_of(joined([b"12346", b"12347"]), 4)
    array([1, 3])
    """
    found = np.empty(len(keys.start), np.int64)
    _place(keys, partitions, found)
    return found


_M, _SEED = np.uint32(0x5BD1E995), np.uint32(0x9747B28C)


@compiled
def _place(keys: Spans, partitions: int, found: Int64Array) -> None:
    for row in range(len(found)):
        found[row] = (_murmur2(keys.text, keys.start[row], keys.stop[row]) & np.uint32(0x7FFF_FFFF)) % partitions


@compiled
def _murmur2(text: UInt8Array, at: int, stop: int) -> np.uint32:
    """As `org.apache.kafka.common.utils.Utils.murmur2` has it."""
    hash_ = _SEED ^ np.uint32(stop - at)
    while stop - at >= 4:
        word = np.uint32(_word(text, at, 4) * _M)
        word = np.uint32((word ^ (word >> np.uint32(24))) * _M)
        hash_ = np.uint32(hash_ * _M) ^ word
        at += 4
    if at < stop:
        hash_ = np.uint32((hash_ ^ _word(text, at, stop - at)) * _M)
    hash_ = np.uint32((hash_ ^ (hash_ >> np.uint32(13))) * _M)
    return hash_ ^ (hash_ >> np.uint32(15))


@compiled
def _word(text: UInt8Array, at: int, size: int) -> np.uint32:
    word = np.uint32(0)
    for place in range(size):
        word |= np.uint32(text[at + place]) << np.uint32(8 * place)
    return word
