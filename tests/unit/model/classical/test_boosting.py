"""Boosting: learns from before the cut-off alone, the same every time, and says what to install where it can't."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from streamseg.core.spec import CoreSpec
from streamseg.errors import ConfigError
from streamseg.model.classical import boosting, members
from streamseg.model.classical.boosting import Boosting
from streamseg.model.evaluate import evaluate
from streamseg.model.forecaster import Forecaster, Forecasts
from streamseg.model.history import History, collect
from streamseg.model.instants import Instants
from tests.unit.model.classical.pasts import cut_off
from tests.unit.model.simulated import DAY_MS, START_MS, a_batch, some_shoppers

CUT_MS = START_MS + 280 * DAY_MS
HORIZON = 60.0


@pytest.fixture(scope="module")
def history() -> History:
    return collect(some_shoppers(500, 360), CoreSpec())


@pytest.fixture(scope="module")
def fitted(history: History) -> Boosting:
    return boosting.fit(history, until_ms=CUT_MS, horizon_days=HORIZON)


@pytest.fixture(scope="module")
def after(history: History) -> Instants:
    inside = (history.instants.instant_ms >= CUT_MS) & (history.instants.instant_ms < CUT_MS + 14 * DAY_MS)
    return history.instants.take(inside)


def same(one: Forecasts, other: Forecasts) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in Forecasts.__slots__)


def test_trees_see_that_who_leaves_stops_browsing_which_no_count_of_purchases_does(
    history: History, fitted: Boosting, after: Instants
) -> None:
    actual = history.outcomes.count(after.customer, after.instant_ms, round(HORIZON * DAY_MS))
    contenders: list[Forecaster] = [fitted, members.fit("pareto_nbd", history, until_ms=CUT_MS)]
    found = [model.forecast(history, after, HORIZON) for model in contenders]
    trees, pareto = (evaluate(one.none, one.count, actual) for one in found)
    assert trees.log_loss < pareto.log_loss - 0.02
    assert trees.auc > pareto.auc


def test_what_comes_after_the_cut_off_changes_no_tree(fitted: Boosting) -> None:
    known = collect([cut_off(some_shoppers(500, 360)[0], CUT_MS)], CoreSpec())
    again = boosting.fit(known, until_ms=CUT_MS, horizon_days=HORIZON)
    assert same(again.forecast(known, known.instants, HORIZON), fitted.forecast(known, known.instants, HORIZON))


def test_another_horizon_is_the_same_rate_for_longer(history: History, fitted: Boosting, after: Instants) -> None:
    once, twice = (fitted.forecast(history, after, days) for days in (HORIZON, 2 * HORIZON))
    assert twice.count == pytest.approx(2.0 * once.count)
    assert twice.none == pytest.approx(once.none**2, abs=1e-6)
    assert np.all((twice.value > once.value) & (twice.value < 2.0 * once.value))


def test_a_history_shorter_than_the_horizon_teaches_the_longest_that_fits(history: History) -> None:
    until_ms = START_MS + 90 * DAY_MS
    found = boosting.fit(history, until_ms=until_ms, horizon_days=180.0)
    first_ms = int(history.first_ms.min())
    assert found.horizon_days == pytest.approx((until_ms - first_ms) / DAY_MS * 2 / 3)


def test_nothing_to_learn_from_is_said(history: History) -> None:
    until_ms = int(history.first_ms.min()) + DAY_MS
    with pytest.raises(ConfigError) as caught:
        boosting.fit(history, until_ms=until_ms, horizon_days=HORIZON)
    assert str(caught.value) == (
        f"lightgbm has nothing to learn from: the history up to {until_ms} ms is 1 days long; give at least 2"
    )


def test_without_lightgbm_the_extra_is_named(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ConfigError) as caught:
        boosting.fit(history, until_ms=CUT_MS, horizon_days=HORIZON)
    assert str(caught.value) == (
        "lightgbm is not installed, and the contender of that name is made of it; install streamseg[backtest]"
    )


def test_a_shop_that_names_no_amounts_is_learnt_from_all_the_same() -> None:
    rows = [(f"c{i % 90}", "purchase", START_MS + i * DAY_MS // 3, 0.0) for i in range(600)]
    history = collect([a_batch(rows)], CoreSpec())
    fitted = boosting.fit(history, until_ms=history.end_ms, horizon_days=28.0)
    everybody = np.arange(history.customers)
    found = fitted.forecast(history, history.at(everybody, np.full(len(everybody), history.end_ms)), 28.0)
    assert not found.value.any()
    assert found.count.all()
