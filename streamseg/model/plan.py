"""What is to be learnt: what an operator chooses about training, and the horizons that follow from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What an operator chooses about training; the defaults train a year of 4,372 customers in under a minute."""

    horizon_days: float = 90.0
    """The churn horizon."""
    encoders: tuple[str, ...] = ("lstm",)
    """Names of `encoders.ENCODERS`; of several, the best one or all together may serve."""
    seeds: int = 1
    """Networks of each encoder that serve together: more are steadier, and cost as much more."""
    hidden: int = 32
    """Units of the recurrent layer."""
    epochs: int = 10
    """Passes over the history in each fit, where they are neither too few steps nor more than `max_steps`."""
    max_steps: int = 4_000
    """Steps of the optimiser in each fit: some 80 s on one thread. A larger history is passed fewer times."""
    seed: int = 0
    alert_threshold: float = 0.75
    """Churn probability from which on a customer is alerted; what the gate compares the share of."""


def horizon_grid(horizon_days: float, window_days: int) -> tuple[float, ...]:
    """Horizons to learn from, days: one window, doubling, up to the churn horizon.

    >>> horizon_grid(90, 7)
    (7.0, 14.0, 28.0, 56.0, 90.0)
    """
    grid = [float(window_days)]
    while 2 * grid[-1] < horizon_days:
        grid.append(2 * grid[-1])
    return (*(days for days in grid if days < horizon_days), float(horizon_days))
