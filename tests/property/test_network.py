"""With the real network behind the decisions, all of this holds to the last bit, too: its tiles hide the batch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from streamseg.core.features import FEATURES
from streamseg.model.behaviours import cluster
from streamseg.model.calibrate import Calibration
from streamseg.model.encoders import ENCODERS
from streamseg.model.network import Network
from streamseg.model.scorer import ModelScorer
from streamseg.wire.vocabulary import TYPES
from tests.oracle.compare import assert_same
from tests.oracle.partition import OraclePartition, ProgramPartition
from tests.oracle.streams import render, seeded_moves


def a_restless_network(encoder: str, digest: str) -> ModelScorer:
    """Never trained, with an output layer so wide that its risks cross every threshold."""
    network = Network(len(FEATURES), len(TYPES), encoder=encoder, hidden=8, seed=3)
    network.w_out.data *= 30.0
    points = np.random.default_rng(5).uniform((0.0, 0.0, 0.0), (1.0, 1.0, 6.0), (200, 3))
    return ModelScorer(network, calibration=Calibration(90.0), behaviours=cluster(points), digest=digest)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_with_the_network_a_stream_in_batches_and_restarts_says_what_the_reference_says(encoder: str) -> None:
    records = render(seeded_moves(41, 90))
    scorer = a_restless_network(encoder, "ab" * 32)
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


def test_swaps_through_all_encoders_in_mid_stream_say_what_the_reference_says() -> None:
    records = render(seeded_moves(43, 120))
    scorers = [a_restless_network(name, f"{index}b" * 32) for index, name in enumerate(ENCODERS)]
    oracle, program = OraclePartition(scorers[0]), ProgramPartition(scorers[0])
    for turn, start in enumerate(range(0, len(records), 20)):
        for partition in (oracle, program):
            partition.swap(scorers[turn % len(scorers)])  # states of another size, too
            partition.feed(records[start : start + 20])
    assert_same(oracle, program)
    origins = Counter(said.payload["origin"] for said in oracle.said if said.payload and "origin" in said.payload)
    assert origins["reconcile"] > 0
