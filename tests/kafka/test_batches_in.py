"""What is read of a fetch response is what aiokafka's own reader makes of it; needs no broker."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import example, given
from hypothesis import strategies as st

from streamseg.errors import ConfigError
from streamseg.kafka.batches_in import read_batches
from streamseg.wire.records import Records
from tests.kafka.batches import ABORT, COMMIT, Sent, a_batch, told

HERE = TopicPartition("touchpoints", 0)
CODECS = range(5)
TEXTS = st.none() | st.binary(max_size=200)
HEADERS = st.lists(st.tuples(st.text(max_size=3), TEXTS), max_size=3).map(tuple) | st.just((("h", b""),) * 64)
SENT = st.builds(Sent, TEXTS, TEXTS, st.integers(0, 2**42), HEADERS)
PRODUCERS = st.none() | st.integers(0, 2)
DATA = st.fixed_dictionaries(
    {
        "records": st.lists(SENT, min_size=1, max_size=5),
        "codec": st.sampled_from(CODECS),
        "producer": PRODUCERS,
        "append_ms": st.none() | st.integers(0, 2**42),
        "compacted": st.integers(0, 2),
    }
)
MARKERS = st.fixed_dictionaries(
    {
        "records": st.sampled_from((ABORT, COMMIT)).map(lambda key: [Sent(key, b"\0" * 6)]),
        "producer": st.integers(0, 2),
        "is_control": st.just(True),
    }
)


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    # Hypothesis times each example, and the first one would pay for the compiler.
    read(a_batch([Sent(b"k", b"v")]))


def laid(batches: Sequence[dict[str, Any]]) -> bytes:
    """Batches behind one another, as in a log."""
    data, offset = b"", 0
    for batch in batches:
        data += a_batch(offset=offset, **batch)
        offset += size(batch)
    return data


def size(batch: dict[str, Any]) -> int:
    """How many offsets it takes."""
    return len(batch["records"]) + int(batch.get("compacted", 0))


def read(data: bytes, position: int = 0, aborted: Sequence[tuple[int, int]] = (), **how: Any) -> tuple[Records, int]:
    return read_batches(data, position, aborted, where="touchpoints[0]", **{"check_crcs": True, **how})


@given(
    batches=st.lists(DATA | DATA | MARKERS, min_size=1, max_size=8),
    aborted=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20)), max_size=4),
    position=st.integers(0, 6),
    cut=st.integers(0, 100),
)
@example(
    batches=[
        {"records": [Sent(b"k", b"v")], "producer": 1},
        {"records": [Sent(ABORT, b"\0" * 6)], "producer": 1, "is_control": True},
        {"records": [Sent(b"k", b"w")], "producer": 1},
    ],
    aborted=[(1, 0)],
    position=0,
    cut=0,
)
def test_it_reads_what_the_clients_own_reader_reads(
    batches: list[dict[str, Any]], aborted: list[tuple[int, int]], position: int, cut: int
) -> None:
    position = min(position, size(batches[0]) - 1)  # a broker begins with the batch in which that lies
    data = laid(batches)
    data = data[: max(len(data) - cut, len(laid(batches[:1])))]  # and sends that whole
    theirs = PartitionRecords(HERE, MemoryRecords(data), aborted, position, None, None, True, READ_COMMITTED)
    expected = list(theirs)
    records, next_offset = read(data, position, aborted)
    assert told(records) == told(expected)
    assert next_offset == theirs.next_fetch_offset


@pytest.mark.parametrize("at", [17, 40, 70])
def test_a_batch_with_a_wrong_checksum_is_not_read(at: int) -> None:
    data = bytearray(a_batch([Sent(b"k", b"some value")], 7))
    data[at] ^= 1
    with pytest.raises(CorruptRecordException) as caught:
        read(bytes(data))
    assert str(caught.value).endswith(
        "touchpoints[0]: the batch at offset 7 has another checksum than its header says; see what the broker's log "
        "says of the partition"
    )


def test_without_the_check_a_wrong_checksum_is_none() -> None:
    data = bytearray(a_batch([Sent(b"k", b"v")], 7))
    data[17] ^= 1
    assert [record.offset for record in read(bytes(data), check_crcs=False)[0]] == [7]


def test_a_count_that_is_not_that_of_the_records_is_an_error() -> None:
    for count in (-1, 0, 1, 3, 2**31 - 1):
        data = bytearray(a_batch([Sent(b"k", b"v"), Sent(b"k", b"v")], 7))
        struct.pack_into(">i", data, 57, count)
        with pytest.raises(CorruptRecordException, match="the batch at offset 7 doesn't hold the records it declares"):
            read(bytes(data), check_crcs=False)


def test_records_of_an_old_format_are_refused_with_the_remedy() -> None:
    old = struct.pack(">qiIBB", 0, 22, 0, 1, 0) + bytes(16)
    with pytest.raises(ConfigError) as caught:
        read(old)
    assert str(caught.value) == (
        "touchpoints[0] holds records in message format v1, which streamseg doesn't read; copy them to a topic with "
        "brokers from Kafka 0.11 on, which write v2"
    )


def test_a_batch_that_never_comes_whole_is_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigError) as caught:
        read(a_batch([Sent(b"k", b"v")])[:-1])
    assert str(caught.value) == (
        "touchpoints[0]: a record batch is larger than the 69 bytes that the broker sends at once; lower "
        "max.message.bytes of the topic"
    )


def test_a_codec_that_nobody_knows_is_refused_with_the_remedy() -> None:
    data = bytearray(a_batch([Sent(b"k", b"v")]))
    data[22] |= 7
    with pytest.raises(ConfigError) as caught:
        read(bytes(data), check_crcs=False)
    assert str(caught.value) == (
        "touchpoints[0]: record batches are compressed with codec 7, which can't be read here; set the topic's "
        "compression.type to one of gzip, snappy, lz4, zstd, or to uncompressed, before more is written"
    )


def test_what_a_codec_can_not_undo_is_a_corrupt_batch() -> None:
    data = bytearray(a_batch([Sent(b"k", b"v")], 7))
    data[22] |= 1
    with pytest.raises(CorruptRecordException, match=r"the batch at offset 7 can't be uncompressed \(gzip: "):
        read(bytes(data), check_crcs=False)


def test_an_empty_response_leaves_the_position() -> None:
    records, next_offset = read(b"", 9)
    assert (len(records), next_offset) == (0, 9)
