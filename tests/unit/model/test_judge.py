"""What a model is judged on, and the map that mends it: fitted on other customers, followed half-way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streamseg.core.spec import CoreSpec
from streamseg.errors import ConfigError
from streamseg.model.calibrate import TRUST, Calibration, Origin, choose_origin
from streamseg.model.evaluate import ece
from streamseg.model.forecaster import Forecasts
from streamseg.model.history import History, collect
from streamseg.model.judge import Trial, ask, blended, ece_by_kind, fit_map, served_crosswise, set_trial
from streamseg.model.replay import replay_scores
from tests.unit.model.scorers import BLENDS, scorer_of
from tests.unit.model.simulated import DAY_MS, START_MS, a_batch, some_shoppers

SPEC = CoreSpec()
WEEK_MS = 7 * DAY_MS


@pytest.fixture(scope="module")
def history() -> History:
    return collect(some_shoppers(120, 150), SPEC)


@pytest.fixture(scope="module")
def trial(history: History) -> Trial:
    origin = choose_origin(history.start_ms, history.end_ms, horizon_days=28.0, window_ms=WEEK_MS)
    return set_trial(history, origin)


def some_forecasts(trial: Trial, *, noise: float = 1.0, seed: int = 0) -> Forecasts:
    """Half-way between what came and chance."""
    random = np.random.default_rng(seed)
    logit = np.where(trial.actual == 0, 1.0, -1.0) + random.normal(0.0, noise, len(trial.actual))
    none = 1.0 / (1.0 + np.exp(-logit))
    return Forecasts(none, -np.log(none), -20.0 * np.log(none))


def columns(said: Forecasts) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.column_stack((said.none, said.count, said.value))


def test_a_trial_asks_about_drawn_touchpoints_and_at_each_boundary_about_everybody(
    history: History, trial: Trial
) -> None:
    origin, instants = trial.origin, trial.instants
    assert (instants.instant_ms >= origin.origin_ms).all()
    assert (instants.instant_ms <= origin.until_ms).all()
    drawn = history.instants
    inside = (drawn.instant_ms >= origin.origin_ms) & (drawn.instant_ms <= origin.until_ms) & drawn.is_touch
    assert int(instants.is_touch.sum()) == int(inside.sum()) > 100
    boundaries = np.unique(instants.instant_ms[~instants.is_touch])
    assert len(boundaries) in (4, 5)
    assert (SPEC.windows.start_ms(SPEC.windows.index_of(int(boundaries[0]))) == boundaries[0]).all()
    for boundary_ms in boundaries.tolist():
        asked = instants.customer[~instants.is_touch & (instants.instant_ms == boundary_ms)]
        assert len(asked) == len(np.unique(asked)) == int((history.first_ms < boundary_ms).sum())


def test_a_trial_knows_what_came_and_who_had_bought(history: History, trial: Trial) -> None:
    who, when = trial.instants.customer, trial.instants.instant_ms
    assert np.array_equal(trial.actual, history.outcomes.count(who, when, 28 * DAY_MS))
    assert np.array_equal(trial.spend, history.outcomes.net_spend(who, when, 28 * DAY_MS))
    assert np.array_equal(trial.ever, history.outcomes.past_days(who, when) > 0)
    assert trial.fewest_customers() == min(
        len(np.unique(who[trial.actual > 0])), len(np.unique(who[trial.actual == 0]))
    )


def test_nobody_to_be_asked_about_is_said_with_the_span() -> None:
    history = collect([a_batch([("a", "view", START_MS + 80 * DAY_MS, 0.0)])], SPEC)
    origin = Origin(START_MS, START_MS + 3 * DAY_MS, 28.0, complete=True)
    with pytest.raises(ConfigError) as refused:
        set_trial(history, origin)
    assert str(refused.value) == (
        f"nothing to judge a model on: no customer could be scored between {START_MS} and {START_MS + 3 * DAY_MS} ms; "
        "give a longer history"
    )


@pytest.mark.parametrize("name", BLENDS)
def test_a_model_is_asked_as_the_worker_asks_it(name: str, trial: Trial) -> None:
    scorer = scorer_of(BLENDS[name])
    assert np.array_equal(columns(ask(scorer, trial)), columns(replay_scores(scorer, trial.history, trial.instants)))


def test_what_is_served_is_mapped_by_the_outcomes_of_other_customers_alone(trial: Trial) -> None:
    raw = some_forecasts(trial)
    served = columns(served_crosswise(raw, trial))
    half = trial.half
    assert set(trial.instants.customer[half].tolist()).isdisjoint(trial.instants.customer[~half].tolist())
    other_world = np.where(half, 3 * (trial.actual == 0), trial.actual)
    changed = columns(served_crosswise(raw, replace(trial, actual=other_world)))
    assert np.array_equal(changed[half], served[half])
    assert (changed[~half] != served[~half]).all()


def test_a_map_moves_the_level_half_way_to_what_came_and_leaves_the_forecasts_better(trial: Trial) -> None:
    honest = some_forecasts(trial)
    boastful = Forecasts(honest.none**2, 2.0 * honest.count, 2.0 * honest.value)
    levels = {name: fit_map(raw, trial).level for name, raw in (("honest", honest), ("boastful", boastful))}
    assert levels["boastful"] == pytest.approx((trial.actual.sum() / boastful.count.sum()) ** TRUST, rel=0.01)
    assert levels["boastful"] == pytest.approx(levels["honest"] / 2**TRUST, rel=0.01)
    served, bought = served_crosswise(boastful, trial), (trial.actual > 0).astype(np.float64)
    assert ece(1.0 - served.none, bought) < ece(1.0 - boastful.none, bought)


def test_money_is_levelled_after_the_counts_and_refunds_bring_it_down(trial: Trial) -> None:
    raw = some_forecasts(trial)
    found, refunded = (fit_map(raw, one) for one in (trial, replace(trial, spend=trial.spend / 2.0)))
    assert refunded.value_level == pytest.approx(found.value_level / 2.0**TRUST, rel=0.02)
    assert (refunded.level, refunded.slope, refunded.offset) == (found.level, found.slope, found.offset)


def test_a_slope_that_was_found_on_a_shorter_horizon_is_not_used(trial: Trial) -> None:
    raw = some_forecasts(trial, noise=3.0)
    whole = fit_map(raw, trial)
    assert whole.slope < 0.9
    short = fit_map(raw, replace(trial, origin=replace(trial.origin, complete=False)))
    assert (short.slope, short.offset, short.level) == (1.0, 0.0, whole.level)


def test_a_trial_of_one_half_of_the_customers_is_served_unmapped(trial: Trial) -> None:
    which = np.flatnonzero(trial.half)
    alone = replace(
        trial,
        instants=trial.instants.take(which),
        ever=trial.ever[which],
        actual=trial.actual[which],
        spend=trial.spend[which],
    )
    raw = some_forecasts(alone)
    expected = Calibration(28.0).apply(raw)
    assert columns(served_crosswise(raw, alone)) == pytest.approx(columns(expected))


def test_calibration_errors_are_told_apart_by_what_brought_the_score_about(trial: Trial) -> None:
    said = some_forecasts(trial)
    none = np.where(trial.instants.is_touch, said.none, 0.999)
    found = ece_by_kind(Forecasts(none, said.count, said.value), trial)
    bought = trial.actual > 0
    assert found["candidate.ece_due"] == pytest.approx(bought[~trial.instants.is_touch].mean() - 0.001, abs=1e-9)
    assert found["candidate.ece_touch"] < found["candidate.ece_due"]


def test_blending_forecasts_is_what_a_blend_of_models_does(trial: Trial) -> None:
    networks, classical, both = (scorer_of(BLENDS[name]) for name in ("one", "classical", "one"))
    share = np.where(trial.ever, 0.5, 0.0)
    found = blended(ask(networks, trial), ask(classical, trial), share)
    blend = replace(both.blend, classical=classical.blend.classical, share=0.5)
    assert columns(found) == pytest.approx(columns(ask(scorer_of(blend), trial)), rel=1e-9)
