"""Which of two versions forecast better, now that outcomes are known: what a rollback and a shadow rest on.

Arrives: two models and a history that goes on after one began to serve. Leaves: both measured on the same instants,
with an interval of their difference; or nothing where too little has matured. Knows no registry and no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.model.bootstrap import paired_by_customer
from streamseg.model.evaluate import Evaluation, evaluate, log_losses
from streamseg.model.history import History
from streamseg.model.instants import Instants
from streamseg.model.plan import horizon_grid
from streamseg.model.replay import AnyHorizon, replay_scores

MIN_ROWS: Final = 200
MIN_CUSTOMERS: Final = 30
"""Customers who bought and customers who did not, at least so many each: an interval over fewer is a guess."""
SLACK: Final = 0.005
"""A version is worse if even the low end of the difference exceeds this. Looking every day is looking often, and one of
forty intervals errs on this side; of a difference so small nobody would notice the rollback."""


@dataclass(frozen=True, slots=True)
class Matured:
    """Two versions on the same rows."""

    rows: int
    customers: int
    horizon_days: float
    """The longest with enough matured rows: the churn horizon or, soon after a promotion, a shorter one."""
    new: Evaluation
    old: Evaluation
    low: float
    high: float
    """95 % interval, over customers, of the new version's log loss minus the old one's."""

    @property
    def worse(self) -> bool:
        """The new version loses, beyond chance and by more than a trifle."""
        return self.low > SLACK

    @property
    def better(self) -> bool:
        """The new version wins, beyond chance."""
        return self.high < 0.0


@dataclass(frozen=True, slots=True)
class Came:
    """N instants whose horizon has passed, and what came within it."""

    instants: Instants
    actual: Int64Array
    """(N,) outcome days."""

    @property
    def fewest_customers(self) -> int:
        """Customers with a row of the rarer class, bought or not."""
        return min(
            len(np.unique(self.instants.customer[self.actual > 0])),
            len(np.unique(self.instants.customer[self.actual == 0])),
        )


def compare_matured(
    new: AnyHorizon, old: AnyHorizon, history: History, *, since_ms: int, seed: int = 0
) -> Matured | None:
    """Measure two versions on all instants since one began to serve, just after touchpoints and at due boundaries.

    Args:
        new: The version in question.
        old: The one before it (or the one that serves, if the new one is a shadow).
        history: Touchpoints so far; the horizon of an instant counts as passed if it ends within them.
        since_ms: When the new version began to serve. What came later, neither has learnt from.
        seed: Of the bootstrap.

    Returns:
        None if over no horizon, from one window on, enough has matured.
    """
    longest = min(new.horizon_days, old.horizon_days)
    for horizon_days in reversed(horizon_grid(longest, history.spec.windows.length_days)):
        came = what_came(history, horizon_days, since_ms=since_ms)
        if len(came.instants) >= MIN_ROWS and came.fewest_customers >= MIN_CUSTOMERS:
            return _compare(new, old, history, came, horizon_days, seed)
    return None


def what_came(history: History, horizon_days: float, *, since_ms: int) -> Came:
    """Look up all instants from `since_ms` on whose horizon has passed within the history."""
    instants, span_ms = history.instants, round(horizon_days * DAY_MS)
    since = instants.take((instants.instant_ms >= since_ms) & (instants.instant_ms + span_ms <= history.end_ms))
    return Came(since, history.outcomes.count(since.customer, since.instant_ms, span_ms))


def _compare(new: AnyHorizon, old: AnyHorizon, history: History, came: Came, horizon_days: float, seed: int) -> Matured:
    said, said_before = (replay_scores(one.over(horizon_days), history, came.instants) for one in (new, old))
    losses = [log_losses(one.none, came.actual) for one in (said, said_before)]
    _, low, high = paired_by_customer(losses[0], losses[1], came.instants.customer, seed=seed)
    return Matured(
        rows=len(came.instants),
        customers=len(np.unique(came.instants.customer)),
        horizon_days=horizon_days,
        new=evaluate(said.none, said.count, came.actual),
        old=evaluate(said_before.none, said_before.count, came.actual),
        low=low,
        high=high,
    )
