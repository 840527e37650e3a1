"""A score belongs to its row: to the bit, wherever the row stands, whatever stands beside it, in whichever thread.

Whatever the model is made of: one network, several, a blend with a classical model, or that one alone.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.core.features import FEATURES
from streamseg.core.scores import Float64Array, Scores
from streamseg.model.calibrate import Calibration
from tests.unit.model.scorers import BLENDS, CENTRES, a_scorer, scorer_of, some_rows


def columns(scores: Scores) -> Float64Array:
    forecasts = (scores.churn_probability, scores.expected_outcomes, scores.expected_value)
    return np.column_stack((*forecasts, scores.value_low, scores.value_high, scores.behaviour_distance))


@pytest.mark.parametrize("name", BLENDS)
@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 700])
def test_no_row_changes_by_a_bit_over_positions_fills_and_batch_sizes(n: int, name: str) -> None:
    scorer = scorer_of(BLENDS[name])
    state, x = some_rows(n, scorer.state_size)
    order = np.random.default_rng(n).permutation(n)
    scored, advanced = columns(scorer.score(state, x)), scorer.advance(state, x)
    assert np.isfinite(scored).all()
    assert np.array_equal(columns(scorer.score(state[order], x[order])), scored[order])
    assert np.array_equal(scorer.advance(state[order], x[order]), advanced[order])
    for row in order[:25]:
        alone = slice(row, row + 1)
        assert np.array_equal(columns(scorer.score(state[alone], x[alone])), scored[alone])
        assert np.array_equal(scorer.advance(state[alone], x[alone]), advanced[alone])


@pytest.mark.parametrize("hidden", [32, 33])
def test_nor_does_the_width_of_the_network_matter(hidden: int) -> None:
    scorer = a_scorer("lstm", hidden=hidden)
    state, x = some_rows(300, scorer.state_size)
    order = np.random.default_rng(hidden).permutation(300)
    scored = columns(scorer.score(state, x))
    assert np.array_equal(columns(scorer.score(state[order], x[order])), scored[order])
    for row in order[:25]:
        assert np.array_equal(columns(scorer.score(state[row : row + 1], x[row : row + 1]))[0], scored[row])


@pytest.mark.parametrize("name", BLENDS)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), before=st.integers(0, 300), after=st.integers(0, 300))
def test_a_row_does_not_see_its_neighbours(name: str, seed: int, before: int, after: int) -> None:
    scorer = scorer_of(BLENDS[name])
    state, x = some_rows(before + 1 + after, scorer.state_size, seed)
    one = some_rows(1, scorer.state_size, 7)
    state[before], x[before] = (rows[0] for rows in one)
    assert np.array_equal(columns(scorer.score(state, x))[before : before + 1], columns(scorer.score(*one)))


@pytest.mark.parametrize("name", BLENDS)
@pytest.mark.parametrize("n", [0, 1, 255, 2_300])
def test_the_risk_alone_is_that_of_the_scores_to_the_bit(n: int, name: str) -> None:
    scorer = scorer_of(BLENDS[name], Calibration(90.0, level=1.2, slope=0.9, offset=0.1))
    rows = some_rows(n, scorer.state_size)
    assert np.array_equal(scorer.risk(*rows), scorer.score(*rows).churn_probability)


@pytest.mark.parametrize("name", BLENDS)
def test_no_rows_give_no_scores(name: str) -> None:
    scorer = scorer_of(BLENDS[name])
    assert columns(scorer.score(*some_rows(0, scorer.state_size))).shape == (0, 8)
    assert scorer.advance(*some_rows(0, scorer.state_size)).shape == (0, scorer.state_size)


@pytest.mark.parametrize("name", BLENDS)
def test_catching_up_is_one_window_after_the_other_to_the_bit(name: str) -> None:
    scorer = scorer_of(BLENDS[name])
    state, _ = some_rows(70, scorer.state_size)
    joined = np.array([3, 3, 49, 70])
    x = some_rows(int(joined.sum()), scorer.state_size, seed=1)[1]
    stepped = state.copy()
    for window in np.split(x, np.cumsum(joined)[:-1]):
        stepped[: len(window)] = scorer.advance(stepped[: len(window)], window)
    assert np.array_equal(scorer.catch_up(state, x, joined), stepped)


@pytest.mark.parametrize("name", BLENDS)
def test_inputs_are_left_as_they_are(name: str) -> None:
    scorer = scorer_of(BLENDS[name])
    state, x = some_rows(5, scorer.state_size)
    copies = state.copy(), x.copy()
    scorer.advance(state, x)
    scorer.catch_up(state, x, np.array([5]))
    scorer.score(state, x)
    assert np.array_equal(state, copies[0])
    assert np.array_equal(x, copies[1])


def test_another_thread_gets_the_same_bits() -> None:
    scorer = scorer_of(BLENDS["shared"])
    rows = some_rows(40, scorer.state_size)
    found: list[Float64Array] = []

    def work() -> None:
        found.append(columns(scorer.score(*rows)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert np.array_equal(found[0], columns(scorer.score(*rows)))


@pytest.mark.parametrize("name", ["one", "shared", "classical"])
def test_calibration_moves_the_risk_as_platt_says_and_the_level_as_a_factor(name: str) -> None:
    blend = BLENDS[name]
    rows = some_rows(50, blend.state_size)
    plain = scorer_of(blend).score(*rows)
    moved = scorer_of(blend, Calibration(90.0, slope=2.0, offset=-0.5)).score(*rows)
    logit = np.log(plain.churn_probability / (1.0 - plain.churn_probability))
    expected = np.clip(1.0 / (1.0 + np.exp(0.5 - 2.0 * logit)), 1e-6, 1.0 - 1e-6)
    assert moved.churn_probability == pytest.approx(expected, rel=1e-6)
    assert np.array_equal(moved.expected_outcomes, plain.expected_outcomes)
    doubled = scorer_of(blend, Calibration(90.0, level=2.0, value_level=1.5)).score(*rows)
    assert doubled.expected_outcomes == pytest.approx(2.0 * plain.expected_outcomes)
    assert doubled.expected_value == pytest.approx(3.0 * plain.expected_value)
    assert doubled.churn_probability == pytest.approx(np.maximum(plain.churn_probability**2, 1e-6), rel=1e-6)


@pytest.mark.parametrize("name", BLENDS)
def test_a_longer_horizon_has_more_outcomes_and_less_churn(name: str) -> None:
    scorer = scorer_of(BLENDS[name])
    rows = some_rows(50, scorer.state_size)
    near, far = scorer.score(*rows), scorer.over(180.0).score(*rows)
    assert (far.expected_outcomes > near.expected_outcomes).all()
    # In exact numbers without any slack; Pareto/NBD is summed up to 1e-7 over the time at which a customer left.
    assert (far.churn_probability <= near.churn_probability + 5e-7).all()
    assert (far.churn_probability < near.churn_probability).mean() > 0.9  # but those who are surely gone
    assert (far.expected_value >= near.expected_value).all()


@pytest.mark.parametrize("name", BLENDS)
@pytest.mark.parametrize("offset", [0.0, -4.0])
def test_the_interval_of_value_opens_above_nothing_and_moves_with_what_is_paid(name: str, offset: float) -> None:
    blend = BLENDS[name]
    rows = some_rows(200, blend.state_size)
    scores = scorer_of(blend, Calibration(90.0, offset=offset)).score(*rows)
    assert (scores.value_low >= 0.0).all()
    assert (scores.value_low <= scores.value_high).all()
    assert (scores.value_low[scores.churn_probability >= 0.1] == 0.0).all()
    assert (scores.value_high[scores.churn_probability >= 0.9] == 0.0).all()
    doubled = scorer_of(blend, Calibration(90.0, offset=offset, value_level=2.0)).score(*rows)
    assert doubled.value_low == pytest.approx(2.0 * scores.value_low)
    assert doubled.value_high == pytest.approx(2.0 * scores.value_high)


def test_distances_are_euclidean_on_the_standardised_axes() -> None:
    scorer = scorer_of(BLENDS["shared"])
    scores = scorer.score(*some_rows(20, scorer.state_size))
    points = np.column_stack(
        (np.log1p(scores.expected_outcomes), 1.0 - scores.churn_probability, np.log1p(scores.expected_value))
    )
    standard = (points - CENTRES.mean) / CENTRES.scale
    expected = np.linalg.norm(standard[:, None] - CENTRES.centres[None], axis=2)
    assert scores.behaviour_distance == pytest.approx(expected)


def test_the_average_is_what_the_model_was_given() -> None:
    assert a_scorer().average.tolist() == np.linspace(0.0, 2.0, len(FEATURES), dtype=np.float32).tolist()


def test_version_and_key_are_the_beginning_of_the_digest() -> None:
    scorer = a_scorer()
    assert scorer.version == "0123456789ab"
    assert scorer.model_key == 0x0123456789ABCDEF >> 1
