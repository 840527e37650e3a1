"""The training set is what the worker would have scored: the same rows, the same folds, nothing that was withdrawn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from streamseg.core.folds import FoldCache
from streamseg.core.spec import CoreSpec
from streamseg.core.steps import Steps
from streamseg.core.table import CustomerTable
from streamseg.model.calibrate import Calibration
from streamseg.model.encoders import ENCODERS
from streamseg.model.fit import _Folds
from streamseg.model.history import collect, replay_scores
from streamseg.model.scorer import churn_and_outcomes
from tests.unit.model.scorers import a_scorer
from tests.unit.model.simulated import DAY_MS, START_MS, a_batch, some_shoppers

WEEK_MS = 7 * DAY_MS
SPEC = CoreSpec()


def at(week: int, day: float = 0.0) -> int:
    return START_MS + week * WEEK_MS + int(day * DAY_MS)


def test_a_customer_is_scored_just_after_touchpoints_and_at_the_boundaries_that_nobody_came_before() -> None:
    rows = [("a", "view", at(0), 0.0), ("a", "view", at(0, 1), 0.0), ("a", "purchase", at(2, 3), 9.0)]
    history = collect([a_batch([*rows, ("b", "view", at(4, 1), 0.0)])], SPEC)
    told = [
        (int(history.instants.instant_ms[i]) - START_MS, bool(history.instants.is_touch[i]))
        for i in np.flatnonzero(history.instants.customer == 0)
    ]
    # Gated until the third touchpoint; then the touchpoint, and the boundaries of weeks 3 and 4.
    assert told == [(2 * WEEK_MS + 3 * DAY_MS, True), (3 * WEEK_MS, False), (4 * WEEK_MS, False)]


def test_of_the_touchpoints_of_a_window_one_is_kept_drawn_by_the_seed() -> None:
    rows = [("a", "view", at(week, 0.5 * half), 0.0) for week in range(12) for half in range(10)]
    chosen = [collect([a_batch(rows)], SPEC, seed=seed).instants for seed in (0, 0, 1)]
    touches = [instants.instant_ms[instants.is_touch].tolist() for instants in chosen]
    assert touches[0] == touches[1] != touches[2]
    assert [(instant - START_MS) // WEEK_MS for instant in touches[0]] == list(range(1, 12))


def test_neither_the_order_of_the_touchpoints_nor_the_cut_into_batches_nor_repeats_change_the_history() -> None:
    (batch,) = some_shoppers(20, 90)
    rows = [
        (batch.customer_id[i].decode(), "purchase", int(batch.event_ms[i]), batch.amount_micro[i] / 1e6)
        for i in range(len(batch))
    ]
    whole = a_batch(rows)
    plain, doubled = collect([whole], SPEC), collect([whole, whole], SPEC)
    assert np.array_equal(plain.closed, doubled.closed)
    assert np.array_equal(plain.instants.x, doubled.instants.x)
    assert plain.outcomes.days == doubled.outcomes.days


def test_closed_windows_are_those_that_the_table_describes() -> None:
    (batch,) = some_shoppers(30, 300)
    history = collect([batch], SPEC)
    table = CustomerTable(SPEC)
    slots, admitted = table.admit(batch)
    list(table.observe(batch, slots, admitted, model_key=0))
    last = SPEC.windows.index_of(history.end_ms)
    early = np.flatnonzero(history.first_window <= last - 20)
    expected = table.closed_features(early, last - 20, last)
    for step, window in enumerate(range(last - 20, last)):
        assert np.array_equal(history.closed[history.rows(early, window)], expected[step])


def test_what_came_before_a_withdrawal_of_consent_is_not_learnt_from() -> None:
    rows = [(who, "purchase", at(week), 5.0) for week in range(10) for who in ("gone", "back", "here")]
    consent = [-1] * 30
    consent[3 * 4 + 0] = 0  # "gone" in week 4, for good
    consent[3 * 4 + 1] = 0  # "back" in week 4,
    consent[3 * 6 + 1] = 1  # and again in week 6
    history = collect([a_batch(rows, consent=consent)], SPEC)
    assert history.customers == 2
    assert history.outcomes.days == 10 + 4
    assert sorted(int(ms) for ms in history.first_ms) == [at(0), at(6)]


def test_no_touchpoints_give_an_empty_history() -> None:
    history = collect([], SPEC)
    assert (history.customers, len(history.instants), history.outcomes.days) == (0, 0, 0)


@pytest.mark.parametrize(("encoder", "days"), [("lstm", 120), *((name, 450) for name in ENCODERS)])
def test_scores_of_a_history_are_those_of_the_workers_path_to_the_bit(encoder: str, days: int) -> None:
    (batch,) = some_shoppers(25, days)
    history, scorer = collect([batch], SPEC), a_scorer(encoder)
    which = np.flatnonzero(~history.instants.is_touch)
    asked = history.instants.take(which)
    found = replay_scores(scorer, history, which)["churn"].tolist()
    expected = dict(zip(zip(asked.customer.tolist(), asked.instant_ms.tolist(), strict=True), found, strict=True))

    table, folds = CustomerTable(SPEC), FoldCache(scorer)
    served: dict[tuple[int, int], float] = {}

    def serve(asked: Iterator[Steps]) -> None:
        for steps in asked:
            risk = folds.score(table, steps).churn_probability.tolist()
            served.update(zip(zip(steps.slot.tolist(), steps.instant_ms.tolist(), strict=True), risk, strict=True))

    slots, admitted = table.admit(batch)
    serve(table.observe(batch, slots, admitted, model_key=0))
    while table.backlog():
        serve(table.sweep(50, model_key=0))
    assert len(expected) > 200
    assert {pair: served[pair] for pair in expected} == expected


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_trainers_states_are_the_workers_states(encoder: str) -> None:
    history, scorer = collect(some_shoppers(25, 700), SPEC), a_scorer(encoder)
    network = scorer._network
    folds = _Folds(history, history.instants, network)
    trained = np.full(len(history.instants), np.nan)
    for batch in folds.batches(np.random.default_rng(1)):
        state = None
        for chunk in folds.chunks(batch, 5):
            states, state = folds.unroll(network, batch, chunk, state)
            forecast = network.forecast(states[chunk.step, chunk.sequence], folds.z[chunk.instants])
            assert np.isnan(trained[chunk.instants]).all()  # an instant lies in one fold only
            trained[chunk.instants] = churn_and_outcomes(forecast, torch.tensor(90.0), Calibration(90.0))[1]
    served = replay_scores(scorer, history, np.arange(len(trained)))["outcomes"]
    assert trained == pytest.approx(served, rel=1e-5, abs=1e-5)
