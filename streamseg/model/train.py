"""From touchpoints to an artefact: fit before an origin, choose, judge and calibrate after it, refit on all.

Arrives: batches of touchpoints. Leaves: the bytes of a model, with the figures of its judgement and the verdict of the
gate. Knows no file, no Kafka and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from streamseg.core.spec import CoreSpec
from streamseg.core.windows import DAY_MS
from streamseg.errors import ConfigError
from streamseg.model.artifact import Artifact, pack
from streamseg.model.behaviours import Behaviours
from streamseg.model.calibrate import Origin, choose_origin
from streamseg.model.candidates import CLASSICAL, PARTNER, Candidate, Fits, choose, foremost
from streamseg.model.drift import refer
from streamseg.model.evaluate import Evaluation, evaluate
from streamseg.model.fit import Progress, uncapped_weights
from streamseg.model.forecaster import Forecaster, Forecasts
from streamseg.model.gate import Judged, Margins, Verdict, gate
from streamseg.model.grouping import group
from streamseg.model.history import History, collect
from streamseg.model.influence import heaviest
from streamseg.model.judge import Trial, ask, ece_by_kind, fit_map, set_trial
from streamseg.model.plan import TrainingPlan
from streamseg.model.reference import to_json
from streamseg.model.replay import Replayed
from streamseg.model.scorer import ModelScorer, unfinished
from streamseg.wire.batch import TouchpointBatch

MIN_CUSTOMERS: Final = 50
"""Fewer say nothing about the next one: nothing is trained, and so nothing is scored."""
MIN_WINDOWS: Final = 8
"""Less history has no origin with instants on both sides."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and what speaks for it."""

    artifact: bytes
    served: str
    """What is in it: encoders, a classical model, or a blend of both (`Blend.name`)."""
    evaluations: Mapping[str, Evaluation]
    """Of `candidate` (what is in the artefact), each classical model and, if there is one, the `incumbent`: on outcomes
    after the origin, by weights fitted before it and a map fitted on other customers."""
    verdict: Verdict
    """Whether the artefact may be published, be it of networks or, in their place, a classical model."""
    remarks: tuple[str, ...]
    """What became of the behaviours since the version before, in words: a drift in meaning is said, not hidden."""
    contenders: Mapping[str, Forecaster]
    """What was refitted on all, by name: each encoder, and what is served."""
    scorer: ModelScorer
    """What is in the artefact, but for its behaviours."""
    influence: Mapping[str, float]
    """What one customer could have taught and did (`influence.heaviest`)."""

    @property
    def candidate(self) -> Evaluation:
        """Of what is in the artefact."""
        return self.evaluations["candidate"]

    @property
    def figures(self) -> dict[str, float]:
        """All evaluations, flat, and the influence: `candidate.log_loss`, `incumbent.auc`, `influence.learnt`, ..."""
        return {**_flat(self.evaluations), **self.influence}


def _silent(stage: str, share: float) -> None:
    """Progress that nobody watches."""


def train(
    touchpoints: Iterable[TouchpointBatch],
    *,
    spec: CoreSpec,
    plan: TrainingPlan | None = None,
    incumbent: Artifact | None = None,
    warm: Artifact | None = None,
    progress: Progress = _silent,
) -> Trained:
    """Train a candidate, and judge it against the classical models and the model that serves.

    Args:
        touchpoints: Of all customers, in any order.
        spec: The rules of the deployment: windows, outcome types, gate.
        plan: Horizon, encoders and size.
        incumbent: What serves now; its version becomes the parent.
        warm: Networks of the same shape start from the weights of this model instead of from chance.
        progress: Called with a stage in words and its share done, 0 to 1.

    Raises:
        ConfigError: If there are too few customers, no outcome, or too little time.
    """
    chosen = plan or TrainingPlan()
    progress("reading the history", 0.0)
    history = collect(touchpoints, spec, seed=chosen.seed)
    progress("reading the history", 1.0)
    return train_on(history, plan=chosen, incumbent=incumbent, warm=warm, progress=progress)


def train_on(
    history: History,
    *,
    plan: TrainingPlan,
    incumbent: Artifact | None = None,
    warm: Artifact | None = None,
    compare_all: bool = False,
    progress: Progress = _silent,
) -> Trained:
    """As `train`, from a history that is at hand; `compare_all` refits encoders that are not served, too.

    Raises:
        ConfigError: If there are too few customers, no outcome, or too little time.
    """
    _refuse_too_little(history)
    origin = choose_origin(
        history.start_ms,
        history.end_ms,
        horizon_days=plan.horizon_days,
        window_ms=history.spec.windows.length_ms,
        seen_ms=incumbent.manifest.data_until_ms if incumbent is not None else None,
    )
    trial = set_trial(history, origin)
    fits = Fits(history, plan, warm, progress)
    bars = {name: fits.early_classical(name, trial) for name in CLASSICAL}
    hopeless = _hopeless(history, plan, trial)
    candidates = {} if hopeless else choose(fits, trial, bars[PARTNER].raw)
    best = foremost(list(candidates.values()), trial) if candidates else bars[PARTNER]
    serving = ask(incumbent.scorer.over(origin.horizon_days), trial) if incumbent is not None else None
    verdict = gate(
        _judged("candidate", best.served),
        incumbent=_judged("incumbent", serving) if serving is not None else None,
        classical=[_judged(name, bar.served) for name, bar in bars.items()],
        actual=trial.actual,
        customer=trial.instants.customer,
        alert_threshold=plan.alert_threshold,
    )
    if hopeless:
        # Too little to judge by is no reason to take away what serves.
        stays = PARTNER if serving is None else "incumbent"
        verdict = replace(
            verdict, promote=False, serve=stays, reasons=(f"{hopeless}: {stays} serves", *verdict.reasons)
        )
    if verdict.serve in bars:
        # Neither the candidate nor an incumbent may serve: a classical model does, and is published like any other.
        best, verdict = bars[verdict.serve], replace(verdict, promote=True)
    refitted = {
        name: _refit(fits, trial, one) for name, one in {**(candidates if compare_all else {}), best.name: best}.items()
    }
    scorer = refitted[best.name]
    figures = {"candidate": _evaluate(best.served, trial, plan)}
    figures |= {name: _evaluate(bar.served, trial, plan) for name, bar in bars.items()}
    figures |= {"incumbent": _evaluate(serving, trial, plan)} if serving is not None else {}
    behaviours = group(scorer, history, incumbent, seed=plan.seed)
    by_kind = ece_by_kind(best.served, trial)
    influence = heaviest(history.instants.customer, uncapped_weights(history.instants))
    metrics = {**_flat(figures), **by_kind, **influence}
    return Trained(
        artifact=_pack(scorer, history, behaviours, metrics, origin, verdict, incumbent),
        served=best.name,
        evaluations=figures,
        verdict=verdict,
        remarks=behaviours.remarks,
        contenders={name: Replayed(name, one) for name, one in refitted.items()},
        scorer=scorer,
        influence=influence,
    )


def _hopeless(history: History, plan: TrainingPlan, trial: Trial) -> str:
    """Why no network is tried at all, in words; empty if there is no reason."""
    fewest, needed = trial.fewest_customers(), Margins().class_customers
    if fewest < needed:
        return f"{fewest} customers of one class are too few to learn from, at least {needed} needed"
    days, window_days = (history.end_ms - history.start_ms) / DAY_MS, history.spec.windows.length_days
    if plan.horizon_days > days + window_days:
        return (
            f"a horizon of {plan.horizon_days:g} days is longer than the {days:.0f} days of history, and no network "
            "learns what it has never seen"
        )
    return ""


def _refit(fits: Fits, trial: Trial, one: Candidate) -> ModelScorer:
    """The same members fitted on all, with the map that was fitted on the trial."""
    calibration = replace(fit_map(one.raw, trial), horizon_days=fits.plan.horizon_days)
    return unfinished(fits.refit(one), calibration)


def _pack(
    scorer: ModelScorer,
    history: History,
    behaviours: Behaviours,
    figures: Mapping[str, float],
    origin: Origin,
    verdict: Verdict,
    incumbent: Artifact | None,
) -> bytes:
    """Remember what inputs and scores were like, and write all of it down."""
    ece, bias_pct = figures["candidate.ece"], figures["candidate.bias_pct"]
    return pack(
        scorer.blend,
        spec=history.spec.windows,
        outcome_types=history.spec.outcome_types,
        data_from_ms=history.start_ms,
        data_until_ms=history.end_ms,
        customers=history.customers,
        calibration=scorer.calibration,
        behaviours=behaviours,
        reference=to_json(refer(scorer, history, ece=ece, bias_pct=bias_pct)),
        metrics={**figures, "origin_ms": float(origin.origin_ms), "origin_horizon_days": origin.horizon_days},
        reasons=verdict.reasons,
        parent=incumbent.version if incumbent is not None else None,
    )


def _flat(figures: Mapping[str, Evaluation]) -> dict[str, float]:
    return {name: value for who, one in figures.items() for name, value in one.flat(who).items()}


def _evaluate(said: Forecasts, trial: Trial, plan: TrainingPlan) -> Evaluation:
    return evaluate(said.none, said.count, trial.actual, alert_threshold=plan.alert_threshold)


def _judged(name: str, said: Forecasts) -> Judged:
    return Judged(name, said.none, said.count)


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
