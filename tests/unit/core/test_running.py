"""What a touchpoint adds to its window and to a life, where both are full, negative or shared by several windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamseg.core.chains import END
from streamseg.core.rows import BLANK, COUNT_LIMIT
from streamseg.core.running import SUM_FIELDS, Standing, after_each, as_of_now, life_sums
from streamseg.core.spec import CoreSpec
from streamseg.core.summaries import SummaryPool
from streamseg.core.windows import DAY_MS
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.vocabulary import TYPE_CODES
from tests.unit.model.simulated import a_batch

SPEC = CoreSpec()
WINDOW = 2_800
START_MS = SPEC.windows.start_ms(WINDOW)


class Customer:
    """One customer's life and summaries, whose running window is open."""

    def __init__(self) -> None:
        self.lives, self.summaries = np.full(1, BLANK), SummaryPool()
        self.summaries.push(np.array([0]), WINDOW)

    @property
    def window(self) -> Any:
        return self.summaries.records[self.summaries.windows_of(0)[0]]

    def take(self, batch: TouchpointBatch, *, closed_at: int = END) -> Standing:
        rows = np.arange(len(batch))
        return after_each(
            batch, rows, np.zeros_like(rows), np.full_like(rows, closed_at), WINDOW,
            lives=self.lives, summaries=self.summaries, spec=SPEC,
        )  # fmt: skip


def touchpoints(*told: tuple[str, float, float]) -> TouchpointBatch:
    """Of one customer: type, days since the window's start, amount."""
    return a_batch([("ada", kind, START_MS + int(day * DAY_MS), amount) for kind, day, amount in told])


def test_a_window_that_is_full_counts_no_more_and_neither_does_the_life() -> None:
    customer = Customer()
    customer.window["types"][TYPE_CODES["view"]] = COUNT_LIMIT - 1
    customer.lives["touchpoints"] = COUNT_LIMIT - 1
    known = customer.take(touchpoints(("view", 0, 0.0), ("view", 1, 0.0), ("click", 1, 0.0)))
    assert known.summary["types"][:, TYPE_CODES["view"]].tolist() == [COUNT_LIMIT] * 3
    assert known.life["touchpoints"].tolist() == [COUNT_LIMIT, COUNT_LIMIT, COUNT_LIMIT + 1]


def test_each_touchpoint_is_followed_by_what_was_known_then_and_the_last_stands() -> None:
    customer = Customer()
    known = customer.take(touchpoints(("view", 0.5, 0.0), ("purchase", 1.5, 30.0), ("refund", 1.25, -10.0)))
    assert known.life["active_days"].tolist() == [1, 2, 2]
    assert known.life["outcome_days"].tolist() == [0, 1, 1]
    assert known.life["spend_micro"].tolist() == [0, 30_000_000, 30_000_000]
    assert known.life["refund_micro"].tolist() == [0, 0, 10_000_000]
    assert known.life["last_ms"].tolist() == [START_MS + int(day * DAY_MS) for day in (0.5, 1.5, 1.5)]
    now = as_of_now(np.array([0]), WINDOW, customer.lives, customer.summaries)
    assert (now.summary[0], now.life[0]) == (known.summary[-1], known.life[-1])


def test_a_touchpoint_of_a_closed_window_leaves_the_running_one_as_it_is() -> None:
    customer = Customer()
    customer.take(touchpoints(("view", 2, 0.0)))
    before = customer.window.copy()
    known = customer.take(touchpoints(("purchase", -3, 5.0)), closed_at=customer.summaries.place(0, WINDOW - 1))
    assert known.summary[0] == customer.window == before
    assert known.life["outcome_days"].tolist() == [1]
    assert known.life["first_ms"].tolist() == [START_MS - 3 * DAY_MS]


def test_a_life_is_the_sum_of_its_summaries() -> None:
    customer = Customer()
    customer.take(touchpoints(*[(kind, day, 7.0) for day in range(7) for kind in ("purchase", "view", "purchase")]))
    closed_at = customer.summaries.place(0, WINDOW - 1)
    customer.take(touchpoints(("refund", -1, -2.0), ("purchase", -7, 3.0)), closed_at=closed_at)
    sums = life_sums(customer.summaries.records[customer.summaries.windows_of(0)])
    assert {name: int(sums[name].sum()) for name in SUM_FIELDS} == {
        name: int(customer.lives[name][0]) for name in SUM_FIELDS
    }


def test_who_did_not_come_in_the_window_has_an_empty_one() -> None:
    customer = Customer()
    customer.take(touchpoints(("view", 2, 0.0)))
    now = as_of_now(np.array([0]), WINDOW + 1, customer.lives, customer.summaries)
    assert now.summary["window"].tolist() == [WINDOW + 1]
    assert not now.summary["types"].any()
    assert now.life["touchpoints"].tolist() == [1]
