"""Shops that go on for ever, for tests of drift: customers come and go at constant rates, each with own habits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamseg.wire.batch import TouchpointBatch
from tests.unit.model.simulated import DAY_MS, START_MS, a_batch


@dataclass(frozen=True, slots=True)
class Change:
    """What is otherwise from a day on, for everybody."""

    day: float
    pace: float = 1.0
    """Factor on everybody's rate of touchpoints."""
    buying: float = 1.0
    """Factor on everybody's share of purchases."""
    viewing_by: str = "view"
    """What a touchpoint is that is no purchase."""


def a_shop(
    customers: int, weeks: int, *, seed: int = 0, change: Change | None = None, comes_and_goes: bool = True
) -> list[TouchpointBatch]:
    """A shop with about `customers` at any time, who stay for 30 weeks on average, each with a pace and a taste.

    Without `comes_and_goes` all are there from the first fortnight and nobody is replaced, so that the crowd thins out
    and ages: nobody's behaviour changes for that.
    """
    random = np.random.default_rng(seed)
    days, stay = 7.0 * weeks, 210.0
    rows: list[tuple[str, str, int, float]] = []
    arrivals = [random.uniform(0.0, 14.0) for _ in range(customers)]
    if comes_and_goes:
        arrivals += random.uniform(0.0, days, round(customers * days / stay)).tolist()
    other = change or Change(day=days)
    for index, begins in enumerate(arrivals):
        rate, taste = random.gamma(1.5, 0.12) + 0.01, random.beta(1.5, 2.5)
        spend = float(np.exp(random.normal(3.0, 0.5)))
        at, gone = begins, min(begins + random.exponential(stay), days)
        while at < gone:
            later = at >= other.day
            buys = random.random() < taste * (other.buying if later else 1.0)
            kind = "purchase" if buys else (other.viewing_by if later else "view")
            amount = spend * random.uniform(0.5, 1.5) if buys else 0.0
            rows.append((f"c{index}", kind, START_MS + int(at * DAY_MS), amount))
            at += random.exponential(1.0 / (rate * (other.pace if later else 1.0)))
    rows.sort(key=lambda row: row[2])
    return [a_batch(rows)]
