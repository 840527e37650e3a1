"""Who may serve: what is better passes, and what is worse, broken, upsetting or not to be told apart does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streamseg.core.features import FEATURES
from streamseg.core.spec import CoreSpec
from streamseg.model.blend import Blend
from streamseg.model.calibrate import Calibration, choose_origin
from streamseg.model.classical import members
from streamseg.model.fit import fit
from streamseg.model.gate import Judged, Margins, Verdict, gate
from streamseg.model.history import History, collect
from streamseg.model.judge import Trial, ask, served_crosswise, set_trial
from streamseg.model.scorer import unfinished
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.vocabulary import TYPE_CODES
from tests.unit.model.simulated import DAY_MS
from tests.unit.model.streams import a_shop

CUSTOMERS = 400
RISK = np.random.default_rng(0).beta(1.0, 1.0, CUSTOMERS)
"""Each customer's true P(none); five rows each."""
CUSTOMER = np.arange(CUSTOMERS).repeat(5)
ACTUAL = (np.random.default_rng(1).random(5 * CUSTOMERS) >= RISK[CUSTOMER]).astype(np.int64)


def judged(name: str, noise: float, *, seed: int = 2) -> Judged:
    """A contender who knows the truth up to an error of its own about each customer, in logits."""
    error = np.random.default_rng(seed).normal(0.0, noise, CUSTOMERS)[CUSTOMER]
    logit = np.log(RISK / (1.0 - RISK))[CUSTOMER]
    none = 1.0 / (1.0 + np.exp(-(logit + error)))
    return Judged(name, none, -np.log(none))


def decide(candidate: Judged, incumbent: Judged | None = None, margins: Margins | None = None) -> Verdict:
    return gate(
        candidate,
        incumbent=incumbent,
        classical=[judged("past_rate", 1.6, seed=3), judged("pareto_nbd", 1.2, seed=4)],
        actual=ACTUAL,
        customer=CUSTOMER,
        margins=margins,
    )


def test_a_better_candidate_is_promoted_and_the_reasons_say_by_how_much() -> None:
    verdict = decide(judged("lstm", 0.3), judged("incumbent", 0.9, seed=5))
    assert (verdict.promote, verdict.serve) == (True, "lstm")
    assert verdict.reasons == (
        "log loss 0.5004 is within 0.6846 (past_rate)",
        "high end of the log-loss difference -0.1418 is within 0.0100 (past_rate)",
        "high end of the AUC deficit -0.0626 is within 0.0100 (past_rate)",
        "log loss 0.5004 is within 0.6258 (pareto_nbd)",
        "high end of the log-loss difference -0.0905 is within 0.0100 (pareto_nbd)",
        "high end of the AUC deficit -0.0478 is within 0.0100 (pareto_nbd)",
        "high end of the log-loss difference -0.0318 is within 0.0100 (incumbent)",
        "high end of the AUC deficit -0.0191 is within 0.0100 (incumbent)",
    )


def test_the_verdict_is_the_same_every_time() -> None:
    assert decide(judged("lstm", 0.3), judged("incumbent", 0.4)) == decide(
        judged("lstm", 0.3), judged("incumbent", 0.4)
    )


def test_a_candidate_that_is_worse_than_the_incumbent_is_refused_and_the_incumbent_stays() -> None:
    verdict = decide(judged("lstm", 0.9), judged("incumbent", 0.3, seed=5))
    assert (verdict.promote, verdict.serve) == (False, "incumbent")
    assert "high end of the log-loss difference 0.0652 exceeds 0.0100 (incumbent)" in verdict.reasons
    assert verdict.reasons[-1] == (
        "incumbent serves: of incumbent, low end of its log-loss difference -0.1554 is within 0.0100 (pareto_nbd)"
    )


def test_a_candidate_that_may_be_worse_is_refused_though_it_looks_better() -> None:
    few = np.flatnonzero(CUSTOMER < 120)
    lstm, incumbent, classical = judged("lstm", 0.8), judged("incumbent", 0.8, seed=9), judged("past_rate", 1.6, seed=3)
    some = [Judged(one.name, one.none[few], one.count[few]) for one in (lstm, incumbent, classical)]
    verdict = gate(some[0], incumbent=some[1], classical=[some[2]], actual=ACTUAL[few], customer=CUSTOMER[few])
    assert some[0].none.shape == (600,)
    assert not verdict.promote
    assert any("log-loss difference" in reason and "exceeds" in reason for reason in verdict.reasons)


def test_without_an_incumbent_a_candidate_that_loses_leaves_the_best_classical_model_to_serve() -> None:
    verdict = decide(judged("lstm", 1.9))
    assert (verdict.promote, verdict.serve) == (False, "pareto_nbd")
    assert verdict.reasons[-1] == "pareto_nbd serves: least log loss of the classical models, 0.6238"


def test_an_incumbent_that_is_surely_worse_than_a_classical_model_does_not_stay_by_default() -> None:
    verdict = decide(judged("lstm", 3.0), judged("incumbent", 2.5, seed=5))
    assert (verdict.promote, verdict.serve) == (False, "pareto_nbd")
    assert verdict.reasons[-1].startswith("pareto_nbd serves: of incumbent, low end of its log-loss difference ")


def test_a_gain_over_the_classical_models_can_be_asked_for() -> None:
    assert decide(judged("lstm", 0.3)).promote
    verdict = decide(judged("lstm", 0.3), margins=Margins(log_loss_tie=-0.2))
    assert not verdict.promote
    assert "log loss 0.5004 exceeds 0.4826 (past_rate)" in verdict.reasons


def test_a_tie_with_a_classical_model_is_no_reason_against_and_more_than_that_is() -> None:
    rival = judged("past_rate", 0.5, seed=3)
    logit = np.log(rival.none / (1.0 - rival.none))
    reasons = {}
    for stretch in (1.03, 1.1):
        none = 1.0 / (1.0 + np.exp(-stretch * logit))
        verdict = gate(
            Judged("lstm", none, -np.log(none)), incumbent=None, classical=[rival], actual=ACTUAL, customer=CUSTOMER
        )
        reasons[stretch] = (verdict.promote, verdict.reasons[0])
    assert reasons[1.03] == (True, "log loss 0.5196 is within 0.5204 (past_rate)")
    assert reasons[1.1] == (False, "log loss 0.5232 exceeds 0.5204 (past_rate)")


def test_a_candidate_that_would_flood_a_campaign_is_refused() -> None:
    # The same ranking and hardly another log loss, but half of the customers move over the threshold.
    calm = np.where(RISK < 0.5, RISK, 0.74)[CUSTOMER]
    alarmed = np.where(RISK < 0.5, RISK, 0.76)[CUSTOMER]
    lstm, incumbent = (Judged(name, none, 1.0 - none) for name, none in (("lstm", alarmed), ("incumbent", calm)))
    verdict = decide(lstm, incumbent)
    assert not verdict.promote
    failed = [reason for reason in verdict.reasons if "exceeds" in reason]
    assert failed == ["shift of the alert rate 0.5525 exceeds 0.1000 (incumbent)"]


def test_a_candidate_about_as_good_as_the_incumbent_is_promoted_if_it_alerts_as_much() -> None:
    verdict = decide(judged("lstm", 0.45, seed=5), judged("incumbent", 0.5, seed=6))
    assert (verdict.promote, verdict.serve) == (True, "lstm")
    assert verdict.reasons[-3:] == (
        "high end of the log-loss difference 0.0060 is within 0.0100 (incumbent)",
        "high end of the AUC deficit 0.0060 is within 0.0100 (incumbent)",
        "shift of the alert rate 0.0125 is within 0.1000 (incumbent)",
    )


def test_alerts_may_move_where_the_candidate_is_surely_better_on_what_came() -> None:
    sure, doubtful = judged("lstm", 0.3), judged("incumbent", 0.9, seed=5)
    # The incumbent alerts hardly anybody, and is wrong in that.
    timid = replace(doubtful, none=np.minimum(doubtful.none, 0.74))
    assert abs(np.mean(sure.none >= 0.75) - np.mean(timid.none >= 0.75)) > 0.2
    verdict = decide(sure, timid)
    assert verdict.promote
    assert not any("alert rate" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_candidate_with_a_number_that_is_none_is_refused_unmeasured(wrong: float) -> None:
    sound = judged("lstm", 0.3)
    none = sound.none.copy()
    none[:7] = wrong
    verdict = decide(replace(sound, none=none), judged("incumbent", 0.9, seed=5))
    assert (verdict.promote, verdict.serve) == (False, "incumbent")
    assert len(verdict.reasons) == 2
    assert verdict.reasons[0] == "lstm gives no usable forecast for 7 of 2000 rows (not finite or out of range)"


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -0.1])
def test_expected_counts_must_be_numbers_too(wrong: float) -> None:
    sound = judged("lstm", 0.3)
    assert not decide(replace(sound, count=np.full_like(sound.count, wrong))).promote


def test_an_incumbent_that_forecasts_nothing_stands_in_nobodys_way() -> None:
    broken = replace(judged("incumbent", 0.1), none=np.full(len(CUSTOMER), np.nan))
    assert decide(judged("lstm", 0.3), broken).promote
    assert decide(judged("lstm", 3.0), broken).serve == "pareto_nbd"


def test_too_few_customers_of_one_class_leave_the_first_classical_model_to_serve() -> None:
    loyal = np.flatnonzero((ACTUAL > 0) | (CUSTOMER < 52))
    some = [Judged(one.name, one.none[loyal], one.count[loyal]) for one in (judged("lstm", 0.1), judged("nbd", 1.0))]
    verdict = gate(some[0], incumbent=None, classical=[some[1]], actual=ACTUAL[loyal], customer=CUSTOMER[loyal])
    assert (verdict.promote, verdict.serve) == (False, "nbd")
    assert verdict.reasons == ("46 customers of one class are too few to judge on, at least 50 needed",)


def test_a_gate_without_a_classical_model_is_a_mistake_of_its_caller() -> None:
    with pytest.raises(ValueError, match="no classical") as refused:
        gate(judged("lstm", 0.3), incumbent=None, classical=[], actual=ACTUAL, customer=CUSTOMER)
    assert str(refused.value) == "no classical model to fall back on: none given"
    with pytest.raises(ValueError, match="named") as refused:
        decide(judged("past_rate", 0.3))
    assert str(refused.value) == "contenders are named past_rate, past_rate, pareto_nbd; expected different names"


# --- weights that learnt from falsified touchpoints, judged on what really happened ---

KINDS = tuple(TYPE_CODES[name] for name in ("view", "purchase"))


def _flipped(batch: TouchpointBatch) -> TouchpointBatch:
    view, purchase = KINDS
    return replace(batch, type_code=np.where(batch.type_code == view, purchase, view).astype(np.uint8))


def _shuffled(batch: TouchpointBatch) -> TouchpointBatch:
    return replace(batch, customer_id=batch.customer_id.take(np.random.default_rng(0).permutation(len(batch))))


def _candidate(learnt_from: History, trial: Trial) -> Judged:
    """Weights of one history before the origin, asked about the other one after it, under a map of its own."""
    network = fit(
        learnt_from,
        until_ms=trial.origin.origin_ms,
        horizon_days=28.0,
        encoder="lstm",
        hidden=8,
        epochs=6,
        max_steps=400,
        seed=0,
        progress=lambda share: None,
    )
    blend = Blend((network.served(),), None, 0.0, np.zeros(len(FEATURES), np.float32))
    served = served_crosswise(ask(unfinished(blend, Calibration(28.0)), trial), trial)
    return Judged("candidate", served.none, served.count)


def test_a_challenger_that_learnt_from_a_poisoned_history_is_refused() -> None:
    (batch,) = a_shop(200, 32)
    honest = collect([batch], CoreSpec())
    origin = choose_origin(honest.start_ms, honest.end_ms, horizon_days=28.0, window_ms=7 * DAY_MS)
    trial = set_trial(honest, origin)
    bar = members.fit("past_rate", honest, until_ms=origin.origin_ms)
    said = served_crosswise(bar.forecast(honest, trial.instants, 28.0), trial)
    past, customer = Judged("past_rate", said.none, said.count), trial.instants.customer
    sound = _candidate(honest, trial)
    first = gate(sound, incumbent=None, classical=[past], actual=trial.actual, customer=customer)
    assert first.promote, first.reasons
    for poisoned in (_flipped(batch), _shuffled(batch)):
        challenger = _candidate(collect([poisoned], CoreSpec()), trial)
        serving = replace(sound, name="incumbent")
        verdict = gate(challenger, incumbent=serving, classical=[past], actual=trial.actual, customer=customer)
        assert (verdict.promote, verdict.serve) == (False, "incumbent")
        assert any("log-loss difference" in reason and "exceeds" in reason for reason in verdict.reasons)
