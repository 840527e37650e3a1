"""A file for training: what lies before the instant is kept, the rest is counted, and a useless file is refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from streamseg.datasets import jsonl
from streamseg.datasets.past import past_of, read_past
from streamseg.errors import ConfigError
from streamseg.wire.times import parse_rfc3339
from streamseg.wire.touchpoint import DecodeLimits

LINES = [
    b'{"event_id":"e1","customer_id":"c1","type":"view","event_time":"2011-08-31T23:59:59.999Z"}',
    b'{"event_id":"e2","customer_id":"c2","type":"view","event_time":"2011-09-01T00:00:00Z"}',
    b'{"event_id":"e3","customer_id":"c1","type":"purchase","event_time":1262304000000,"amount":2}',
    b'{"event_id":"e4","customer_id":"c1","type":"view","event_time":"soon"}',
    b"not JSON",
]
UNTIL_MS = parse_rfc3339("2011-09-01T00:00:00Z")


def test_what_lies_before_the_instant_is_kept_and_the_rest_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    jsonl.write(path, LINES)
    past = read_past(path, limits=DecodeLimits(), until_ms=UNTIL_MS)
    assert [event for batch in past.batches for event in batch.event_id] == ["e1", "e3"]
    assert past.batches[0].amount_micro.tolist() == [0, 2_000_000]
    assert (past.later, past.refused) == (1, Counter(bad_event_time=1, bad_json=1))


def test_without_an_instant_everything_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    jsonl.write(path, LINES)
    assert len(read_past(path, limits=DecodeLimits())) == 3


def test_a_chunk_without_a_touchpoint_leaves_no_batch() -> None:
    chunks = list(jsonl.chunked(jsonl.records(LINES), 2))
    seen: list[int] = []
    past = past_of(chunks, limits=DecodeLimits(), until_ms=UNTIL_MS, progress=seen.append)
    assert [len(batch) for batch in past.batches] == [1, 1]
    assert seen == [2, 4, 5]


def test_a_file_with_nothing_of_use_is_refused_with_what_was_in_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    jsonl.write(path, [LINES[1], LINES[3]])
    with pytest.raises(ConfigError) as refused:
        read_past(path, limits=DecodeLimits(), until_ms=UNTIL_MS)
    assert str(refused.value) == (
        f"{path} has no touchpoint before 2011-09-01T00:00:00.000Z (1 later ones; lines refused: bad_event_time 1); "
        "give a file with history"
    )
