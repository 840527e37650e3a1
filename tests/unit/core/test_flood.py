"""A flood under one customer's id: the row stays small, the latest ids are known, the oldest are forgotten."""

from __future__ import annotations

import orjson
import pytest

from streamseg.core.remembered import MOST_IDS
from streamseg.pipeline import Pipeline, Rules
from tests.oracle.fake_scorer import FakeScorer
from tests.oracle.streams import MINUTE, MONDAY, Record

FLOOD = 20_000


def touch(number: int) -> Record:
    said = {"event_id": f"e{number}", "customer_id": "bot", "type": "view", "event_time": MONDAY + MINUTE}
    return Record(b"bot", orjson.dumps(said), MONDAY + MINUTE, number)


@pytest.mark.parametrize("batch", [FLOOD, 1_500])
def test_a_flood_within_the_lateness_makes_no_row_that_kafka_refuses(batch: int) -> None:
    pipeline = Pipeline(Rules(), FakeScorer())
    largest = 0
    for start in range(0, FLOOD, batch):
        effects = pipeline.process([touch(start + number) for number in range(min(batch, FLOOD - start))], now_ms=None)
        largest = max(largest, *(len(row.value or b"") for block in effects.rows for row in block))
    assert MOST_IDS * 16 < largest < MOST_IDS * 16 + 2_000
    # The id that is the 4,096th from the end is known, and so not accepted; those that are older count again.
    counts = [
        pipeline.process([touch(number)], now_ms=None).counts for number in (FLOOD - MOST_IDS, FLOOD - MOST_IDS - 1)
    ]
    assert [one.duplicate for one in counts] == [1, 0]
