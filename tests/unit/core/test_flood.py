"""A flood under one customer's id: rows stay small and few, the latest ids are known, the oldest are forgotten."""

from __future__ import annotations

import orjson
import pytest

from streamseg.core.remembered import CHUNK_IDS, MOST_IDS
from tests.oracle.fake_scorer import FakeScorer
from tests.oracle.partition import ProgramPartition
from tests.oracle.streams import DAY, MINUTE, MONDAY, Record

FLOOD = 20_000


def touches(numbers: range, event_ms: int = MONDAY) -> list[Record]:
    return [
        Record(
            b"bot",
            orjson.dumps({"event_id": f"e{number}", "customer_id": "bot", "type": "view", "event_time": event_ms}),
            event_ms,
            number,
        )
        for number in numbers
    ]


def flooded(batch: int) -> ProgramPartition:
    program = ProgramPartition(FakeScorer())
    for start in range(0, FLOOD, batch):
        program.process(touches(range(start, min(start + batch, FLOOD))))
    return program


def id_rows(program: ProgramPartition) -> int:
    return sum(key[:1] == b"i" for key in program.rows)


@pytest.mark.parametrize("batch", [FLOOD, 1_500, 32, 7])
def test_a_flood_within_the_lateness_makes_no_row_that_kafka_refuses(batch: int) -> None:
    program = flooded(batch)
    assert max(map(len, program.rows.values())) < 2_000
    assert MOST_IDS // CHUNK_IDS <= id_rows(program) + 1 <= MOST_IDS // CHUNK_IDS + 2


@pytest.mark.parametrize("batch", [FLOOD, 1_500, 32, 7])
def test_the_latest_ids_are_known_and_the_oldest_forgotten_after_a_restart_too(batch: int) -> None:
    # The id that is the 4,096th from the end is known, and so not accepted; those that are older count again.
    for program in (flooded(batch), flooded(batch).restarted()):
        program.process(touches(range(FLOOD - MOST_IDS, FLOOD)))
        assert program.counts["duplicate"] == MOST_IDS
        program.process(touches(range(FLOOD - MOST_IDS - 1, FLOOD - MOST_IDS)))
        assert program.counts["duplicate"] == MOST_IDS


def test_once_the_flood_is_beyond_the_lateness_its_rows_are_deleted() -> None:
    program = flooded(1_500)
    program.process(touches(range(FLOOD, FLOOD + CHUNK_IDS), MONDAY + DAY + MINUTE))
    assert id_rows(program) <= 64 // CHUNK_IDS + 1
    program = program.restarted()
    latest = touches(range(FLOOD + CHUNK_IDS - 64, FLOOD))
    program.process(latest)
    assert program.counts["duplicate"] == len(latest)


@pytest.mark.parametrize("restarted", [False, True])
def test_what_a_touchpoint_writes_goes_with_its_chunk_and_not_with_what_is_remembered(restarted: bool) -> None:
    program = flooded(1_500)
    if restarted:
        program = program.restarted()
    written = []
    for number in (FLOOD, FLOOD + 1):
        effects = program.pipeline.process(touches(range(number, number + 1)), now_ms=None)
        written.append(sorted(row.key[:1] for block in effects.rows for row in block if row.key and b"bot" in row.key))
    # The first begins a chunk, so one is closed.
    assert written == [[b"c", b"i"], [b"c"]]
