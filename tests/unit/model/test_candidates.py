"""Of blends the better one is chosen, of equals the steadier one; what was chosen is fitted again on everything."""

from __future__ import annotations

import numpy as np
import pytest

from streamseg.core.spec import CoreSpec
from streamseg.model.calibrate import choose_origin
from streamseg.model.candidates import (
    PARTNER,
    SHARES,
    TIE,
    USUAL_SHARE,
    Candidate,
    Fits,
    choose,
    foremost,
)
from streamseg.model.classical import day_spend
from streamseg.model.forecaster import Forecasts
from streamseg.model.history import History, collect
from streamseg.model.judge import Trial, set_trial
from streamseg.model.plan import TrainingPlan
from tests.unit.model.simulated import DAY_MS, some_shoppers


@pytest.fixture(scope="module")
def history() -> History:
    return collect(some_shoppers(100, 150), CoreSpec())


@pytest.fixture(scope="module")
def trial(history: History) -> Trial:
    origin = choose_origin(history.start_ms, history.end_ms, horizon_days=28.0, window_ms=7 * DAY_MS)
    return set_trial(history, origin)


def fits_of(history: History, *encoders: str, seeds: int = 1) -> Fits:
    plan = TrainingPlan(horizon_days=28.0, encoders=encoders, seeds=seeds, hidden=4, epochs=1, max_steps=30)
    return Fits(history, plan, None, lambda stage, share: None)


def told(trial: Trial, none: float, if_bought: float) -> Forecasts:
    """The same of all to whom the same happened."""
    p = np.where(trial.actual == 0, none, if_bought)
    return Forecasts(p, -np.log(p), -20.0 * np.log(p))


def a_candidate(trial: Trial, loss: float, *encoders: str, share: float = 0.0) -> Candidate:
    """One with this log loss."""
    p = np.where(trial.actual == 0, np.exp(-loss), 1.0 - np.exp(-loss))
    said = Forecasts(p, -np.log(p), -np.log(p))
    return Candidate(encoders or ("lstm",), PARTNER if share else None, share, said, said)


def test_a_partner_that_knows_has_the_largest_share_and_one_that_misleads_none(history: History, trial: Trial) -> None:
    fits = fits_of(history, "lstm")
    knows = choose(fits, trial, told(trial, 0.98, 0.02))
    assert list(knows) == ["lstm", "lstm+pareto_nbd"]
    assert (knows["lstm"].share, knows["lstm"].classical) == (0.0, None)
    assert (knows["lstm+pareto_nbd"].share, knows["lstm+pareto_nbd"].classical) == (SHARES[-1], PARTNER)
    assert knows["lstm+pareto_nbd"].log_loss(trial) < knows["lstm"].log_loss(trial)
    misleads = choose(fits, trial, told(trial, 0.02, 0.98))
    assert list(misleads) == ["lstm"]


def test_of_those_who_never_bought_the_networks_speak_alone(history: History, trial: Trial) -> None:
    found = choose(fits_of(history, "lstm"), trial, told(trial, 0.98, 0.02))
    alone, both = found["lstm"].raw, found["lstm+pareto_nbd"].raw
    assert 0 < (~trial.ever).sum() < len(trial.ever)
    assert np.array_equal(both.none[~trial.ever], alone.none[~trial.ever])
    assert (both.none[trial.ever] != alone.none[trial.ever]).all()
    assert np.array_equal(both.value, alone.value)


def test_several_encoders_are_tried_alone_and_together(history: History, trial: Trial) -> None:
    found = choose(fits_of(history, "lstm", "gru"), trial, told(trial, 0.98, 0.02))
    assert set(found) == {one + two for one in ("lstm", "gru", "gru+lstm") for two in ("", "+pareto_nbd")}
    together = np.mean([found[name].raw.none for name in ("lstm", "gru")], axis=0)
    assert found["gru+lstm"].raw.none == pytest.approx(together)


def test_the_least_log_loss_is_foremost_and_a_tie_goes_to_the_steadier(trial: Trial) -> None:
    usual = a_candidate(trial, 0.5, share=USUAL_SHARE)
    for behind in (0.4, 0.9):
        plain = a_candidate(trial, 0.5 - behind * TIE)
        assert foremost([plain, usual], trial) is usual
        assert foremost([plain, a_candidate(trial, 0.5, share=0.75)], trial) is plain
    better = a_candidate(trial, 0.5 - 1.1 * TIE)
    assert foremost([usual, better], trial) is better
    together = a_candidate(trial, 0.5, "gru", "lstm")
    assert foremost([a_candidate(trial, 0.5 - 1.9 * TIE), together], trial) is together
    far_better = a_candidate(trial, 0.5 - 2.1 * TIE)
    assert foremost([together, far_better], trial) is far_better


def test_the_same_members_are_fitted_again_on_everything_as_many_as_the_plan_says(
    history: History, trial: Trial
) -> None:
    fits = fits_of(history, "lstm", "gru", seeds=2)
    blend = fits.refit(a_candidate(trial, 0.5, "lstm", "gru", share=0.25))
    assert [one.encoder_name for one in blend.networks] == ["lstm", "lstm", "gru", "gru"]
    one, other, *_ = (network.tensors["w_head"] for network in blend.networks)
    assert not np.array_equal(one, other)
    assert (blend.name, blend.share) == ("gru+lstm+pareto_nbd", 0.25)
    again = fits.refit(a_candidate(trial, 0.5, "gru"))
    assert again.networks == blend.networks[2:]  # fitted once
    assert (again.classical, again.share) == (None, 0.0)
    assert blend.spend == again.spend == day_spend.fit(history.outcomes, until_ms=history.end_ms) is not None


def test_a_classical_candidate_is_refitted_without_any_network(history: History, trial: Trial) -> None:
    fits = fits_of(history, "lstm")
    early = fits.early_classical("bg_nbd", trial)
    late = fits.refit(early)
    assert (early.name, late.name, late.networks, late.share) == ("bg_nbd", "bg_nbd", (), 1.0)
    assert late.spend is None
    said = late.classical
    assert said is not None
    now = said.forecast(history, trial.instants, 28.0)
    assert not np.array_equal(now.none, early.raw.none)  # it has learnt what came after the origin, too
    assert early.log_loss(trial) < np.log(2.0)


def test_the_average_is_that_of_the_instants_to_learn_from(history: History) -> None:
    x = history.features(history.instants)
    assert fits_of(history, "lstm").average == pytest.approx(x.mean(axis=0, dtype=np.float64), rel=1e-5, abs=1e-6)
