"""From touchpoints to an artefact: better than counting, the same twice, and a clear no where there is too little."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streamseg.core.features import FEATURES
from streamseg.core.scores import Scorer
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import WindowSpec
from streamseg.errors import ConfigError
from streamseg.model.artifact import load
from streamseg.model.calibrate import Calibration, choose_origin
from streamseg.model.fit import fit
from streamseg.model.history import collect
from streamseg.model.judge import calibrate, set_trial
from streamseg.model.replay import replay_scores
from streamseg.model.scorer import ModelScorer
from streamseg.model.train import Trained, TrainingPlan, train
from streamseg.wire.batch import TouchpointBatch
from tests.unit.model.scorers import CENTRES
from tests.unit.model.simulated import DAY_MS, START_MS, a_batch, some_shoppers

PLAN = TrainingPlan(horizon_days=28.0, hidden=12, epochs=12)


@pytest.fixture(scope="module")
def trained() -> Trained:
    """A model of 300 shoppers over half a year."""
    return train(some_shoppers(300, 180), spec=CoreSpec(), plan=PLAN)


def test_learning_beats_the_past_rate(trained: Trained) -> None:
    assert trained.candidate.log_loss < trained.past_rate.log_loss - 0.01
    assert trained.candidate.auc > trained.past_rate.auc
    assert trained.verdict.promote, trained.verdict.reasons


def test_the_forecast_is_calibrated_on_customers_that_the_map_has_not_seen(trained: Trained) -> None:
    assert trained.candidate.ece < 0.1
    assert abs(trained.candidate.bias_pct) < 20.0


def test_a_network_that_promises_twice_too_much_is_brought_half_way_back() -> None:
    history = collect(some_shoppers(150, 180), CoreSpec())
    origin = choose_origin(history.start_ms, history.end_ms, horizon_days=28.0, window_ms=7 * DAY_MS)
    network = fit(
        history,
        until_ms=origin.origin_ms,
        horizon_days=28.0,
        encoder="lstm",
        hidden=4,
        epochs=4,
        max_steps=1_000,
        seed=0,
        progress=lambda share: None,
    )
    trial = set_trial(history, origin)
    honest, _, _ = calibrate(network, trial, horizon_days=28.0)
    network.b_out.data[0] += math.log(2.0)
    boastful, _, _ = calibrate(network, trial, horizon_days=28.0)
    scorer = ModelScorer(network, calibration=Calibration(28.0), behaviours=CENTRES, digest="0" * 64)
    promised = replay_scores(scorer, history, trial.instants).count.sum()
    assert promised > 1.3 * trial.actual.sum()
    assert boastful.level == pytest.approx((trial.actual.sum() / promised) ** 0.5, rel=0.01)
    assert boastful.level < honest.level


def test_the_artefact_says_what_it_is(trained: Trained) -> None:
    manifest = load(trained.artifact, spec=WindowSpec()).manifest
    assert (manifest.encoder, manifest.hidden, manifest.horizon_days) == ("lstm", 12, 28.0)
    assert manifest.customers == 300
    assert START_MS <= manifest.data_from_ms < manifest.data_until_ms < START_MS + 180 * DAY_MS
    assert manifest.metrics["candidate.log_loss"] == trained.candidate.log_loss
    assert {"candidate.ece_touch", "candidate.ece_due", "past_rate.auc"} <= set(manifest.metrics)
    assert manifest.parent is None


def test_its_scorer_is_what_the_core_asks_for(trained: Trained) -> None:
    scorer: Scorer = load(trained.artifact, spec=WindowSpec()).scorer
    scores = scorer.score(np.zeros((3, scorer.state_size), np.float32), np.zeros((3, len(FEATURES)), np.float32))
    assert scores.behaviour_distance.shape == (3, len(scorer.behaviours))
    assert 3 <= len(set(scorer.behaviours)) == len(scorer.behaviours) <= 6


def test_training_twice_gives_the_same_bytes_and_another_seed_gives_others() -> None:
    plan = TrainingPlan(horizon_days=28.0, hidden=4, epochs=1)
    one, two = (train(some_shoppers(60, 100), spec=CoreSpec(), plan=plan).artifact for _ in range(2))
    assert one == two
    other = TrainingPlan(horizon_days=28.0, hidden=4, epochs=1, seed=1)
    assert train(some_shoppers(60, 100), spec=CoreSpec(), plan=other).artifact != one


def test_a_challenger_is_measured_beside_the_incumbent_and_names_it_as_its_parent(trained: Trained) -> None:
    incumbent = load(trained.artifact, spec=WindowSpec())
    plan = TrainingPlan(horizon_days=28.0, hidden=4, epochs=1)
    challenger = train(some_shoppers(300, 180), spec=CoreSpec(), plan=plan, incumbent=incumbent)
    assert challenger.incumbent is not None
    assert challenger.incumbent.rows == challenger.candidate.rows
    successor = load(challenger.artifact, spec=WindowSpec())
    assert successor.manifest.parent == incumbent.version
    went_on = [i for i, overlap in enumerate(successor.behaviours.overlaps) if overlap > 0.0]
    assert went_on
    assert {successor.behaviours.ids[i] for i in went_on} <= set(incumbent.behaviours.ids)
    assert bool(successor.behaviours.remarks) == (set(successor.behaviours.ids) != set(incumbent.behaviours.ids))
    # One pass with four units is no match for it.
    assert not challenger.verdict.promote
    assert any(reason.endswith("(incumbent)") and " exceeds " in reason for reason in challenger.verdict.reasons)


def test_a_horizon_that_does_not_fit_is_judged_on_the_longest_that_does() -> None:
    short = train(some_shoppers(120, 90), spec=CoreSpec(), plan=TrainingPlan(horizon_days=90.0, hidden=4, epochs=1))
    manifest = load(short.artifact, spec=WindowSpec()).manifest
    assert manifest.horizon_days == 90.0
    assert manifest.metrics["origin_horizon_days"] < 60.0
    assert (manifest.calibration["slope"], manifest.calibration["offset"]) == (1.0, 0.0)


def test_progress_tells_the_stages_in_order() -> None:
    told: list[tuple[str, float]] = []
    plan = TrainingPlan(horizon_days=28.0, hidden=4, epochs=2)
    train(some_shoppers(60, 100), spec=CoreSpec(), plan=plan, progress=lambda stage, share: told.append((stage, share)))
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
