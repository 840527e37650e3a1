"""With real models behind the decisions, all of this holds to the last bit, too.

One network, several, a blend with a classical model, and that one alone, which has no state to fold.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.model.calibrate import Calibration
from streamseg.model.scorer import ModelScorer
from tests.oracle.compare import assert_same
from tests.oracle.partition import OraclePartition, ProgramPartition
from tests.oracle.streams import Move, move_lists, render, seeded_moves
from tests.unit.model.scorers import BLENDS, scorer_of

RESTLESS = Calibration(90.0, slope=3.0, offset=-2.0)
"""A map under which the risks of models that were never trained cross every threshold."""


def a_restless_model(name: str) -> ModelScorer:
    """Another version for each name."""
    return scorer_of(BLENDS[name], RESTLESS, digest=f"{list(BLENDS).index(name)}b" * 32)


@pytest.mark.parametrize("name", BLENDS)
def test_with_a_real_model_a_stream_in_batches_and_restarts_says_what_the_reference_says(name: str) -> None:
    records = render(seeded_moves(41, 90))
    scorer = a_restless_model(name)
    oracle, program = OraclePartition(scorer), ProgramPartition(scorer)
    oracle.feed(records)
    for start in range(0, len(records), 40):
        program.process(records[start : start + 40])
        program.sweep(3)
        program = program.restarted()
    program.drain()
    assert_same(oracle, program)
    kinds = Counter(said.payload["kind"] for said in oracle.said if said.payload and "kind" in said.payload)
    assert kinds["changed"] > 10


def test_swaps_through_all_of_them_in_mid_stream_say_what_the_reference_says() -> None:
    records = render(seeded_moves(43, 140))
    scorers = [a_restless_model(name) for name in BLENDS]
    oracle, program = OraclePartition(scorers[0]), ProgramPartition(scorers[0])
    for turn, start in enumerate(range(0, len(records), 20)):
        for partition in (oracle, program):
            partition.swap(scorers[turn % len(scorers)])  # states of another size, or none at all
            partition.feed(records[start : start + 20])
        program = program.restarted() if turn % 3 == 2 else program
    assert_same(oracle, program)
    assert {scorer.version for scorer in scorers} <= {
        said.payload["model_version"] for said in oracle.said if said.payload and "model_version" in said.payload
    }
    origins = Counter(said.payload["origin"] for said in oracle.said if said.payload and "origin" in said.payload)
    assert origins["reconcile"] > 0


@settings(max_examples=15)
@given(
    moves=move_lists(25),
    size=st.integers(1, 10),
    names=st.lists(st.sampled_from(["one", "shared", "classical"]), min_size=2, max_size=4),
)
def test_any_swaps_between_networks_blends_and_classical_models_say_what_the_reference_says(
    moves: list[Move], size: int, names: list[str]
) -> None:
    records, scorers = render(moves), [a_restless_model(name) for name in names]
    oracle, program = OraclePartition(scorers[0]), ProgramPartition(scorers[0])
    for turn, start in enumerate(range(0, len(records), size)):
        for partition in (oracle, program):
            partition.swap(scorers[turn % len(scorers)])
            partition.feed(records[start : start + size])
    assert_same(oracle, program)
