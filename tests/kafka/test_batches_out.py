"""Batches that are laid out from columns are what aiokafka's own reader takes them for."""

from __future__ import annotations

import numpy as np
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.kafka.batches_out import HEADER_BYTES, RecordBatch, record_batches
from streamseg.wire.blocks import block_of
from streamseg.wire.topics import SEGMENT_CHANGES

Pairs = list[tuple[bytes, bytes | None]]
NOW_MS = 1_709_642_096_789


def read(batch: RecordBatch) -> Pairs:
    """The records of one batch, by aiokafka; its header is looked at on the way."""
    batch._set_producer_state(7, 3, 40)
    content = batch._build()
    assert len(content) == batch.size()
    records = MemoryRecords(content)
    found = records.next_batch()
    assert found is not None
    assert found.validate_crc()
    assert found.is_transactional
    assert (found.producer_id, found.base_offset, found.next_offset) == (7, 0, batch.record_count())
    told = list(found)
    assert [(record.offset, record.timestamp, record.headers) for record in told] == [
        (offset, NOW_MS, []) for offset in range(batch.record_count())
    ]
    assert not records.has_next()
    return [(record.key or b"", record.value) for record in told]


@settings(deadline=None)  # the first example compiles
@given(
    pairs=st.lists(st.tuples(st.binary(min_size=1, max_size=200), st.none() | st.binary(max_size=300)), max_size=40),
    limit_bytes=st.integers(HEADER_BYTES + 1, 4_000),
)
def test_every_record_comes_back_in_its_order(pairs: Pairs, limit_bytes: int) -> None:
    rows = np.arange(len(pairs))[::-1]
    batches = list(record_batches(block_of(SEGMENT_CHANGES, pairs), rows, now_ms=NOW_MS, limit_bytes=limit_bytes))
    assert [pair for batch in batches for pair in read(batch)] == pairs[::-1]
    assert all(batch.size() <= limit_bytes or batch.record_count() == 1 for batch in batches)


def test_a_batch_is_filled_as_far_as_it_goes() -> None:
    block = block_of(SEGMENT_CHANGES, [(b"k", b"x" * 400)] * 1_000)
    counts = [
        batch.record_count() for batch in record_batches(block, np.arange(1_000), now_ms=NOW_MS, limit_bytes=100_000)
    ]
    assert counts == [243, 243, 243, 243, 28]
