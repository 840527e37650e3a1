"""Records as columns are the same records, whole or in pieces, and what is corrupt is found within its bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamseg.wire.records import BATCH, NO_RECORDS, Records, joined, read_records
from streamseg.wire.spans import UInt8Array
from streamseg.wire.touchpoint import DecodeLimits, append_ms_of, decode
from tests.kafka.batches import Sent, a_batch, told
from tests.unit.wire.records import Record
from tests.unit.wire.test_scan import LIMITS, RECORDS
from tests.unit.wire.test_scan import told as told_of

HEADER_BYTES = 61
HEADERS = st.lists(st.tuples(st.text(max_size=3), st.binary(max_size=3)), max_size=17).map(tuple)
SENT = st.builds(
    lambda record, headers: Sent(record.key, record.value, abs(record.timestamp), headers), RECORDS, HEADERS
)
BATCHES = st.lists(st.lists(SENT, min_size=1, max_size=5), max_size=3)


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    # Hypothesis times each example, and the first one would pay for the compiler.
    decode(read([[Sent(b"k", b"v", headers=(("h", b""),))]]), limits=DecodeLimits())
    told(read([[Sent(b"k", b"v", headers=(("h", b""),))]]))


def laid(sent: list[list[Sent]], text: bytearray, offset: int = 0) -> Any:
    """Lay batches behind what stands in the text; where they are."""
    rows = []
    for batch in sent:
        start = len(text)
        text += a_batch(batch)[HEADER_BYTES:]
        rows.append((start, len(text), len(batch), offset, batch[0].timestamp, False))
        offset += len(batch)
    return np.array(rows, BATCH)


def read(sent: list[list[Sent]], offset: int = 0) -> Records:
    text = bytearray()
    batches = laid(sent, text, offset)
    return read_records(np.frombuffer(text, np.uint8), batches, 0)


def plain(sent: list[list[Sent]], offset: int = 0) -> list[Record]:
    """The same as objects."""
    return [
        Record(each.key, each.value, each.timestamp, each.headers, offset + index)  # type: ignore[arg-type]
        for index, each in enumerate(each for batch in sent for each in batch)
    ]


@given(sent=BATCHES, cuts=st.tuples(st.integers(0, 15), st.integers(0, 15)))
def test_pieces_that_are_joined_are_what_they_were_cut_from(sent: list[list[Sent]], cuts: tuple[int, int]) -> None:
    whole, (first, last) = read(sent, 5), sorted(cuts)
    pieces = [whole[:first], whole[first:last], whole[last:], read(sent, 50)]
    assert told(whole[first:last]) == told(plain(sent, 5)[first:last])
    assert told(joined(pieces)) == told([*plain(sent, 5), *plain(sent, 50)])
    assert told(joined(pieces[:2])[1:]) == told(plain(sent, 5)[:last][1:])


@given(sent=BATCHES, limits=LIMITS, first=st.integers(0, 5))
@example(sent=[[Sent(b"c-1", b'{"event_id":"e', headers=(("h", b""),) * 17)] * 2], limits=DecodeLimits(), first=1)
@example(sent=[[Sent(b"c-1", b"", headers=(("h", b""),)), Sent(None, None)]], limits=DecodeLimits(), first=0)
def test_columns_are_decoded_as_objects_are(sent: list[list[Sent]], limits: DecodeLimits, first: int) -> None:
    columns, objects = read(sent)[first:], plain(sent)[first:]
    assert told_of(decode(columns, limits=limits)) == told_of(decode(objects, limits=limits))
    assert append_ms_of(columns).tolist() == append_ms_of(objects).tolist()


def test_no_records_are_records_too() -> None:
    assert told(joined([])) == told(joined([NO_RECORDS, NO_RECORDS])) == told(read([])) == []
    assert len(decode(NO_RECORDS, limits=DecodeLimits()).batch) == 0


def test_a_header_whose_name_is_no_utf_8_keeps_its_value() -> None:
    text = bytearray()
    batches = laid([[Sent(None, None, headers=(("ab", b"v"),))]], text)
    text[text.index(b"ab")] = 0xFF
    (record,) = read_records(np.frombuffer(text, np.uint8), batches, 0)
    assert record.headers == [("\N{REPLACEMENT CHARACTER}b", b"v")]


CHANGES = st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), min_size=1, max_size=4)


@given(sent=st.lists(st.lists(SENT, min_size=1, max_size=5), min_size=1, max_size=3), changes=CHANGES)
@example(sent=[[Sent(None, None)]], changes=[(5, 0xFF), (6, 0xFF)])
def test_what_is_made_of_changed_bytes_depends_on_no_byte_outside_the_batches(
    sent: list[list[Sent]], changes: list[tuple[int, int]]
) -> None:
    inner = bytearray()
    batches = laid(sent, inner)
    for at, byte in changes:
        inner[at % len(inner)] = byte
    batches["start"] += 50
    batches["stop"] += 50
    outcomes = [outcome(bytes([fill]) * 50, inner, batches) for fill in (0x00, 0x01, 0x80, 0xFF)]
    assert outcomes == outcomes[:1] * 4


def outcome(around: bytes, inner: bytearray, batches: Any) -> list[tuple[Any, ...]] | str:
    """What is read of batches between other bytes, which must stay as they are."""
    text: UInt8Array = np.frombuffer(bytearray(around + inner + around), np.uint8)
    try:
        return told(read_records(text, batches, 0))
    except ValueError as reason:
        return str(reason)
    finally:
        assert text[: len(around)].tobytes() == text[-len(around) :].tobytes() == around


@pytest.mark.parametrize("count", [-(2**31), -1, 0, 1, 3, 2**31 - 1])
def test_a_count_that_is_not_that_of_the_records_is_an_error(count: int) -> None:
    text = bytearray()
    batches = laid([[Sent(b"k", b"v"), Sent(b"k", b"v")]], text, 7)
    batches["count"] = count
    with pytest.raises(ValueError, match=r"^the batch at offset 7 doesn't hold the records it declares$"):
        read_records(np.frombuffer(text, np.uint8), batches, 0)
