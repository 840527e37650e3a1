"""Which of two versions forecast better, now that outcomes are known: what a rollback and a shadow rest on.

Arrives: two models and a history that goes on after one began to serve. Leaves: both measured on the same instants,
with an interval of their difference; or nothing where too little has matured. Knows no registry and no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from streamseg.core.scores import Float64Array, Scorer
from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.model.cluster_bootstrap import paired_by_customer
from streamseg.model.evaluate import Evaluation, evaluate, log_losses
from streamseg.model.fit import horizon_grid
from streamseg.model.history import History, replay_scores

MIN_ROWS: Final = 200
MIN_CUSTOMERS: Final = 30
"""Customers who bought and customers who did not, at least so many each: an interval over fewer is a guess."""
SLACK: Final = 0.005
"""A version is worse if even the low end of the difference exceeds this. Looking every day is looking often, and one of
forty intervals errs on this side; of a difference so small nobody would notice the rollback."""


class AnyHorizon(Scorer, Protocol):
    """A scorer that can be asked about other horizons than its own."""

    def over(self, horizon_days: float) -> Scorer:
        """The same model, whose scores are about so many days."""
        ...


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

    which: Int64Array
    """(N,) indexes of the history's instants."""
    customer: Int64Array
    actual: Int64Array
    """(N,) outcome days."""

    @property
    def fewest_customers(self) -> int:
        """Customers with a row of the rarer class, bought or not."""
        return min(len(np.unique(self.customer[self.actual > 0])), len(np.unique(self.customer[self.actual == 0])))


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
        if len(came.which) >= MIN_ROWS and came.fewest_customers >= MIN_CUSTOMERS:
            return _compare(new, old, history, came, horizon_days, seed)
    return None


def what_came(history: History, horizon_days: float, *, since_ms: int) -> Came:
    """Look up all instants from `since_ms` on whose horizon has passed within the history."""
    instants, span_ms = history.instants, round(horizon_days * DAY_MS)
    which = np.flatnonzero((instants.instant_ms >= since_ms) & (instants.instant_ms + span_ms <= history.end_ms))
    customer = instants.customer[which]
    return Came(which, customer, history.outcomes.count(customer, instants.instant_ms[which], span_ms))


def forecast_over(
    scorer: AnyHorizon, history: History, which: Int64Array, horizon_days: float
) -> tuple[Float64Array, Float64Array]:
    """P(no outcome day) and expected outcome days over `horizon_days`, (len(which),) each, at chosen instants."""
    found = replay_scores(scorer.over(horizon_days), history, which)
    return found["churn"], found["outcomes"]


def _compare(new: AnyHorizon, old: AnyHorizon, history: History, came: Came, horizon_days: float, seed: int) -> Matured:
    (new_none, new_count), (old_none, old_count) = (
        forecast_over(scorer, history, came.which, horizon_days) for scorer in (new, old)
    )
    losses = [log_losses(none, came.actual) for none in (new_none, old_none)]
    _, low, high = paired_by_customer(losses[0], losses[1], came.customer, seed=seed)
    return Matured(
        rows=len(came.which),
        customers=len(np.unique(came.customer)),
        horizon_days=horizon_days,
        new=evaluate(new_none, new_count, came.actual),
        old=evaluate(old_none, old_count, came.actual),
        low=low,
        high=high,
    )
