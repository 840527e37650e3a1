"""Two models are asked about the same traffic: what is not finite, or alerts otherwise without cause, may not serve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from streamseg.core.features import FEATURES
from streamseg.core.scores import Float32Array, Float64Array, Scores
from streamseg.core.spec import CoreSpec
from streamseg.model.history import History, collect
from streamseg.model.shadow import Watched, watch
from tests.oracle.stepwise import Stepwise
from tests.unit.model.simulated import some_shoppers


@dataclass(frozen=True)
class Constant(Stepwise):
    """A scorer that says the same of everybody."""

    churn: float
    version: str = "constant"
    model_key: int = 1
    behaviours: tuple[str, ...] = ("all",)
    state_size: int = 1
    horizon_days: float = 28.0

    def over(self, horizon_days: float) -> Constant:
        return self

    def advance(self, state: Float32Array, x: Float32Array) -> Float32Array:
        return state

    def score(self, state: Float32Array, x: Float32Array) -> Scores:
        every = np.full(len(x), self.churn)
        return Scores(every, every, every, every, every, every[:, None])

    def risk(self, state: Float32Array, x: Float32Array) -> Float64Array:
        return np.full(len(x), self.churn)

    @property
    def average(self) -> Float32Array:
        return np.zeros(len(FEATURES), np.float32)


@pytest.fixture(scope="module")
def history() -> History:
    return collect(some_shoppers(30, 90), CoreSpec())


def watched(history: History, churn: float) -> Watched:
    found = watch(Constant(churn), Constant(0.5), history, since_ms=history.start_ms, alert_threshold=0.75)
    assert found is not None
    assert found.rows == len(history.instants)
    return found


def test_a_challenger_that_alerts_like_the_incumbent_may_serve(history: History) -> None:
    found = watched(history, 0.7)
    assert (found.alert_rate, found.incumbent_alert_rate, found.faults(is_better=False)) == (0.0, 0.0, ())


def test_another_alert_rate_needs_outcomes_that_speak_for_it(history: History) -> None:
    found = watched(history, 0.8)
    assert found.faults(is_better=False) == ("shift of the alert rate 1.0000 exceeds 0.1000",)
    assert found.faults(is_better=True) == ()


def test_what_is_not_finite_may_not_serve_whatever_the_outcomes_say(history: History) -> None:
    found = watched(history, float("nan"))
    assert found.faults(is_better=True) == (f"some of its {found.rows:,} forecasts are not finite",)


def test_without_traffic_nothing_is_said(history: History) -> None:
    nothing = watch(Constant(0.5), Constant(0.5), history, since_ms=history.end_ms + 1, alert_threshold=0.75)
    assert nothing is None
