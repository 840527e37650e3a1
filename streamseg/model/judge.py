"""A candidate before its judges: calibrated and measured on outcomes after an origin, which its weights have not seen.

Arrives: a network fitted before the origin, and the history. Leaves: the calibration to serve with, and evaluations of
the candidate, of the past rate and of the incumbent on the same instants.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streamseg.core.scores import Float64Array
from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.errors import ConfigError
from streamseg.model import past_rate
from streamseg.model.behaviours import UNGROUPED
from streamseg.model.calibrate import Calibration, Origin, fit_platt, ratio
from streamseg.model.evaluate import Evaluation, ece, evaluate
from streamseg.model.history import History, replay_scores
from streamseg.model.network import Network
from streamseg.model.scorer import NetworkScorer


@dataclass(frozen=True, slots=True)
class Trial:
    """N instants after an origin, and what came after them."""

    history: History
    origin: Origin
    which: Int64Array
    """(N,) indexes of instants."""
    actual: Int64Array
    """(N,) outcome days in the origin's horizon."""
    spend: Float64Array
    """(N,) net spend in it."""
    half: NDArray[np.bool_]
    """(N,) a map for these customers is fitted on the others, and the other way round."""

    @property
    def is_touch(self) -> NDArray[np.bool_]:
        """(N,) scored just after a touchpoint; the rest at due boundaries."""
        return self.history.instants.is_touch[self.which]


def set_trial(history: History, origin: Origin) -> Trial:
    """Pick the instants between the origin and the last one whose horizon ends inside the data.

    Raises:
        ConfigError: If there is none.
    """
    instants = history.instants
    inside = (instants.instant_ms >= origin.origin_ms) & (instants.instant_ms <= origin.until_ms)
    which = np.flatnonzero(inside)
    if not len(which):
        raise ConfigError(
            f"nothing to judge a model on: no customer could be scored between {origin.origin_ms} and "
            f"{origin.until_ms} ms; give a longer history"
        )
    customer, instant_ms = instants.customer[which], instants.instant_ms[which]
    span_ms = round(origin.horizon_days * DAY_MS)
    return Trial(
        history=history,
        origin=origin,
        which=which,
        actual=history.outcomes.count(customer, instant_ms, span_ms),
        spend=history.outcomes.net_spend(customer, instant_ms, span_ms),
        half=customer % 2 == 0,
    )


def calibrate(
    network: Network, trial: Trial, *, horizon_days: float
) -> tuple[Calibration, Evaluation, dict[str, float]]:
    """Fit the map on all of the trial, and measure it as fitted on one half of the customers and used on the other.

    Returns:
        The map to serve with over `horizon_days`, the candidate's figures, and its ECE by kind of instant.
    """
    everyone = np.ones(len(trial.which), np.bool_)
    served = replace(_fit_map(network, trial, everyone), horizon_days=horizon_days)
    churn = np.empty(len(trial.which))
    outcomes = np.empty(len(trial.which))
    for half in (trial.half, ~trial.half):
        if half.any() and (~half).any():
            churn[half], outcomes[half], _ = _forecast(network, trial, half, _fit_map(network, trial, ~half))
        else:
            churn[half], outcomes[half], _ = _forecast(network, trial, half, Calibration(trial.origin.horizon_days))
    figures = evaluate(churn, outcomes, trial.actual)
    by_kind = {
        f"candidate.ece_{name}": ece(1.0 - churn[kind], (trial.actual[kind] > 0).astype(np.float64))
        for name, kind in (("touch", trial.is_touch), ("due", ~trial.is_touch))
    }
    return served, figures, by_kind


def judge_past_rate(trial: Trial) -> Evaluation:
    """Measure the classical bar, fitted on every customer's past at the origin."""
    history = trial.history
    known = np.flatnonzero(history.first_ms < trial.origin.origin_ms)
    at = np.full(len(known), trial.origin.origin_ms)
    model = past_rate.fit(*_past(history, known, at))
    instants = history.instants.take(trial.which)
    past = _past(history, instants.customer, instants.instant_ms)
    return evaluate(*model.forecast(*past, trial.origin.horizon_days), trial.actual)


def judge_incumbent(scorer: NetworkScorer, trial: Trial) -> Evaluation:
    """Measure the model that serves. It may have seen part of these outcomes: then it looks better than it is."""
    found = replay_scores(scorer.over(trial.origin.horizon_days), trial.history, trial.which)
    return evaluate(found["churn"], found["outcomes"], trial.actual)


def _past(history: History, customer: Int64Array, instant_ms: Int64Array) -> tuple[Float64Array, Float64Array]:
    """Outcome days after the first one, and days since the first touchpoint."""
    days = history.outcomes.past_days(customer, instant_ms)
    return np.maximum(days - 1, 0).astype(np.float64), (instant_ms - history.first_ms[customer]) / DAY_MS


def _fit_map(network: Network, trial: Trial, rows: NDArray[np.bool_]) -> Calibration:
    plain = Calibration(horizon_days=trial.origin.horizon_days)
    _, outcomes, value = _forecast(network, trial, rows, plain)
    level = ratio(float(trial.actual[rows].sum()), float(outcomes.sum()))
    value_level = ratio(float(trial.spend[rows].sum()), level * float(value.sum()))
    levelled = replace(plain, level=level, value_level=value_level)
    if not trial.origin.complete:  # a slope found on a shorter horizon says nothing about the longer one
        return levelled.halfway()
    # The level first: it stands inside the closed form of P(none), so the slope is fitted to what it leaves.
    churn, _, _ = _forecast(network, trial, rows, levelled)
    slope, offset = fit_platt(churn, trial.actual[rows] == 0)
    return replace(levelled, slope=slope, offset=offset).halfway()


def _forecast(
    network: Network, trial: Trial, rows: NDArray[np.bool_], calibration: Calibration
) -> tuple[Float64Array, Float64Array, Float64Array]:
    scorer = NetworkScorer(network, calibration=calibration, behaviours=UNGROUPED, digest="0" * 64)
    found = replay_scores(scorer, trial.history, trial.which[rows])
    return found["churn"], found["outcomes"], found["value"]
