"""A score belongs to its row: to the bit, wherever the row stands, whatever stands beside it, in whichever thread."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.core.features import FEATURES
from streamseg.core.scores import Float32Array, Scores
from streamseg.model.calibrate import Calibration
from streamseg.model.network import Network
from streamseg.model.scorer import NetworkScorer
from streamseg.wire.vocabulary import TYPES
from tests.unit.model.scorers import CENTRES, a_scorer


def some_rows(n: int, seed: int = 0, hidden: int = 8) -> tuple[Float32Array, Float32Array]:
    random = np.random.default_rng(seed)
    state = random.uniform(-1.0, 1.0, (n, 2 * hidden)).astype(np.float32)
    return state, random.normal(size=(n, len(FEATURES))).astype(np.float32)


def columns(scores: Scores) -> np.ndarray:
    forecasts = (scores.churn_probability, scores.expected_outcomes, scores.expected_value)
    return np.column_stack((*forecasts, scores.behaviour_distance))


@pytest.mark.parametrize("hidden", [8, 32, 33])
@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 700])
def test_no_row_changes_by_a_bit_over_positions_fills_and_batch_sizes(n: int, hidden: int) -> None:
    scorer = a_scorer(hidden=hidden)
    state, x = some_rows(n, hidden=hidden)
    order = np.random.default_rng(n).permutation(n)
    scored, advanced = columns(scorer.score(state, x)), scorer.advance(state, x)
    assert np.array_equal(columns(scorer.score(state[order], x[order])), scored[order])
    assert np.array_equal(scorer.advance(state[order], x[order]), advanced[order])
    for row in order[:25]:
        alone = slice(row, row + 1)
        assert np.array_equal(columns(scorer.score(state[alone], x[alone])), scored[alone])
        assert np.array_equal(scorer.advance(state[alone], x[alone]), advanced[alone])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), before=st.integers(0, 300), after=st.integers(0, 300))
def test_a_row_does_not_see_its_neighbours(seed: int, before: int, after: int) -> None:
    scorer = a_scorer()
    state, x = some_rows(before + 1 + after, seed)
    state[before], x[before] = (rows[0] for rows in some_rows(1, 7))
    expected = columns(scorer.score(*some_rows(1, 7)))
    assert np.array_equal(columns(scorer.score(state, x))[before : before + 1], expected)


def test_no_rows_give_no_scores() -> None:
    scorer = a_scorer()
    assert columns(scorer.score(*some_rows(0))).shape == (0, 6)
    assert scorer.advance(*some_rows(0)).shape == (0, 16)


def test_inputs_are_left_as_they_are() -> None:
    state, x = some_rows(5)
    copies = state.copy(), x.copy()
    scorer = a_scorer()
    scorer.advance(state, x)
    scorer.score(state, x)
    assert np.array_equal(state, copies[0])
    assert np.array_equal(x, copies[1])


def test_another_thread_gets_the_same_bits_and_no_gradients() -> None:
    scorer = a_scorer()
    rows = some_rows(40)
    found: list[np.ndarray] = []

    def work() -> None:
        found.append(columns(scorer.score(*rows)))
        assert torch.is_grad_enabled()  # the switch is inside the call, and not left behind

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert np.array_equal(found[0], columns(scorer.score(*rows)))


def test_calibration_moves_the_risk_as_platt_says_and_the_level_as_a_factor() -> None:
    rows = some_rows(50)
    plain = a_scorer().score(*rows)
    moved = a_scorer(calibration=Calibration(90.0, slope=2.0, offset=-0.5)).score(*rows)
    logit = np.log(plain.churn_probability / (1.0 - plain.churn_probability))
    assert moved.churn_probability == pytest.approx(1.0 / (1.0 + np.exp(0.5 - 2.0 * logit)), rel=1e-6)
    assert np.array_equal(moved.expected_outcomes, plain.expected_outcomes)
    doubled = a_scorer(calibration=Calibration(90.0, level=2.0, value_level=1.5)).score(*rows)
    assert doubled.expected_outcomes == pytest.approx(2.0 * plain.expected_outcomes)
    assert doubled.expected_value == pytest.approx(3.0 * plain.expected_value)
    assert (doubled.churn_probability < plain.churn_probability).all()


def test_a_longer_horizon_has_more_outcomes_and_less_churn() -> None:
    rows = some_rows(50)
    near, far = a_scorer().score(*rows), a_scorer().over(180.0).score(*rows)
    assert (far.expected_outcomes > near.expected_outcomes).all()
    assert (far.churn_probability < near.churn_probability).all()


def test_distances_are_euclidean_on_the_standardised_axes() -> None:
    scores = a_scorer().score(*some_rows(20))
    points = np.column_stack(
        (np.log1p(scores.expected_outcomes), 1.0 - scores.churn_probability, np.log1p(scores.expected_value))
    )
    standard = (points - CENTRES.mean) / CENTRES.scale
    expected = np.linalg.norm(standard[:, None] - CENTRES.centres[None], axis=2)
    assert scores.behaviour_distance == pytest.approx(expected)


def test_the_average_is_what_the_network_standardises_by() -> None:
    network = Network(len(FEATURES), len(TYPES), encoder="lstm", hidden=4)
    network.mean = torch.arange(len(FEATURES), dtype=torch.float32)
    scorer = NetworkScorer(network, calibration=Calibration(90.0), behaviours=CENTRES, digest="0123456789abcdef" * 4)
    assert scorer.average.tolist() == list(range(len(FEATURES)))


def test_version_and_key_are_the_beginning_of_the_digest() -> None:
    scorer = a_scorer()
    assert scorer.version == "0123456789ab"
    assert scorer.model_key == 0x0123456789ABCDEF >> 1
