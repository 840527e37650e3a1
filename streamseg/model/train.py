"""From touchpoints to an artefact: fit before an origin, calibrate and judge after it, refit on all, keep the map.

Arrives: batches of touchpoints. Leaves: the bytes of a model, with the figures of its judgement and the verdict of the
gate. Knows no file, no Kafka and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from streamseg.core.scores import Float64Array
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.errors import ConfigError
from streamseg.model.artifact import Artifact, pack
from streamseg.model.behaviours import UNGROUPED, Behaviours, Previous, axes, labels, segment
from streamseg.model.calibrate import Calibration, choose_origin
from streamseg.model.evaluate import Evaluation, Verdict, gate
from streamseg.model.fit import Progress, fit
from streamseg.model.history import History, collect, replay_scores
from streamseg.model.judge import calibrate, judge_incumbent, judge_past_rate, set_trial
from streamseg.model.network import Network
from streamseg.model.scorer import NetworkScorer
from streamseg.model.wording import Profiles
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.vocabulary import CHANNELS, TYPES

MIN_CUSTOMERS: Final = 50
"""Fewer say nothing about the next one: nothing is trained, and so nothing is scored."""
MIN_WINDOWS: Final = 8
"""Less history has no origin with instants on both sides."""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What an operator chooses about training; the defaults train a year of 4,372 customers in under a minute."""

    horizon_days: float = 90.0
    """The churn horizon."""
    encoder: str = "lstm"
    """`lstm` or `gru`."""
    hidden: int = 32
    """Units of the recurrent layer."""
    epochs: int = 16
    """Passes over the history, in each of the two fits."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Trained:
    """A candidate and what speaks for it."""

    artifact: bytes
    candidate: Evaluation
    """On outcomes after the origin, by weights fitted before it and a map fitted on other customers."""
    past_rate: Evaluation
    incumbent: Evaluation | None
    verdict: Verdict


def _silent(stage: str, share: float) -> None:
    """Progress that nobody watches."""


def train(
    touchpoints: Iterable[TouchpointBatch],
    *,
    spec: CoreSpec,
    plan: TrainingPlan | None = None,
    incumbent: Artifact | None = None,
    progress: Progress = _silent,
) -> Trained:
    """Train a candidate, and judge it against the past rate and the model that serves.

    Args:
        touchpoints: Of all customers, in any order.
        spec: The rules of the deployment: windows, outcome types, gate.
        plan: Horizon, encoder and size.
        incumbent: What serves now; its version becomes the parent.
        progress: Called with a stage in words and its share done, 0 to 1.

    Raises:
        ConfigError: If there are too few customers, no outcome, or too little time.
    """
    chosen = plan or TrainingPlan()
    progress("reading the history", 0.0)
    history = collect(touchpoints, spec, seed=chosen.seed)
    _refuse_too_little(history)
    progress("reading the history", 1.0)
    window_ms = spec.windows.length_ms
    origin = choose_origin(history.start_ms, history.end_ms, horizon_days=chosen.horizon_days, window_ms=window_ms)
    early = _fit(history, origin.origin_ms, chosen, "fitting before the origin", progress)
    trial = set_trial(history, origin)
    calibration, candidate, by_kind = calibrate(early, trial, horizon_days=chosen.horizon_days)
    past = judge_past_rate(trial)
    serving = judge_incumbent(incumbent.scorer, trial) if incumbent is not None else None
    verdict = gate(candidate, serving, past)

    final = _fit(history, history.end_ms, chosen, "fitting on all", progress)
    artifact = pack(
        final,
        spec=spec.windows,
        outcome_types=spec.outcome_types,
        data_from_ms=history.start_ms,
        data_until_ms=history.end_ms,
        customers=history.customers,
        calibration=calibration,
        behaviours=_behaviours(final, history, calibration, incumbent, chosen.seed),
        metrics={
            **candidate.flat("candidate"),
            **by_kind,
            **past.flat("past_rate"),
            "origin_ms": float(origin.origin_ms),
            "origin_horizon_days": origin.horizon_days,
        },
        parent=incumbent.version if incumbent is not None else None,
    )
    return Trained(artifact, candidate, past, serving, verdict)


def _refuse_too_little(history: History) -> None:
    days = (history.end_ms - history.start_ms) / DAY_MS
    needed = MIN_WINDOWS * history.spec.windows.length_days
    remedy = "give a longer or larger history"
    if history.customers < MIN_CUSTOMERS:
        raise ConfigError(
            f"nothing to train on: {history.customers} customers, at least {MIN_CUSTOMERS} needed; {remedy}"
        )
    if not history.outcomes.days:
        outcomes = ", ".join(history.spec.outcome_types)
        raise ConfigError(f"nothing to train on: no touchpoint of an outcome type ({outcomes}); {remedy}")
    if days < needed:
        raise ConfigError(f"nothing to train on: {days:.1f} days of touchpoints, at least {needed} needed; {remedy}")


def _fit(history: History, until_ms: int, plan: TrainingPlan, stage: str, progress: Progress) -> Network:
    return fit(
        history,
        until_ms=until_ms,
        horizon_days=plan.horizon_days,
        encoder=plan.encoder,
        hidden=plan.hidden,
        epochs=plan.epochs,
        seed=plan.seed,
        progress=lambda share: progress(stage, share),
    )


def _behaviours(
    network: Network, history: History, calibration: Calibration, incumbent: Artifact | None, seed: int
) -> Behaviours:
    """Group the customers by what is expected of each at the last boundary he was due, and go on from the incumbent."""
    due = np.flatnonzero(~history.instants.is_touch)
    newest = due[np.append(np.diff(history.instants.customer[due]) != 0, True)]
    scorer = NetworkScorer(network, calibration=calibration, behaviours=UNGROUPED, digest="0" * 64)
    found = replay_scores(scorer, history, newest)
    types, channels = _touchpoints(history, history.instants.customer[newest])
    previous = None
    if incumbent is not None:
        said = replay_scores(incumbent.scorer, history, newest)
        points = axes(said["churn"], said["outcomes"], said["value"])
        previous = Previous(incumbent.behaviours, labels(incumbent.behaviours, points))
    profiles = Profiles(
        1.0 - found["churn"], found["outcomes"], found["value"], types, channels, horizon_days=calibration.horizon_days
    )
    return segment(profiles, previous, seed=seed)


def _touchpoints(history: History, customer: Int64Array) -> tuple[Float64Array, Float64Array]:
    """(N, types) and (N, channels) touchpoints of N customers in their closed windows."""
    lengths = np.diff(np.append(history.row_of, len(history.closed)))
    owner = np.repeat(np.arange(history.customers), lengths)
    counts = np.empty((len(customer), len(TYPES) + len(CHANNELS)))
    for column in range(counts.shape[1]):
        counts[:, column] = np.bincount(owner, np.expm1(history.closed[:, column]), history.customers)[customer]
    return counts[:, : len(TYPES)], counts[:, len(TYPES) :]
