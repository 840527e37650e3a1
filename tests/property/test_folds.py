"""The hidden states are a cache: whatever happened since they were made, they equal a fold from zeros."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamseg.core.folds import FoldCache
from streamseg.core.scores import Float32Array
from streamseg.core.table import CustomerTable
from tests.oracle.fake_scorer import FakeScorer
from tests.oracle.partition import ProgramPartition
from tests.oracle.streams import DAY, Move, move_lists, render


@given(moves=move_lists(), size=st.integers(1, 12))
def test_a_cached_fold_equals_one_from_zeros(moves: list[Move], size: int) -> None:
    records = render(moves)
    scorer = FakeScorer()
    program, cache = ProgramPartition(scorer), FoldCache(scorer)
    table = program.pipeline.table
    for start in range(0, len(records), size):
        program.feed(records[start : start + size])
        slots = np.flatnonzero(table.rows["touchpoints"][: len(table)] > 0)
        if len(slots):
            window = table.spec.windows.index_of(table.watermark_ms)
            cached = cache.states(table, slots, window)
            assert [state.tobytes() for state in cached] == [
                from_zeros(table, slot, window, scorer).tobytes() for slot in slots.tolist()
            ]


def test_states_that_nobody_asks_for_make_room_and_come_back_the_same() -> None:
    scorer = FakeScorer()
    program, cache = ProgramPartition(scorer), FoldCache(scorer)
    table = program.pipeline.table
    for record in render([Move(customer=f"c{day}", forward=DAY) for day in range(100)]):
        program.feed([record])
        window = table.spec.windows.index_of(table.watermark_ms)
        cache.states(table, np.array([len(table) - 1]), window)
    assert len(cache) < 25
    slots = np.arange(len(table))
    assert [state.tobytes() for state in cache.states(table, slots, window)] == [
        from_zeros(table, slot, window, scorer).tobytes() for slot in slots.tolist()
    ]
    assert len(cache) == len(table)


def from_zeros(table: CustomerTable, slot: int, window: int, scorer: FakeScorer) -> Float32Array:
    """One customer's state before `window`, folded alone from the anchor or the first touchpoint on."""
    alone = np.array([slot])
    state = np.zeros((1, scorer.state_size), np.float32)
    start = max(table.spec.windows.anchor(window), int(table.first_window(alone)[0]))
    for closed in range(start, window):
        state = scorer.advance(state, table.closed_features(alone, closed, closed + 1)[0])
    return state
