"""The steward of the models: looks at what has come, gathers evidence, takes one step, and says why on the topic.

Looks and commands arrive; artefacts and decisions leave, into the registry. What to do is decided in `conduct.py`, what
speaks for it is found in `evidence.py`, challengers come from `training.py`; here stands only the order of things.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from streamseg import compose
from streamseg.agents.conduct import Situation, Step, Triggers, fate, next_step
from streamseg.agents.evidence import Evidence, Looking, Models, gather
from streamseg.agents.history import TopicHistory
from streamseg.agents.training import Bounds, Challenger, TrainingJob, train_challengers
from streamseg.errors import ConfigError, StreamsegError
from streamseg.kafka.registry import Registry, note, promote, publish, read, rollback
from streamseg.model.artifact import Artifact, load
from streamseg.model.history import collect
from streamseg.ops.retrain_metrics import RetrainMetrics
from streamseg.settings import Settings
from streamseg.wire.model_decisions import By, Kind, ModelDecision, Why, describe_decision

log = logging.getLogger(__name__)

JOB: Final = "job.json"
"""In the directory while a training goes on: up to where it read, and what caused it."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Evidence, and the state that it was gathered in: while that stands, it need not be gathered again."""

    state: tuple[object, ...]
    models: Models
    evidence: Evidence


class Steward:
    """One for a deployment. Its looks come one after the other.

    Args:
        settings: The tree.
        directory: Where finished challengers are kept.
        metrics: Told of everything that is done.
    """

    def __init__(self, settings: Settings, directory: Path, metrics: RetrainMetrics) -> None:
        self._access, self._spec = compose.kafka_access(settings), compose.core_spec(settings)
        self._plan, self._encoders = compose.training_plan(settings), compose.encoders(settings)
        retrain = settings.retrain
        self._bounds = Bounds(retrain.max_minutes, retrain.max_memory_mb)
        self._triggers = Triggers(
            interval_hours=retrain.interval_hours,
            new_touchpoints=retrain.new_touchpoints,
            cooldown_hours=retrain.cooldown_hours,
            shadow_days=retrain.shadow_days,
        )
        self._looking = Looking(
            drift_limits=compose.drift_limits(settings),
            alert_threshold=settings.decisions.at_risk_enter,
        )
        self._history = TopicHistory(
            self._access, compose.decode_limits(settings, live=True), max_touchpoints=retrain.max_touchpoints
        )
        self._directory, self._metrics = directory, metrics
        self._started_ms = _now_ms()
        self._unfinished = _read_job(directory / JOB)
        self._found: _Found | None = None

    async def look(self, *, commanded_ms: int | None = None) -> Step:
        """Read what has come, and do the one thing that is to be done.

        Args:
            commanded_ms: When a person asked for a training. One that has ended since has answered it already: a
                command comes again where an agent was stopped before it had finished.

        Raises:
            ConfigError: If the topic or a setting is not as it must be.
            TransientError: If the brokers did not answer.
        """
        registry = await read(self._access)
        if self._unfinished is not None:
            ends, step = self._unfinished
            await self._history.catch_up(ends)
            log.info("a training that was cut short goes on")
            await self._train(registry, step)
            return step
        await self._history.catch_up()
        found = await self._gather(registry)
        step = next_step(self._situation(registry, found, commanded_ms), self._triggers)
        self._metrics.looked(_now_ms(), touchpoints=len(self._history), version=registry.current)
        await self._take(step, registry, found)
        return step

    # --- what is known ------------------------------------------------------------------------------------------------

    async def _gather(self, registry: Registry) -> _Found:
        shadow = registry.shadow
        waiting = shadow.version if shadow is not None else None
        before = registry.before[0] if registry.before else None
        state = (dict(self._history.ends), registry.current, before, waiting)
        if self._found is None or self._found.state != state:
            models = Models(*(self._load(registry, version) for version in (registry.current, before, waiting)))
            evidence = await asyncio.to_thread(self._evidence, models)
            self._found = _Found(state, models, evidence)
            self._metrics.drifted(evidence.drift_figures)
        return self._found

    def _evidence(self, models: Models) -> Evidence:
        """Takes a while: in a thread of its own, so that the heartbeats of the command's consumer go on."""
        if models.current is None or not len(self._history):
            return Evidence()
        return gather(collect(self._history.batches, self._spec), models, self._looking)

    def _load(self, registry: Registry, version: str | None) -> Artifact | None:
        if version is None:
            return None
        try:
            return load(registry.model(version).data, spec=self._spec.windows)
        except ConfigError as reason:
            log.warning("model %s can't be compared with: %s", version, reason)
            return None

    def _situation(self, registry: Registry, found: _Found, commanded_ms: int | None) -> Situation:
        trainings = [one for one in registry.decisions if one.kind in ("trained", "failed")]
        last = trainings[-1] if trainings else None
        seen_ms = max(
            int(last.figures.get("data_until_ms", 0)) if last is not None else 0,
            found.models.current.manifest.data_until_ms if found.models.current is not None else 0,
        )
        return Situation(
            now_ms=_now_ms(),
            last_training_ms=last.at_ms if last is not None else self._started_ms,
            is_first=last is None,
            is_commanded=commanded_ms is not None and (last is None or commanded_ms > last.at_ms),
            current=registry.current,
            before=registry.before[0] if registry.before else None,
            worse=found.evidence.worse,
            drift=found.evidence.drift,
            new_touchpoints=self._history.newer_than(seen_ms),
            shadow=found.evidence.shadow,
        )

    # --- what is done -------------------------------------------------------------------------------------------------

    async def _take(self, step: Step, registry: Registry, found: _Found) -> None:
        evidence, models = found.evidence, found.models
        if step.what == "train":
            if step.by == "drift":
                await self._note("drift", registry.current, step, evidence.drift_figures)
            await self._train(registry, step)
        elif step.what == "roll_back":
            why = self._why(step, evidence.matured_figures)
            await rollback(self._access, of=registry.current, why=why)
            self._say(why.decision("rolled_back", registry.current))
        elif step.what == "promote" and models.shadow is not None:
            why = self._why(step, evidence.shadow_figures)
            await promote(self._access, models.shadow.version, why=why)
            self._say(why.decision("promoted", models.shadow.version))
        elif step.what == "refuse" and models.shadow is not None:
            await self._note("refused", models.shadow.version, step, evidence.shadow_figures)
        else:
            log.debug("nothing is done: %s", "; ".join(step.reasons))

    async def _train(self, registry: Registry, step: Step) -> None:
        log.info("training, by %s: %s", step.by, "; ".join(step.reasons))
        self._begin(step)
        incumbent = self._load(registry, registry.current)
        job = TrainingJob(
            batches=tuple(self._history.batches),
            spec=self._spec,
            plan=self._plan,
            encoders=self._encoders,
            incumbent=registry.model(incumbent.version).data if incumbent is not None else None,
        )
        figures = {"touchpoints": float(len(self._history)), "data_until_ms": float(self._history.until_ms)}
        started = time.monotonic()
        try:
            challenger = await train_challengers(job, self._directory, self._bounds)
        except StreamsegError as reason:
            failed = Step(step.what, step.by, (*step.reasons, str(reason)))
            await self._note("failed", None, failed, figures)
        else:
            seconds = time.monotonic() - started
            self._metrics.trained(seconds)
            figures |= {"seconds": seconds, **challenger.figures}
            told = Step(step.what, step.by, (*step.reasons, *challenger.remarks))
            await self._note("trained", challenger.version, told, figures)
            await self._send(challenger, step, registry.current)
            shutil.rmtree(self._directory / job.digest, ignore_errors=True)
        self._unfinished = None
        (self._directory / JOB).unlink(missing_ok=True)

    async def _send(self, challenger: Challenger, cause: Step, judged_against: str | None) -> None:
        """Send a challenger where the gate says: into service, into the shadow, or nowhere."""
        registry = await read(self._access)
        step = fate(
            version=challenger.version,
            promote=challenger.promote,
            reasons=challenger.reasons,
            by=_cause(cause),
            judged_against=judged_against,
            current=registry.current,
            rolled_back={one.version for one in registry.decisions if one.kind == "rolled_back"},
            triggers=self._triggers,
        )
        if step.what == "refuse":
            await self._note("refused", challenger.version, step, challenger.figures)
            return
        kind: Literal["promoted", "shadowed"] = "promoted" if step.what == "promote" else "shadowed"
        why = self._why(step, challenger.figures)
        await publish(self._access, challenger.version, challenger.artifact, kind=kind, why=why)
        self._say(why.decision(kind, challenger.version))

    async def _note(self, kind: Kind, version: str | None, step: Step, figures: Mapping[str, float]) -> None:
        decision = self._why(step, figures).decision(kind, version)
        await note(self._access, decision)
        self._say(decision)

    def _say(self, decision: ModelDecision) -> None:
        """To the log and the metrics; the topic has it already."""
        tell = log.warning if decision.kind in ("refused", "failed", "rolled_back", "drift") else log.info
        tell("%s", describe_decision(decision))
        self._metrics.decided(decision.kind)

    @staticmethod
    def _why(step: Step, figures: Mapping[str, float]) -> Why:
        return Why(_cause(step), _now_ms(), step.reasons, figures)

    def _begin(self, step: Step) -> None:
        """Remember what a training reads, so that the next look, or the next agent, goes on with those touchpoints."""
        self._unfinished = dict(self._history.ends), step
        told = {"ends": {str(k): v for k, v in self._history.ends.items()}, "by": step.by, "reasons": step.reasons}
        part = self._directory / f"{JOB}.part"
        part.write_bytes(orjson.dumps(told))
        part.replace(self._directory / JOB)


def _read_job(path: Path) -> tuple[dict[int, int], Step] | None:
    """The training that another agent did not finish: up to where it read, and what caused it."""
    if not path.exists():
        return None
    told: dict[str, Any] = orjson.loads(path.read_bytes())
    ends = {int(partition): end for partition, end in told["ends"].items()}
    return ends, Step("train", told["by"], tuple(told["reasons"]))


def _cause(step: Step) -> By:
    assert step.by is not None  # whatever is done has a cause; only waiting has none
    return step.by


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
