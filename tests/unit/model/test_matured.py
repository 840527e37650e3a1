"""Two versions on outcomes that came: the worse one is found out, equals are left alone, too little says nothing."""

from __future__ import annotations

import numpy as np
import pytest

from streamseg.core.features import FEATURES
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import DAY_MS
from streamseg.model.blend import Blend
from streamseg.model.calibrate import Calibration
from streamseg.model.evaluate import evaluate
from streamseg.model.fit import fit
from streamseg.model.history import History, collect
from streamseg.model.matured import Matured, compare_matured, what_came
from streamseg.model.network import Network
from streamseg.model.replay import replay_scores
from streamseg.model.scorer import ModelScorer, unfinished
from tests.unit.model.simulated import START_MS
from tests.unit.model.streams import a_shop

PROMOTED_MS = START_MS + 26 * 7 * DAY_MS


@pytest.fixture(scope="module")
def history() -> History:
    """Ten weeks more than either version has learnt from."""
    return collect(a_shop(150, 36), CoreSpec())


@pytest.fixture(scope="module")
def network(history: History) -> Network:
    return fit(
        history,
        until_ms=PROMOTED_MS,
        horizon_days=56.0,
        encoder="lstm",
        hidden=8,
        epochs=6,
        max_steps=150,
        seed=0,
        progress=lambda share: None,
    )


def a_version(network: Network, *, offset: float = 0.0) -> ModelScorer:
    average = np.zeros(len(FEATURES), np.float32)
    return unfinished(Blend((network.served(),), None, 0.0, average), Calibration(56.0, offset=offset))


@pytest.fixture(scope="module")
def sound(network: Network) -> ModelScorer:
    return a_version(network)


@pytest.fixture(scope="module")
def boastful(network: Network) -> ModelScorer:
    """The same weights under a map that tells everybody he will hardly leave."""
    return a_version(network, offset=-2.0)


def compare(new: ModelScorer, old: ModelScorer, history: History, since_ms: int = PROMOTED_MS) -> Matured:
    found = compare_matured(new, old, history, since_ms=since_ms)
    assert found is not None
    return found


def test_a_bad_version_is_worse_beyond_chance_and_the_good_one_better(
    history: History, sound: ModelScorer, boastful: ModelScorer
) -> None:
    bad, good = compare(boastful, sound, history), compare(sound, boastful, history)
    assert (bad.worse, bad.better) == (True, False)
    assert (good.worse, good.better) == (False, True)
    assert bad.low <= bad.new.log_loss - bad.old.log_loss <= bad.high
    assert (good.low, good.high) == pytest.approx((-bad.high, -bad.low))


def test_a_version_is_neither_better_nor_worse_than_itself(history: History, sound: ModelScorer) -> None:
    found = compare(sound, sound, history)
    assert (found.low, found.high, found.worse, found.better) == (0.0, 0.0, False, False)


def test_the_figures_are_those_of_the_forecasts_at_all_instants_since_the_promotion(
    history: History, sound: ModelScorer, boastful: ModelScorer
) -> None:
    found = compare(sound, boastful, history)
    assert found.horizon_days == 56.0
    instants, until_ms = history.instants, history.end_ms - 56 * DAY_MS
    asked = instants.take((instants.instant_ms >= PROMOTED_MS) & (instants.instant_ms <= until_ms))
    assert set(asked.is_touch.tolist()) == set(asked.is_gated.tolist()) == {True, False}
    actual = history.outcomes.count(asked.customer, asked.instant_ms, 56 * DAY_MS)
    said = replay_scores(sound, history, asked)
    assert found.new == evaluate(said.none, said.count, actual)
    assert (found.rows, found.customers) == (len(asked), len(np.unique(asked.customer)))


def test_soon_after_a_promotion_a_shorter_horizon_must_do_and_before_that_none(
    history: History, sound: ModelScorer, boastful: ModelScorer
) -> None:
    weeks_ago = {
        weeks: compare_matured(sound, boastful, history, since_ms=history.end_ms - weeks * 7 * DAY_MS)
        for weeks in (1, 3, 6, 10)
    }
    horizons = {weeks: found.horizon_days for weeks, found in weeks_ago.items() if found is not None}
    assert horizons == {3: 14.0, 6: 28.0, 10: 56.0}


def test_few_customers_of_one_class_say_nothing(history: History, sound: ModelScorer) -> None:
    small = collect(a_shop(25, 36), CoreSpec())
    assert len(what_came(small, 28.0, since_ms=PROMOTED_MS).instants) > 200
    assert compare_matured(sound, sound, small, since_ms=PROMOTED_MS) is None
    assert compare(sound, sound, history).customers > 60


def test_the_interval_is_the_same_every_time(history: History, sound: ModelScorer, boastful: ModelScorer) -> None:
    assert compare(sound, boastful, history) == compare(sound, boastful, history)
