"""Where a stream is cut changes nothing: batches, sweeps between them, stops and restarts anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.compare import assert_same
from tests.oracle.fake_scorer import FakeScorer
from tests.oracle.partition import ProgramPartition
from tests.oracle.streams import DAY, Move, Record, move_lists, render, seeded_moves
from tests.oracle.verdict import Rules

CUTS = st.lists(st.integers(1, 20), min_size=1, max_size=8)
"""Batch sizes, over and over again until the stream ends."""
SLICES = st.lists(st.integers(0, 3), min_size=1, max_size=5)
"""Customers swept after each batch; 0 = none this time."""
DISORDER = Rules(window_days=1, allowed_lateness_ms=5 * DAY, min_age_days=1)
"""Short windows and a long lateness: closed windows are amended, and made, all the time."""


def batches(records: list[Record], sizes: list[int]) -> list[list[Record]]:
    made: list[list[Record]] = []
    start = 0
    while start < len(records):
        size = sizes[len(made) % len(sizes)]
        made.append(records[start : start + size])
        start += size
    return made


def whole(records: list[Record], rules: Rules | None = None) -> ProgramPartition:
    program = ProgramPartition(FakeScorer(), rules)
    program.feed(records)
    return program


@given(moves=move_lists(), sizes=CUTS, slices=SLICES)
def test_any_split_into_batches_and_sweeps_says_the_same(
    moves: list[Move], sizes: list[int], slices: list[int]
) -> None:
    records = render(moves)
    program = ProgramPartition(FakeScorer())
    for number, batch in enumerate(batches(records, sizes)):
        program.process(batch)
        program.sweep(slices[number % len(slices)])
    program.drain()
    expected = whole(records)
    assert_same(expected, program)
    assert program.state() == expected.state()


@given(moves=move_lists(), sizes=CUTS, slices=SLICES, rules=st.sampled_from((Rules(), DISORDER)))
def test_stopping_and_resuming_anywhere_says_the_same(
    moves: list[Move], sizes: list[int], slices: list[int], rules: Rules
) -> None:
    records = render(moves)
    program = ProgramPartition(FakeScorer(), rules)
    for number, batch in enumerate(batches(records, sizes)):
        program.process(batch)
        program.sweep(slices[number % len(slices)])
        program = program.restarted()
    program.drain()
    assert_same(whole(records, rules), program)


@pytest.mark.parametrize("rules", [Rules(), DISORDER], ids=["default", "disorder"])
def test_a_long_stream_survives_a_restart_after_every_batch(rules: Rules) -> None:
    records = render(seeded_moves(11, 160))
    program = ProgramPartition(FakeScorer(), rules)
    for batch in batches(records, [1, 7, 30, 2]):
        program.process(batch)
        program = program.restarted()
    program.drain()
    assert_same(whole(records, rules), program)


def test_a_long_stream_in_single_records_says_the_same() -> None:
    records = render(seeded_moves(12, 120))
    program = ProgramPartition(FakeScorer())
    for record in records:
        program.process([record])
        program.sweep(1)
    program.drain()
    expected = whole(records)
    assert_same(expected, program)
    assert program.state() == expected.state()
