"""From touchpoints to an artefact: better than counting, the same twice, and a clear no where there is too little.

Where no network may serve a classical model does, with the reason written down.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streamseg.core.features import FEATURES
from streamseg.core.scores import Scorer
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import WindowSpec
from streamseg.errors import ConfigError
from streamseg.model.artifact import Artifact, load
from streamseg.model.calibrate import choose_origin
from streamseg.model.history import History, collect
from streamseg.model.judge import Trial, set_trial
from streamseg.model.plan import TrainingPlan
from streamseg.model.replay import replay_next_types, replay_scores
from streamseg.model.train import Trained, train, train_on
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.vocabulary import TYPES
from tests.unit.model.simulated import DAY_MS, START_MS, a_batch, some_shoppers

PLAN = TrainingPlan(horizon_days=28.0, hidden=12, epochs=12, max_steps=400)
SMALL = TrainingPlan(horizon_days=28.0, hidden=4, epochs=1, max_steps=20)


def loaded(trained: Trained) -> Artifact:
    return load(trained.artifact, spec=WindowSpec())


@pytest.fixture(scope="module")
def history() -> History:
    """300 shoppers over half a year."""
    return collect(some_shoppers(300, 180), CoreSpec())


@pytest.fixture(scope="module")
def trained(history: History) -> Trained:
    return train_on(history, plan=PLAN)


def test_learning_beats_every_count_model(trained: Trained) -> None:
    for name in ("pareto_nbd", "bg_nbd", "past_rate"):
        assert trained.candidate.log_loss < trained.evaluations[name].log_loss - 0.01, name
        assert trained.candidate.auc > trained.evaluations[name].auc, name
    assert trained.verdict.promote, trained.verdict.reasons
    assert trained.verdict.serve == "candidate"
    assert trained.served in ("lstm", "lstm+pareto_nbd")


def test_the_forecast_is_calibrated_on_customers_that_the_map_has_not_seen(trained: Trained) -> None:
    assert trained.candidate.ece < 0.1
    assert abs(trained.candidate.bias_pct) < 20.0


def test_it_knows_what_comes_next(trained: Trained, history: History) -> None:
    """Nobody here does anything but look and buy, and all look more often than they buy."""
    everybody = np.arange(history.customers)
    instants = history.at(everybody, np.full(len(everybody), history.end_ms))
    said = replay_next_types(trained.scorer, history, instants)
    assert said.shape == (300, len(TYPES))
    assert said.sum(axis=1) == pytest.approx(np.ones(300))
    view, purchase = TYPES.index("view"), TYPES.index("purchase")
    assert said[:, [view, purchase]].sum(axis=1).mean() > 0.9
    assert 0.45 < said[:, view].mean() < 0.75  # three in five


def test_the_artefact_says_what_it_is(trained: Trained) -> None:
    found = loaded(trained)
    manifest = found.manifest
    assert manifest.networks == ({"encoder": "lstm", "hidden": 12},)
    assert (found.scorer.blend.name, manifest.horizon_days) == (trained.served, 28.0)
    assert manifest.customers == 300
    assert START_MS <= manifest.data_from_ms < manifest.data_until_ms < START_MS + 180 * DAY_MS
    assert manifest.metrics["candidate.log_loss"] == trained.candidate.log_loss
    assert {"candidate.ece_touch", "candidate.ece_due", "past_rate.auc", "bg_nbd.auc"} <= set(manifest.metrics)
    assert manifest.metrics.items() >= trained.figures.items()
    assert manifest.reasons == trained.verdict.reasons
    assert manifest.reference
    assert manifest.parent is None


def test_its_scorer_is_what_the_core_asks_for(trained: Trained) -> None:
    scorer: Scorer = loaded(trained).scorer
    scores = scorer.score(np.zeros((3, scorer.state_size), np.float32), np.zeros((3, len(FEATURES)), np.float32))
    assert scores.behaviour_distance.shape == (3, len(scorer.behaviours))
    assert 3 <= len(set(scorer.behaviours)) == len(scorer.behaviours) <= 6


def test_the_packed_model_forecasts_what_the_refitted_one_does(trained: Trained, history: History) -> None:
    (contender,) = trained.contenders.values()
    some = history.instants.take(np.arange(0, len(history.instants), 7))
    packed = replay_scores(loaded(trained).scorer, history, some)
    assert np.array_equal(contender.forecast(history, some, 28.0).none, packed.none)


def test_training_twice_gives_the_same_bytes_and_another_seed_gives_others() -> None:
    shoppers, plan = some_shoppers(150, 150), replace(SMALL, max_steps=150)
    one, two = (train(shoppers, spec=CoreSpec(), plan=plan) for _ in range(2))
    assert one.artifact == two.artifact
    assert loaded(one).manifest.networks, one.verdict.reasons
    assert train(shoppers, spec=CoreSpec(), plan=replace(plan, seed=1)).artifact != one.artifact


def test_a_challenger_that_loses_to_the_incumbent_is_not_promoted(trained: Trained, history: History) -> None:
    incumbent = loaded(trained)
    challenger = train_on(history, plan=SMALL, incumbent=incumbent)
    assert challenger.evaluations["incumbent"].rows == challenger.candidate.rows
    # One pass with four units is no match for it.
    assert (challenger.verdict.promote, challenger.verdict.serve) == (False, "incumbent")
    assert any(reason.endswith("(incumbent)") and " exceeds " in reason for reason in challenger.verdict.reasons)
    assert challenger.verdict.reasons[-1].startswith("incumbent serves: ")


def test_a_successor_names_its_parent_and_goes_on_with_its_behaviours(trained: Trained, history: History) -> None:
    incumbent = loaded(trained)
    challenger = train_on(history, plan=SMALL, incumbent=incumbent)
    successor = loaded(challenger)
    assert successor.manifest.parent == incumbent.version
    went_on = [i for i, overlap in enumerate(successor.behaviours.overlaps) if overlap > 0.0]
    assert went_on
    assert {successor.behaviours.ids[i] for i in went_on} <= set(incumbent.behaviours.ids)
    assert bool(successor.behaviours.remarks) == (set(successor.behaviours.ids) != set(incumbent.behaviours.ids))
    assert challenger.remarks == successor.behaviours.remarks


def test_two_models_are_compared_on_outcomes_that_the_incumbent_has_not_learnt_from(history: History) -> None:
    (batch,) = some_shoppers(300, 180)
    early = batch.event_ms < START_MS + 140 * DAY_MS
    rows = [
        (batch.customer_id[i].decode(), "purchase" if batch.amount_micro[i] else "view", int(batch.event_ms[i]), 10.0)
        for i in np.flatnonzero(early).tolist()
    ]
    # So long a horizon that a classical model serves: quickly trained.
    incumbent = loaded(train([a_batch(rows)], spec=CoreSpec(), plan=replace(SMALL, horizon_days=300.0)))
    seen_ms = incumbent.manifest.data_until_ms
    assert START_MS + 138 * DAY_MS < seen_ms < START_MS + 140 * DAY_MS
    alone, after = (train_on(history, plan=SMALL, incumbent=one) for one in (None, incumbent))
    origins = [loaded(one).manifest.metrics["origin_ms"] for one in (alone, after)]
    assert origins[0] < seen_ms <= origins[1]
    assert after.evaluations["incumbent"].rows == after.candidate.rows < alone.candidate.rows


def test_a_warm_start_is_ahead_of_a_cold_one_after_as_many_steps(trained: Trained, history: History) -> None:
    plan = replace(PLAN, max_steps=1)  # one pass
    warm, cold = (train_on(history, plan=plan, warm=one) for one in (loaded(trained), None))
    assert warm.candidate.log_loss < cold.candidate.log_loss - 0.005
    assert loaded(warm).manifest.parent is None


def test_a_horizon_that_does_not_fit_is_judged_on_the_longest_that_does() -> None:
    short = loaded(train(some_shoppers(200, 90), spec=CoreSpec(), plan=replace(SMALL, horizon_days=90.0)))
    assert short.manifest.reasons[0].startswith("log loss ")  # networks were tried
    assert short.manifest.horizon_days == 90.0
    assert short.manifest.metrics["origin_horizon_days"] < 60.0
    assert (short.manifest.calibration["slope"], short.manifest.calibration["offset"]) == (1.0, 0.0)


def test_too_few_customers_of_a_class_leave_pareto_nbd_to_serve_and_say_so() -> None:
    history = collect(some_shoppers(60, 120), CoreSpec())
    few = train_on(history, plan=SMALL)
    fewest = _trial_of(history).fewest_customers()
    assert fewest < 50
    assert few.served == "pareto_nbd"
    assert few.verdict.promote
    assert few.verdict.serve == "pareto_nbd"
    assert few.verdict.reasons[0] == (
        f"{fewest} customers of one class are too few to learn from, at least 50 needed: pareto_nbd serves"
    )
    _is_classical_alone(loaded(few), "pareto_nbd", history)


def test_too_little_to_judge_by_takes_a_serving_model_not_away() -> None:
    history = collect(some_shoppers(60, 120), CoreSpec())
    few = train_on(history, plan=SMALL, incumbent=loaded(train_on(history, plan=SMALL)))
    assert (few.verdict.promote, few.verdict.serve) == (False, "incumbent")
    assert few.verdict.reasons[0].endswith(
        " customers of one class are too few to learn from, at least 50 needed: incumbent serves"
    )


def test_a_horizon_longer_than_the_history_leaves_pareto_nbd_to_serve_and_says_so() -> None:
    history = collect(some_shoppers(200, 120), CoreSpec())
    long = train_on(history, plan=replace(SMALL, horizon_days=200.0))
    assert (long.served, long.verdict.promote, long.verdict.serve) == ("pareto_nbd", True, "pareto_nbd")
    assert long.verdict.reasons[0] == (
        "a horizon of 200 days is longer than the 120 days of history, and no network learns what it has never seen: "
        "pareto_nbd serves"
    )
    found = loaded(long)
    assert found.manifest.horizon_days == 200.0
    _is_classical_alone(found, "pareto_nbd", history)


def test_where_the_gate_refuses_the_networks_a_classical_model_is_packed_and_serves() -> None:
    history = collect(_steady_buyers(240, 150), CoreSpec())
    refused = train_on(history, plan=replace(SMALL, hidden=1, max_steps=1))
    assert refused.served in ("pareto_nbd", "bg_nbd", "past_rate")
    assert (refused.verdict.promote, refused.verdict.serve) == (True, refused.served)
    assert any(" exceeds " in reason for reason in refused.verdict.reasons)
    assert refused.verdict.reasons[-1].startswith(f"{refused.served} serves: least log loss of the classical models, ")
    assert refused.candidate == refused.evaluations[refused.served]
    _is_classical_alone(loaded(refused), refused.served, history)


def _steady_buyers(customers: int, days: int) -> list[TouchpointBatch]:
    """Everybody buys at a rate of his own, very different ones, for ever: counting is all that there is to know."""
    random = np.random.default_rng(0)
    rows = []
    for index in range(customers):
        rate = random.gamma(0.5, 0.12) + 0.004
        at = random.uniform(0.0, 15.0)
        while at < days:
            rows.append((f"c{index}", "purchase", START_MS + int(at * DAY_MS), 20.0))
            at += random.exponential(1.0 / rate)
    return [a_batch(sorted(rows, key=lambda row: row[2]))]


def _trial_of(history: History) -> Trial:
    origin = choose_origin(history.start_ms, history.end_ms, horizon_days=28.0, window_ms=7 * DAY_MS)
    return set_trial(history, origin)


def _is_classical_alone(found: Artifact, name: str, history: History) -> None:
    """It has no networks, and scores everybody."""
    assert (found.manifest.networks, found.manifest.share, found.scorer.state_size) == ((), 1.0, 0)
    assert found.scorer.blend.name == name
    said = replay_scores(found.scorer, history, history.instants)
    assert np.isfinite((said.none, said.count, said.value)).all()
    assert len(np.unique(said.none)) > 100


def test_every_contender_is_refitted_if_that_is_asked_for(history: History) -> None:
    plan = replace(SMALL, encoders=("lstm", "gru"), hidden=2, max_steps=1)
    found = train_on(history, plan=plan, compare_all=True)
    assert {"lstm", "gru", "gru+lstm", found.served} <= set(found.contenders)
    some = history.instants.take(np.arange(100))
    for name, one in found.contenders.items():
        assert one.name == name
        assert np.isfinite(one.forecast(history, some, 56.0).none).all()


def test_progress_tells_the_stages_in_order(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamseg.model.fit.LEAST_STEPS", 1)
    told: list[tuple[str, float]] = []

    def tell(stage: str, share: float) -> None:
        told.append((stage, share))

    plan = replace(PLAN, epochs=2, max_steps=1_000)
    train(some_shoppers(300, 180), spec=CoreSpec(), plan=plan, warm=loaded(trained), progress=tell)
    assert told == [
        ("reading the history", 0.0),
        ("reading the history", 1.0),
        ("fitting before the origin", 0.0),
        ("fitting before the origin", 0.5),
        ("fitting before the origin", 1.0),
        ("fitting on all", 0.0),
        ("fitting on all", 0.5),
        ("fitting on all", 1.0),
    ]


def test_too_few_customers_are_refused() -> None:
    assert _refusal(some_shoppers(49, 120)) == (
        "nothing to train on: 49 customers, at least 50 needed; give a longer or larger history"
    )


def test_touchpoints_without_an_outcome_are_refused() -> None:
    views = [(f"c{i % 60}", "view", START_MS + i * DAY_MS // 4, 0.0) for i in range(600)]
    assert _refusal([a_batch(views)]) == (
        "nothing to train on: no touchpoint of an outcome type (purchase, renew); give a longer or larger history"
    )


def test_a_short_history_is_refused() -> None:
    assert _refusal(some_shoppers(200, 30)).endswith(
        " days of touchpoints, at least 56 needed; give a longer or larger history"
    )


def test_an_empty_history_is_refused() -> None:
    assert _refusal([]).startswith("nothing to train on: 0 customers")


def _refusal(batches: list[TouchpointBatch]) -> str:
    with pytest.raises(ConfigError) as refused:
        train(batches, spec=CoreSpec(), plan=PLAN)
    return str(refused.value)
