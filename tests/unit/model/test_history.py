"""The training set is what the worker would have scored: the same rows, the same folds, nothing that was withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch

from streamseg.core.features import COLUMN
from streamseg.core.folds import FoldCache
from streamseg.core.spec import CoreSpec
from streamseg.core.steps import Steps
from streamseg.core.table import CustomerTable
from streamseg.model.blend import expected
from streamseg.model.encoders import ENCODERS
from streamseg.model.folds import Folds
from streamseg.model.history import collect
from streamseg.model.instants import BOUNDARIES_PER_ACTIVE_WINDOW
from streamseg.model.network import Network
from streamseg.model.replay import replay_scores
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.event_ids import EventIds
from streamseg.wire.spans import Strings, joined
from streamseg.wire.vocabulary import CHANNELS, TYPES
from tests.unit.model.scorers import BLENDS, a_scorer, scorer_of
from tests.unit.model.simulated import DAY_MS, START_MS, a_batch, some_shoppers

WEEK_MS = 7 * DAY_MS
SPEC = CoreSpec()


def at(week: int, day: float = 0.0) -> int:
    return START_MS + week * WEEK_MS + int(day * DAY_MS)


def anything_at_all(customers: int, windows: int, *, seed: int = 0) -> TouchpointBatch:
    """Touchpoints of every type and channel in order, some in one millisecond, some exactly where a window opens."""
    random = np.random.default_rng(seed)
    n = customers * windows
    event_ms = np.sort(random.integers(START_MS, at(windows), n) // (DAY_MS // 8) * (DAY_MS // 8))
    batch = a_batch([(f"c{who}", "view", int(ms), 0.0) for who, ms in zip(random.zipf(1.6, n), event_ms, strict=True)])
    return replace(
        batch,
        type_code=random.integers(0, len(TYPES), n).astype(np.uint8),
        channel_code=random.integers(0, len(CHANNELS), n).astype(np.uint8),
        amount_micro=random.integers(-50_000_000, 90_000_000, n),
        session_hash=random.integers(0, 200, n).astype(np.uint64),
        rating=random.integers(0, 6, n).astype(np.int8),
    )


def clocked(batch: TouchpointBatch) -> TouchpointBatch:
    """The touchpoints, and one more customer's, who opens every window: nobody else moves the watermark into it."""
    windows = range(SPEC.windows.index_of(int(batch.event_ms[-1])) + 1 - SPEC.windows.index_of(START_MS))
    ticks = a_batch([("clock", "view", at(window), 0.0) for window in windows])
    order = np.argsort(np.concatenate((ticks.event_ms, batch.event_ms)), kind="stable")
    columns: dict[str, Any] = {
        column.name: np.concatenate([np.array(getattr(part, column.name)) for part in (ticks, batch)])[order]
        for column in fields(TouchpointBatch)
    }
    columns["customer_id"] = Strings(joined(columns["customer_id"].tolist()))
    columns["event_id"] = EventIds.of(joined([one.encode() for one in columns["event_id"].tolist()]))
    return TouchpointBatch(**columns)


def served(batch: TouchpointBatch, spec: CoreSpec = SPEC) -> tuple[CustomerTable, list[Steps]]:
    """What the worker scores, in order."""
    table = CustomerTable(spec)
    slots, admitted = table.admit(batch)
    steps = list(table.observe(batch, slots, admitted, model_key=0))
    while table.backlog():
        steps += table.sweep(50, model_key=0)
    return table, steps


def test_a_customer_is_scored_just_after_touchpoints_and_at_the_boundaries_that_nobody_came_before() -> None:
    rows = [("a", "view", at(0), 0.0), ("a", "view", at(0, 1), 0.0), ("a", "purchase", at(2, 3), 9.0)]
    history = collect([a_batch([*rows, ("b", "view", at(4, 1), 0.0)])], SPEC)
    mine = history.instants.take(history.instants.customer == 0)
    told = list(zip((mine.instant_ms - START_MS).tolist(), mine.is_touch.tolist(), mine.is_gated.tolist(), strict=True))
    touches = [one for one in told if one[1]]
    # One of the two touchpoints of week 0, and that of week 2, which opens the gate.
    assert touches in ([(day * DAY_MS, True, True), (2 * WEEK_MS + 3 * DAY_MS, True, False)] for day in (0, 1))
    boundaries = [(WEEK_MS, False, True), (2 * WEEK_MS, False, True), (3 * WEEK_MS, False, False)]
    assert [one for one in told if not one[1]] == [*boundaries, (4 * WEEK_MS, False, False)]


def test_of_the_touchpoints_of_a_window_one_is_kept_drawn_by_the_seed() -> None:
    rows = [("a", "view", at(week, 0.5 * half), 0.0) for week in range(12) for half in range(10)]
    chosen = [collect([a_batch(rows)], SPEC, seed=seed).instants for seed in (0, 0, 1)]
    touches = [instants.instant_ms[instants.is_touch].tolist() for instants in chosen]
    assert touches[0] == touches[1] != touches[2]
    assert [(instant - START_MS) // WEEK_MS for instant in touches[0]] == list(range(12))


def test_neither_the_order_of_the_touchpoints_nor_the_cut_into_batches_nor_repeats_change_the_history() -> None:
    (batch,) = some_shoppers(20, 90)
    rows = [
        (batch.customer_id[i].decode(), "purchase", int(batch.event_ms[i]), batch.amount_micro[i] / 1e6)
        for i in range(len(batch))
    ]
    whole = a_batch(rows)
    plain, doubled = collect([whole], SPEC), collect([whole, whole], SPEC)
    shuffled = a_batch([rows[i] for i in np.random.default_rng(0).permutation(len(rows))])
    shuffled = replace(shuffled, event_hash=whole.event_hash[np.random.default_rng(0).permutation(len(rows))])
    for other in (doubled, collect([shuffled], SPEC)):
        assert plain.customer_ids == other.customer_ids
        assert np.array_equal(plain.instants.instant_ms, other.instants.instant_ms)
        assert np.array_equal(plain.features(plain.instants), other.features(other.instants))
        assert plain.outcomes.days == other.outcomes.days


def test_closed_windows_are_those_that_the_table_describes_to_the_bit() -> None:
    batch = anything_at_all(30, 45)
    history, (table, _) = collect([batch], SPEC), served(batch)
    last = SPEC.windows.index_of(history.end_ms)
    first = max(last - 20, SPEC.windows.anchor(last))
    early = np.flatnonzero(history.first_window <= first)
    slots = np.array([table.customer_ids.index(history.customer_ids[customer]) for customer in early])
    found = history.closed_features(early, np.full(len(early), first), last - first)
    assert len(early) > 20
    assert np.array_equal(found, table.closed_features(slots, first, last))


def test_folds_may_start_in_windows_of_their_own() -> None:
    history = collect([anything_at_all(30, 45)], SPEC)
    customer = np.arange(history.customers)[history.first_window < history.first_window.min() + 20]
    start = history.first_window[customer] + customer % 7
    found = history.closed_features(customer, start, 9)
    for index, window in enumerate(start):
        alone = history.closed_features(customer[index : index + 1], np.array([window + 4]), 1)
        assert np.array_equal(found[4, index], alone[0, 0])


def test_every_score_of_the_worker_can_be_asked_for_and_is_made_of_the_same_features_to_the_bit() -> None:
    batch = anything_at_all(40, 30)
    history, (table, steps) = collect([batch], SPEC), served(batch)
    compared = 0
    for some in steps:
        customer = np.array([history.customer_ids.index(table.customer_ids[slot]) for slot in some.slot])
        asked = history.at(customer, some.instant_ms)
        # Of touchpoints in one millisecond the last one's step counts; a boundary with a touchpoint is no silence.
        same_next = (some.slot[1:] == some.slot[:-1]) & (some.instant_ms[1:] == some.instant_ms[:-1])
        last = np.append(~same_next, True) & (asked.is_touch == (some.kind == "touch"))
        assert np.array_equal(history.features(asked.take(last)), some.x[last])
        assert np.array_equal(asked.is_gated[last], some.is_gated[last])
        assert (asked.window == some.window).all()
        compared += int(last.sum())
    assert compared > 1000


def test_at_any_instant_between_only_the_life_ages() -> None:
    rows = [("a", "purchase", at(0), 9.0), ("a", "view", at(2, 1), 0.0), ("a", "view", at(2, 3), 0.0)]
    history = collect([a_batch(rows)], SPEC)
    asked = history.at(np.zeros(3, np.int64), np.array([at(2, 0.5), at(2, 1), at(2, 2)]))
    x = history.features(asked)
    assert asked.is_touch.tolist() == [False, True, False]
    assert asked.is_gated.tolist() == [True, True, True]  # the third touchpoint opens the gate
    assert x[:, COLUMN["window_view"]] == pytest.approx([0.0, np.log(2.0), np.log(2.0)])
    assert x[:, COLUMN["recency_days"]] == pytest.approx(np.log1p([14.5, 0.0, 1.0]))
    assert x[:, COLUMN["elapsed"]] == pytest.approx([0.5 / 7, 1 / 7, 2 / 7])


def test_an_instant_before_the_first_touchpoint_is_refused() -> None:
    history = collect([a_batch([("a", "view", at(1), 0.0)])], SPEC)
    with pytest.raises(ValueError, match="is asked about") as refused:
        history.at(np.zeros(2, np.int64), np.array([at(1), at(1) - 1]))
    assert str(refused.value) == (
        f"customer a is asked about at {at(1) - 1} ms, before the first touchpoint at {at(1)} ms; "
        "ask about later instants"
    )


def test_the_due_boundaries_are_the_workers() -> None:
    batch = clocked(anything_at_all(60, 70))
    patient = replace(SPEC, silent_windows=BOUNDARIES_PER_ACTIVE_WINDOW)  # so short that no boundary has to be left out
    history, (table, steps) = collect([batch], patient), served(batch, patient)
    touched = set(zip(batch.customer_id, batch.event_ms.tolist(), strict=True))
    expected = {
        (table.customer_ids[slot], instant_ms): gated
        for some in steps
        if some.kind == "silence"
        for slot, instant_ms, gated in zip(some.slot, some.instant_ms.tolist(), some.is_gated.tolist(), strict=True)
        if (table.customer_ids[slot], instant_ms) not in touched
    }
    due = history.instants.take(~history.instants.is_touch)
    found = {
        (history.customer_ids[who], when): gated
        for who, when, gated in zip(due.customer, due.instant_ms.tolist(), due.is_gated.tolist(), strict=True)
    }
    assert set(found.values()) == {True, False}
    assert len(found) > 300
    # Who has too few touchpoints to be scored ever, training looks at all the same, and the worker never.
    assert found.items() >= expected.items()
    assert {at for at, gated in found.items() if not gated} == {at for at, gated in expected.items() if not gated}
    assert (due.weight == 1.0).all()


def test_where_a_touchpoint_stands_at_the_boundary_itself_the_customer_is_not_silent_there() -> None:
    days = (0, 1, 2, 14, 21)
    rows = a_batch([("a", "view", at(0, day), 0.0) for day in days])
    history = collect([rows], SPEC)
    known = history.instants.take(~history.instants.is_gated)
    told = list(zip(known.instant_ms.tolist(), known.is_touch.tolist(), strict=True))
    assert told == [(at(1), False), (at(2), True), (at(3), True)]
    _, steps = served(rows)
    alone = [(int(some.instant_ms[-1]), some.kind) for some in steps if not some.is_gated[-1]]
    # Nobody else moved the watermark over week 1 either, so the worker does not look at it.
    assert alone == [(at(2), "touch"), (at(3), "touch")]


def test_long_silence_is_drawn_from_and_what_is_drawn_stands_for_all_of_it() -> None:
    rows = [("quiet", "view", at(0, day), 0.0) for day in range(3)]
    rows += [("lively", "view", at(week, 1), 0.0) for week in range(41)]
    drawn = [collect([a_batch(rows)], SPEC, seed=seed).instants for seed in range(60)]
    quiet = [one.take((one.customer == 1) & ~one.is_touch) for one in drawn]
    assert {len(one) for one in quiet} == {BOUNDARIES_PER_ACTIVE_WINDOW}
    assert {float(one.weight.sum()) for one in quiet} == {40.0}
    # Evenly spaced, and over the seeds all of them.
    assert all(np.diff(one.window).min() >= 40 // BOUNDARIES_PER_ACTIVE_WINDOW for one in quiet)
    assert len({window for one in quiet for window in one.window.tolist()}) == 40
    assert all((one.weight[one.customer == 0] == 1.0).all() for one in drawn)


def test_a_history_holds_what_happened_however_long_the_silence() -> None:
    rows = [(f"c{who}", "view", at(50 * visit, day), 0.0) for who in range(20) for visit in range(3) for day in (1, 2)]
    history = collect([a_batch(rows)], SPEC)
    assert len(history.active.summary) == 20 * 3
    assert len(history.instants) <= 20 * 3 * (1 + BOUNDARIES_PER_ACTIVE_WINDOW)
    last = history.closed_features(np.arange(20), np.full(20, SPEC.windows.index_of(at(99))), 1)[0]
    assert np.expm1(last[:, COLUMN["recency_days"]]) == pytest.approx(50 * 7 - 2)


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


@pytest.mark.parametrize(("name", "days"), [("one", 120), *((name, 450) for name in BLENDS)])
def test_scores_of_a_history_are_those_of_the_workers_path_to_the_bit(
    name: str, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamseg.model.replay._CUSTOMERS_AT_ONCE", 7)  # so few that these are several groups
    batch = clocked(some_shoppers(25, days)[0])
    history, scorer = collect([batch], SPEC), scorer_of(BLENDS[name])
    asked = history.instants.take(~history.instants.is_touch)
    said = replay_scores(scorer, history, asked)
    found = np.column_stack((said.none, said.count, said.value)).tolist()
    asked_of = [history.customer_ids[who] for who in asked.customer.tolist()]
    expected = dict(zip(zip(asked_of, asked.instant_ms.tolist(), strict=True), found, strict=True))

    table, folds = CustomerTable(replace(SPEC, gate_touchpoints=0, gate_age_days=0)), FoldCache(scorer)
    scored: dict[tuple[bytes, int], list[float]] = {}

    def serve(asked: Iterator[Steps]) -> None:
        for steps in asked:
            scores = folds.score(table, steps)
            told = (scores.churn_probability, scores.expected_outcomes, scores.expected_value)
            who = [table.customer_ids[slot] for slot in steps.slot.tolist()]
            pairs = zip(who, steps.instant_ms.tolist(), strict=True)
            scored.update(zip(pairs, np.column_stack(told).tolist(), strict=True))

    slots, admitted = table.admit(batch)
    serve(table.observe(batch, slots, admitted, model_key=0))
    while table.backlog():
        serve(table.sweep(50, model_key=0))
    assert len(expected) > 200
    assert {pair: scored[pair] for pair in expected} == expected


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_trainers_states_are_the_workers_states(encoder: str) -> None:
    history, scorer = collect(some_shoppers(25, 700), SPEC), a_scorer(encoder)
    (served,) = scorer.blend.networks
    network = Network.of(served)
    folds = Folds(history, history.instants)
    trained = np.full(len(history.instants), np.nan)
    for batch in folds.batches(np.random.default_rng(1)):
        state = None
        for chunk in folds.chunks(batch, 5):
            states, state = folds.unroll(network, batch, chunk, state)
            forecast = network.forecast(states[chunk.step, chunk.sequence], folds.z(network, chunk))
            assert np.isnan(trained[chunk.instants]).all()  # an instant lies in one fold only
            trained[chunk.instants] = expected(torch.stack(forecast[:6]).detach().double().numpy(), 90.0).days
    found = replay_scores(scorer, history, history.instants).count
    assert trained == pytest.approx(found, rel=1e-5, abs=1e-5)
