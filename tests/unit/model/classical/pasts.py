"""Pasts written by hand, and customers simulated as each model says that they behave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np

from streamseg.core.scores import Float64Array
from streamseg.model.classical.past import Past
from streamseg.wire.batch import TouchpointBatch

Behave = Callable[[np.random.Generator], Float64Array]
"""Draws one customer: the days of the purchases after the first, ascending."""


def past_with(repeats: float, last_days: float, age_days: float, mean_spend: float = 0.0) -> Past:
    return Past(
        repeats=np.array([repeats]),
        last_days=np.array([last_days]),
        age_days=np.array([age_days]),
        ever=np.array([True]),
        mean_spend=np.array([mean_spend]),
    )


def simulate(behave: Behave, age_days: Float64Array, horizon_days: float, *, seed: int) -> tuple[Past, Float64Array]:
    """Customers of these ages, and how often each bought in the horizon."""
    random = np.random.default_rng(seed)
    repeats, last, after = (np.zeros(len(age_days)) for _ in range(3))
    for index, age in enumerate(age_days):
        days = behave(random)
        before = days[days <= age]
        repeats[index] = len(before)
        last[index] = before[-1] if len(before) else 0.0
        after[index] = np.sum((days > age) & (days <= age + horizon_days))
    everyone = np.ones(len(age_days), np.bool_)
    return Past(repeats, last, age_days, everyone, np.zeros(len(age_days))), after


def until_day(rate: float, end_days: float, random: np.random.Generator) -> Float64Array:
    """A Poisson process up to a day."""
    return np.sort(random.uniform(0.0, end_days, random.poisson(rate * end_days)))


def cut_off(batch: TouchpointBatch, until_ms: int) -> TouchpointBatch:
    """The touchpoints of a batch in order of time, up to and with an instant."""
    n = int(np.searchsorted(batch.event_ms, until_ms, side="right"))
    return TouchpointBatch(**{column.name: getattr(batch, column.name)[:n] for column in fields(TouchpointBatch)})
