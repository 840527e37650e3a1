"""A world that stays as it was raises no alarm, week after week; one that changes is noticed within a few weeks."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from streamseg.core.spec import CoreSpec
from streamseg.core.windows import WindowSpec
from streamseg.errors import ConfigError
from streamseg.model.artifact import Artifact, load
from streamseg.model.drift import Drift, DriftLimits, look_for_drift, refer
from streamseg.model.history import History, collect
from streamseg.model.plan import TrainingPlan
from streamseg.model.reference import COMPARED, histogram_of, ks_by_chance, psi, to_json
from streamseg.model.train import train
from streamseg.wire.batch import TouchpointBatch
from tests.unit.model.scorers import a_scorer
from tests.unit.model.simulated import DAY_MS, START_MS, a_batch
from tests.unit.model.streams import Change, a_shop

CUSTOMERS, FITTED, CHANGED = 200, 30, 36
"""Customers at a time; the week up to which the model has seen the shop; the week of the change, if there is one."""


@pytest.fixture(scope="module")
def model() -> Artifact:
    """Fitted once, on a shop of its own: the shops of the tests are drawn from the same law."""
    (shop,) = a_shop(CUSTOMERS, FITTED, seed=1_000)
    trained = train([shop], spec=CoreSpec(), plan=TrainingPlan(horizon_days=28.0, hidden=8, epochs=8))
    return with_reference(load(trained.artifact, spec=WindowSpec()), collect([shop], CoreSpec()))


def with_reference(model: Artifact, history: History) -> Artifact:
    judged = model.manifest.metrics
    found = refer(model.scorer, history, ece=judged["candidate.ece"], bias_pct=judged["candidate.bias_pct"])
    return replace(model, manifest=replace(model.manifest, reference=to_json(found)))


def look(
    model: Artifact,
    weeks: int,
    *,
    seed: int,
    change: Change | None = None,
    limits: DriftLimits | None = None,
    back: int = 8,
) -> Drift:
    """Look back, as far as the fit at most, in a shop that is `weeks` old."""
    shop = a_shop(CUSTOMERS, weeks, seed=seed, change=change)
    since_ms = START_MS + (weeks - back) * 7 * DAY_MS
    return look_for_drift(collect(shop, CoreSpec()), model, since_ms=since_ms, limits=limits)


def test_a_shop_where_nothing_changes_raises_no_alarm(model: Artifact) -> None:
    # Each seed is another shop, looked at in another week after the fit.
    found = [look(model, FITTED + 8 + seed // 2, seed=seed).findings for seed in range(20)]
    assert sum(not findings for findings in found) >= 19, found


def test_a_crowd_that_only_thins_out_and_ages_moves_neither_inputs_nor_scores(model: Artifact) -> None:
    # Of 400 customers 290 are left when the reference is taken, after ten weeks, and 60 when it is compared.
    (shop,) = a_shop(2 * CUSTOMERS, FITTED + 26, seed=0, comes_and_goes=False)
    until = int(np.searchsorted(shop.event_ms, START_MS + 10 * 7 * DAY_MS))
    young = collect([TouchpointBatch(**{f.name: getattr(shop, f.name)[:until] for f in fields(shop)})], CoreSpec())
    history, since_ms = collect([shop], CoreSpec()), START_MS + FITTED * 7 * DAY_MS
    drift = look_for_drift(history, with_reference(model, young), since_ms=since_ms)
    assert [finding for finding in drift.findings if "PSI" in finding or "KS" in finding] == []
    assert drift.figures["customers"] > 50.0
    ages = [one.instants.instant_ms - one.first_ms[one.instants.customer] for one in (young, history)]
    before = histogram_of(ages[0])
    assert psi(before.shares, before.shares_of(ages[1])) > 1.0  # which is why age is not compared


@pytest.mark.parametrize(
    "change",
    [
        Change(day=7.0 * CHANGED, pace=0.4),
        Change(day=7.0 * CHANGED, pace=2.0),
        Change(day=7.0 * CHANGED, buying=0.4),
    ],
)
def test_customers_who_come_or_buy_at_another_rate_are_noticed_by_what_came_of_the_forecasts(
    model: Artifact, change: Change
) -> None:
    for seed in range(3):
        drift = look(model, CHANGED + 5, seed=seed, change=change)
        ratio = drift.figures["outcomes.7d.ratio"]
        assert (ratio > 1.25) if change.pace > 1.0 else (ratio < 0.75)
        assert any(finding.startswith("outcome days over 7 days are ") for finding in drift.findings)


def test_a_touchpoint_that_was_never_seen_before_is_noticed_in_the_inputs(model: Artifact) -> None:
    drift = look(model, CHANGED + 3, seed=0, change=Change(day=7.0 * CHANGED, viewing_by="search"))
    assert drift.figures["input.window_search.psi"] > 1.0
    assert any(finding.startswith("PSI of input window_search ") for finding in drift.findings)
    assert any(finding.startswith("PSI of input window_view ") for finding in drift.findings)


def test_findings_say_what_was_found_and_what_is_allowed(model: Artifact) -> None:
    strict = DriftLimits(psi=-1.0, ks=-1.0, ece=-1.0, outcomes_ratio=1.0)
    drift = look(model, CHANGED + 4, seed=0, change=Change(day=7.0 * CHANGED, pace=0.4), limits=strict)
    customers, judged = int(drift.figures["customers"]), model.manifest.metrics
    by_chance = ks_by_chance(customers, model.manifest.reference["customers"])
    assert f"KS statistic of score churn {drift.figures['score.churn.ks']:.3f} exceeds {by_chance - 1.0:.3f}" in (
        drift.findings
    )
    least = 1.0 / (1.0 + judged["candidate.bias_pct"] / 100.0)
    ratio, low, high = (drift.figures[f"outcomes.14d.{name}"] for name in ("ratio", "low", "high"))
    assert (
        f"outcome days over 14 days are {ratio:.3f} of those expected (95 % interval {low:.3f} to {high:.3f}), "
        f"outside {min(least, 1.0):.3f} to {max(least, 1.0):.3f}"
    ) in drift.findings
    assert any(finding.startswith("calibration error over 14 days ") for finding in drift.findings)
    assert sum(finding.startswith("PSI of input ") for finding in drift.findings) == len(COMPARED)


def test_on_few_customers_nothing_is_concluded(model: Artifact) -> None:
    change = Change(day=7.0 * CHANGED, pace=0.2, viewing_by="search")
    drift = look(model, CHANGED + 4, seed=0, change=change, limits=DriftLimits(customers=1_000))
    assert drift.findings == ()
    assert set(drift.figures) == {"rows", "customers"}


def test_a_history_that_ended_before_is_no_drift(model: Artifact) -> None:
    history = collect(a_shop(CUSTOMERS, 10, seed=0), CoreSpec())
    assert look_for_drift(history, model, since_ms=history.end_ms + 1) == Drift({"rows": 0.0, "customers": 0.0}, ())


def test_a_model_without_a_reference_is_refused(model: Artifact) -> None:
    history = collect(a_shop(60, 10), CoreSpec())
    plain = replace(model, manifest=replace(model.manifest, reference={}))
    with pytest.raises(ConfigError) as refused:
        look_for_drift(history, plain, since_ms=history.start_ms)
    assert str(refused.value) == (
        "model has no sound reference to notice drift by ('inputs'); train a new model with `streamseg train`"
    )


def test_where_nobody_came_for_a_quarter_the_reference_is_of_all_that_was_before() -> None:
    rows = [
        (f"c{who}", "purchase", START_MS + (3 * who + 20 * turn) * DAY_MS, 5.0) for who in range(30) for turn in (0, 1)
    ]
    history = collect([a_batch([*rows, ("late", "purchase", START_MS + 400 * DAY_MS, 5.0)])], CoreSpec())
    found = refer(a_scorer(), history, ece=0.0, bias_pct=0.0)
    assert found.rows > 30
    assert found.customers == 30


def test_a_history_of_a_first_and_a_last_window_has_no_reference() -> None:
    rows = [(f"c{who}", "purchase", START_MS + DAY_MS + day * DAY_MS, 5.0) for who in range(3) for day in (0, 400)]
    with pytest.raises(ConfigError) as refusal:
        refer(a_scorer(), collect([a_batch(rows)], CoreSpec()), ece=0.0, bias_pct=0.0)
    assert str(refusal.value) == (
        "nothing to notice drift by: all touchpoints lie in the first and the last window of the history, and no "
        "window between them has one; give a longer history"
    )
