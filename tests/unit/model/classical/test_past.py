"""The past by hand, and the same past whether looked up in a history or read off the network's input."""

from __future__ import annotations

import numpy as np
import pytest

from streamseg.core.spec import CoreSpec
from streamseg.model.classical.past import Past, past_from_features, past_of
from streamseg.model.history import History, collect
from tests.unit.model.simulated import DAY_MS, START_MS, a_batch, some_shoppers


def a_history(*rows: tuple[str, float, float]) -> History:
    """One customer, from (type, day, amount)."""
    batch = a_batch([("c", kind, START_MS + round(day * DAY_MS), amount) for kind, day, amount in rows])
    return collect([batch], CoreSpec())


def past_on(history: History, day: float) -> Past:
    return past_of(history, np.array([0]), np.array([START_MS + round(day * DAY_MS)]))


def numbers(past: Past) -> list[float]:
    columns = (past.repeats, past.last_days, past.age_days, past.ever, past.mean_spend, past.spend_days)
    return [float(column[0]) for column in columns]


def test_times_count_from_the_first_outcome_and_days_not_receipts_are_repeats() -> None:
    history = a_history(
        ("view", 0, 0), ("purchase", 2, 30), ("purchase", 2.5, 10), ("purchase", 9, 20), ("view", 11, 0)
    )
    assert numbers(past_on(history, 8.0)) == [0, 0, 6, 1, 40, 1]
    assert numbers(past_on(history, 9.0)) == [1, 7, 7, 1, 30, 2]
    assert numbers(past_on(history, 11.0)) == [1, 7, 9, 1, 30, 2]


def test_who_never_bought_is_as_old_as_his_first_touchpoint() -> None:
    history = a_history(("view", 0, 0), ("view", 3, 0), ("purchase", 30, 5))
    assert numbers(past_on(history, 10.0)) == [0, 0, 10, 0, 0, 0]


def test_a_purchase_of_nothing_is_a_repeat_without_spend() -> None:
    history = a_history(("purchase", 0, 0), ("purchase", 4, 0), ("view", 9, 0))
    assert numbers(past_on(history, 9.0)) == [1, 4, 9, 1, 0, 0]


def test_an_input_row_and_the_history_say_the_same() -> None:
    history = collect(some_shoppers(150, 200), CoreSpec())
    instants = history.instants
    looked_up = past_of(history, instants.customer, instants.instant_ms)
    read_off = past_from_features(history.features(instants))
    assert 100 < looked_up.ever.sum() < len(instants) - 100
    for name in Past.__slots__:
        one, other = getattr(looked_up, name), getattr(read_off, name)
        assert other == pytest.approx(one, rel=1e-5, abs=1e-4), name
