"""The program against the plain reference: each customer's outputs in order, and the counts, bit for bit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamseg.core.scores import Scorer
from tests.oracle.compare import assert_same
from tests.oracle.fake_scorer import FakeScorer
from tests.oracle.partition import OraclePartition, ProgramPartition
from tests.oracle.streams import DAY, WEEK, Move, Record, move_lists, render, seeded_moves
from tests.oracle.verdict import Rules

OTHER_RULES = Rules(
    window_days=3,
    allowed_lateness_ms=10 * 86_400_000,
    outcome_types=frozenset({"purchase", "click"}),
    churn_horizon_days=60,
    min_touchpoints=1,
    min_age_days=0,
    enter=(0.3, 0.6),
    exit=(0.2, 0.25),
    min_dwell_days=5,
    alert_cooldown_days=3,
    won_back_days=7,
    lapse_days=20,
    behaviour_margin=0.95,
    profile_step=0.03,
    profile_ttl_days=10,
    holdout_percent=50,
    keep_ids=5,
)
"""Every number another one: what the program took for granted would show."""


def both(records: list[Record], rules: Rules, scorer: Scorer) -> tuple[OraclePartition, ProgramPartition]:
    oracle, program = OraclePartition(scorer, rules), ProgramPartition(scorer, rules)
    oracle.feed(records)
    program.feed(records)
    return oracle, program


@given(moves=move_lists())
def test_any_stream_says_what_the_reference_says(moves: list[Move]) -> None:
    assert_same(*both(render(moves), Rules(), FakeScorer()))


@given(moves=move_lists())
def test_any_stream_says_what_the_reference_says_under_other_rules(moves: list[Move]) -> None:
    assert_same(*both(render(moves), OTHER_RULES, FakeScorer(horizon_days=60)))


@pytest.mark.parametrize("seed", range(4))
def test_a_long_stream_says_what_the_reference_says(seed: int) -> None:
    rules = (Rules(), OTHER_RULES)[seed % 2]
    scorer = FakeScorer(horizon_days=rules.churn_horizon_days)
    oracle, program = both(render(seeded_moves(seed, 200)), rules, scorer)
    assert_same(oracle, program)
    assert len(oracle.said) > 100


def test_many_customers_say_what_the_reference_says() -> None:
    customers = [f"customer {number}" for number in range(70)]
    records = render(seeded_moves(31, 220, customers))
    oracle, program = OraclePartition(FakeScorer()), ProgramPartition(FakeScorer())
    oracle.feed(records)
    for start in range(0, len(records), 90):
        program.process(records[start : start + 90])
        program.sweep(70)
        program = program.restarted()
    program.drain()
    assert_same(oracle, program)


@pytest.mark.parametrize("every", [1, 3, 30, 60])
def test_years_of_one_customer_cross_every_anchor_and_say_what_the_reference_says(every: int) -> None:
    moves = [Move(type=("view", "purchase", "click")[turn % 3], forward=every * WEEK) for turn in range(200 // every)]
    watch = [Move(customer="bo", forward=3 * DAY), Move(customer="ada", before_clock=DAY)]
    assert_same(*both(render([each for move in moves for each in (move, *watch)]), Rules(), FakeScorer()))


@given(moves=move_lists(12))
def test_the_first_days_of_1970_say_what_the_reference_says(moves: list[Move]) -> None:
    assert_same(*both(render(moves, start_ms=0), Rules(), FakeScorer()))


@given(moves=move_lists(), days=st.lists(st.integers(0, 50), max_size=4), deferred=st.booleans())
def test_the_wall_clock_between_touchpoints_says_what_the_reference_says(
    moves: list[Move], days: list[int], deferred: bool
) -> None:
    records = render(moves)
    oracle, program = OraclePartition(FakeScorer()), ProgramPartition(FakeScorer())
    part = len(records) // (len(days) + 1) + 1
    for turn, start in enumerate(range(0, len(records), part)):
        chunk = records[start : start + part]
        idle_until_ms = chunk[-1].timestamp + (days[turn] if turn < len(days) else 0) * DAY
        oracle.feed(chunk)
        oracle.advance_clock(idle_until_ms)
        program.process(chunk)
        program.pipeline.advance_clock(idle_until_ms)
        if not deferred:
            program.drain()
    program.drain()
    assert_same(oracle, program)


@given(moves=move_lists())
def test_every_record_is_counted_once(moves: list[Move]) -> None:
    records = render(moves)
    program = ProgramPartition(FakeScorer())
    program.feed(records)
    counts = program.counts
    assert counts["received"] == len(records)
    kinds = ("dead_lettered", "duplicate", "too_late", "suppressed", "scored")
    assert counts["received"] == sum(counts[kind] for kind in kinds)
