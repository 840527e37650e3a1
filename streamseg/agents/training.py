"""Challengers trained in a process of their own: behind all others, within bounds of memory and time, resumable.

A job arrives: touchpoints, a plan, the encoders to try. Leaves: the best challenger with its verdict. Each that is
finished is kept in the job's folder, so a training that is killed goes on with those that are missing. It knows no
Kafka and decides nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import orjson

from streamseg.agents.background import making_way
from streamseg.core.spec import CoreSpec
from streamseg.errors import ConfigError, StreamsegError, TransientError
from streamseg.model.artifact import load, read_manifest
from streamseg.model.calibrate import FRESH_WINDOWS
from streamseg.model.plan import TrainingPlan
from streamseg.model.train import train
from streamseg.wire.batch import TouchpointBatch

LOOK_S: Final = 0.2
"""How often the child is looked after."""
END_LIMIT_S: Final = 5.0
"""A child that was told to end and has not by then is killed."""
MB: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class Attempt:
    """One challenger to be."""

    encoder: str
    warm: bool
    """It goes on from the incumbent's weights; else it starts from chance."""

    @property
    def name(self) -> str:
        """As its files are called."""
        return f"{self.encoder}-warm" if self.warm else self.encoder


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """All that a training depends on; equal jobs give equal challengers."""

    batches: Sequence[TouchpointBatch]
    spec: CoreSpec
    plan: TrainingPlan
    encoders: tuple[str, ...]
    """One challenger each, in this order, and one more that goes on from the incumbent's weights, if it can."""
    incumbent: bytes | None
    """Artefact of the model that serves."""

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The challengers. A warm one only where enough has come since the incumbent learnt to judge it on."""
        fresh = [Attempt(encoder, warm=False) for encoder in self.encoders]
        if self.incumbent is None:
            return tuple(fresh)
        manifest = read_manifest(self.incumbent)
        since_ms = max((int(batch.event_ms.max()) for batch in self.batches if batch), default=0)
        if since_ms - manifest["data_until_ms"] < FRESH_WINDOWS * self.spec.windows.length_ms:
            return tuple(fresh)
        alike = {one["encoder"] for one in manifest["networks"] if one["hidden"] == self.plan.hidden}
        return (*fresh, *(Attempt(encoder, warm=True) for encoder in self.encoders if encoder in alike))

    @property
    def digest(self) -> str:
        """Name of the job: of its range of data, its plan and the incumbent, 16 hexadecimal digits."""
        times = [(len(batch), int(batch.event_ms.min()), int(batch.event_ms.max())) for batch in self.batches if batch]
        seen = (
            sum(n for n, _, _ in times),
            min((t for _, t, _ in times), default=0),
            max((t for *_, t in times), default=0),
        )
        parts = (seen, self.spec, self.plan, self.encoders, hashlib.sha256(self.incumbent or b"").hexdigest())
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a training may take; what exceeds it is stopped and said."""

    minutes: float
    memory_mb: int
    """Resident memory of the child, the model library's 500 MB included; watched where there is a /proc."""


@dataclass(frozen=True, slots=True)
class Challenger:
    """A model out of training, and what its judges say."""

    version: str
    artifact: bytes
    name: str
    """Of the attempt."""
    promote: bool
    reasons: tuple[str, ...]
    figures: dict[str, float]
    """Of the judgement: `candidate.log_loss`, `incumbent.log_loss`, ..."""
    remarks: tuple[str, ...]
    """On behaviours that changed their meaning."""


async def train_challengers(job: TrainingJob, directory: Path, bounds: Bounds) -> Challenger:
    """Train what is missing of a job, and return the best challenger: one that may serve, by log loss.

    Cancelled, it ends the child; what is finished stays in `directory`, and the same job goes on from there.

    Raises:
        ConfigError: If there is too little to learn from, or a bound is too tight.
        TransientError: If the child was killed from outside.
    """
    folder = directory / job.digest
    folder.mkdir(parents=True, exist_ok=True)
    if not all(_report(folder, attempt).exists() for attempt in job.attempts):
        await _run(job, folder, bounds)
    challengers = [_read(folder, attempt) for attempt in job.attempts]
    return min(challengers, key=lambda one: (not one.promote, one.figures.get("candidate.log_loss", inf)))


async def _run(job: TrainingJob, folder: Path, bounds: Bounds) -> None:
    spawn = get_context("spawn")  # a fork would inherit threads and connections
    told, tells = spawn.Pipe(duplex=False)
    child = spawn.Process(target=_work, args=(job, folder, tells), daemon=True)
    # Handing over the columns takes a while, too.
    await asyncio.to_thread(child.start)
    tells.close()
    deadline = time.monotonic() + bounds.minutes * 60
    try:
        while child.is_alive():
            _refuse_excess(child.pid, deadline, bounds)
            await asyncio.sleep(LOOK_S)
        if complaint := _heard(told):
            raise ConfigError(complaint)
        if child.exitcode:
            raise TransientError(
                f"training ended with exit code {child.exitcode}; if the system killed it for want of memory, lower "
                f"STREAMSEG_RETRAIN_MAX_TOUCHPOINTS; what is finished is kept"
            )
    finally:
        child.terminate()
        await asyncio.to_thread(child.join, END_LIMIT_S)
        child.kill()


def _heard(told: Connection) -> str:
    """What a child that has ended had to say; empty if nothing."""
    try:
        return told.recv_bytes().decode()
    except EOFError:
        return ""


def _refuse_excess(pid: int | None, deadline: float, bounds: Bounds) -> None:
    # The resident memory is watched, not limited: a limit met inside the child fails anywhere, even in an import.
    if _resident_mb(pid) > bounds.memory_mb:
        raise ConfigError(
            f"training needs more than {bounds.memory_mb} MB of memory and was stopped; raise "
            f"STREAMSEG_RETRAIN_MAX_MEMORY_MB or lower STREAMSEG_RETRAIN_MAX_TOUCHPOINTS; what is finished is kept"
        )
    if time.monotonic() > deadline:
        raise ConfigError(
            f"training took longer than {bounds.minutes:g} minutes and was stopped; raise "
            f"STREAMSEG_RETRAIN_MAX_MINUTES or lower STREAMSEG_MODEL_EPOCHS; what is finished is kept"
        )


def _resident_mb(pid: int | None) -> float:
    """Resident memory of a process; 0 where the system doesn't tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def _work(job: TrainingJob, folder: Path, tells: Connection) -> None:
    """Be the child: train what is missing; say why if that can't be."""
    _end_with_parent()
    try:
        with making_way():
            for attempt in job.attempts:
                if not _report(folder, attempt).exists():
                    _train(job, folder, attempt)
    except StreamsegError as reason:
        tells.send_bytes(str(reason).encode())


def _train(job: TrainingJob, folder: Path, attempt: Attempt) -> None:
    """Train one challenger and keep it, its report last: a report stands for a whole result."""
    windows = job.spec.windows
    incumbent = load(job.incumbent, spec=windows) if job.incumbent is not None else None
    trained = train(
        job.batches,
        spec=job.spec,
        plan=replace(job.plan, encoders=(attempt.encoder,)),
        incumbent=incumbent,
        warm=incumbent if attempt.warm else None,
    )
    figures = trained.figures
    report = {
        "version": load(trained.artifact, spec=windows).version,
        "promote": trained.verdict.promote,
        "reasons": trained.verdict.reasons,
        "remarks": trained.remarks,
        "figures": {name: value for name, value in figures.items() if isfinite(value)},
    }
    _write(_artifact(folder, attempt), trained.artifact)
    _write(_report(folder, attempt), orjson.dumps(report))


def _read(folder: Path, attempt: Attempt) -> Challenger:
    report: dict[str, Any] = orjson.loads(_report(folder, attempt).read_bytes())
    return Challenger(
        version=report["version"],
        artifact=_artifact(folder, attempt).read_bytes(),
        name=attempt.name,
        promote=report["promote"],
        reasons=tuple(report["reasons"]),
        figures=report["figures"],
        remarks=tuple(report["remarks"]),
    )


def _artifact(folder: Path, attempt: Attempt) -> Path:
    return folder / f"{attempt.name}.safetensors"


def _report(folder: Path, attempt: Attempt) -> Path:
    return folder / f"{attempt.name}.json"


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)


def _end_with_parent() -> None:
    """Die when the agent is killed: nobody waits for the result, and the next agent begins a child of its own."""
    parent = parent_process()
    assert parent is not None  # only ever called in the child

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
