"""Another model in mid-stream: what it alone changes is told as reconciled, without an alert, before anything else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamseg.wire import topics
from tests.oracle.compare import assert_same
from tests.oracle.fake_scorer import FakeScorer
from tests.oracle.partition import OraclePartition, ProgramPartition
from tests.oracle.streams import Move, move_lists, render, seeded_moves

MODELS = (
    FakeScorer(),
    FakeScorer(version="fake-b", model_key=202, shift=1.5),
    FakeScorer(version="fake-c", model_key=303, shift=-1.0, behaviours=("loyal", "quiet", "bargain")),
)


@given(
    moves=move_lists(),
    size=st.integers(1, 10),
    models=st.lists(st.sampled_from(MODELS), min_size=1, max_size=5),
    restart=st.booleans(),
)
def test_any_swaps_say_what_the_reference_says(
    moves: list[Move], size: int, models: list[FakeScorer], restart: bool
) -> None:
    records = render(moves)
    oracle, program = OraclePartition(MODELS[0]), ProgramPartition(MODELS[0])
    for turn, start in enumerate(range(0, len(records), size)):
        for partition in (oracle, program):
            partition.swap(models[turn % len(models)])
            partition.feed(records[start : start + size])
        program = program.restarted() if restart else program
    assert_same(oracle, program)


def test_a_long_stream_with_many_swaps_and_restarts_reconciles_and_says_what_the_reference_says() -> None:
    records = render(seeded_moves(21, 240))
    oracle, program = OraclePartition(MODELS[0]), ProgramPartition(MODELS[0])
    for turn, start in enumerate(range(0, len(records), 20)):
        for partition in (oracle, program):
            partition.swap(MODELS[turn % 3])
            partition.feed(records[start : start + 20])
        program = program.restarted() if turn % 2 else program
    assert_same(oracle, program)
    origins = [said.payload["origin"] for said in oracle.said if said.payload and "origin" in said.payload]
    assert origins.count("reconcile") > 20


@given(moves=move_lists(), cut=st.integers(0, 40), model=st.sampled_from(MODELS[1:]))
def test_what_a_new_model_changes_raises_no_alert(moves: list[Move], cut: int, model: FakeScorer) -> None:
    records = render(moves)
    program = ProgramPartition(MODELS[0])
    program.feed(records[:cut])
    program.swap(model)
    program.feed(records[cut:])
    alerts = [said.payload for said in program.said if said.topic == topics.CHURN_ALERTS]
    assert all(alert is not None and alert["origin"] == "live" for alert in alerts)
