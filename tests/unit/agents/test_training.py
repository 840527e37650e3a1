"""Training in a process of its own: what is finished is kept, and what takes too much is stopped and said."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from streamseg.agents.training import Bounds, Challenger, TrainingJob, train_challengers
from streamseg.core.spec import CoreSpec
from streamseg.errors import ConfigError
from streamseg.model.artifact import load
from streamseg.model.candidates import TrainingPlan
from tests.unit.model.simulated import some_shoppers

SPEC = CoreSpec()
PLAN = TrainingPlan(horizon_days=28.0, hidden=4, epochs=1)
BOUNDS = Bounds(minutes=2.0, memory_mb=4_096)


@pytest.fixture(scope="module")
def job() -> TrainingJob:
    return TrainingJob(some_shoppers(80, 120), SPEC, PLAN, ("lstm", "gru"), None)


def trained(job: TrainingJob, folder: Path, bounds: Bounds = BOUNDS) -> Challenger:
    return asyncio.run(train_challengers(job, folder, bounds))


def rewritten(report: Path, **changes: object) -> None:
    report.write_bytes(orjson.dumps(orjson.loads(report.read_bytes()) | changes))


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_with_what_is_missing_and_the_best_that_may_serve_wins(
    job: TrainingJob, tmp_path: Path
) -> None:
    first = trained(job, tmp_path)
    assert load(first.artifact, spec=SPEC.windows).version == first.version
    lstm, gru = (tmp_path / job.digest / f"{encoder}.json" for encoder in ("lstm", "gru"))
    # The mark shows that the finished one is taken as it is; the one without a report is trained again.
    rewritten(lstm, promote=True, reasons=["kept"])
    version = orjson.loads(gru.read_bytes())["version"]
    gru.unlink()
    again = trained(job, tmp_path)
    assert (again.encoder, again.promote, again.reasons) == ("lstm", True, ("kept",))
    assert orjson.loads(gru.read_bytes())["version"] == version
    rewritten(gru, promote=True, figures={"candidate.log_loss": 0.0})
    assert trained(job, tmp_path).encoder == "gru"


def test_other_data_another_plan_or_another_incumbent_are_another_job(job: TrainingJob) -> None:
    others = (
        replace(job, batches=some_shoppers(81, 120)),
        replace(job, plan=replace(PLAN, epochs=2)),
        replace(job, encoders=("lstm",)),
        replace(job, incumbent=b"another"),
    )
    digests = {job.digest, *(other.digest for other in others)}
    assert len(digests) == 5
    assert replace(job, batches=some_shoppers(80, 120)).digest == job.digest


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (
            Bounds(minutes=0.001, memory_mb=4_096),
            "training took longer than 0.001 minutes and was stopped; raise STREAMSEG_RETRAIN_MAX_MINUTES or lower "
            "STREAMSEG_MODEL_EPOCHS; what is finished is kept",
        ),
        (
            Bounds(minutes=2.0, memory_mb=256),
            "training needs more than 256 MB of memory and was stopped; raise STREAMSEG_RETRAIN_MAX_MEMORY_MB or lower "
            "STREAMSEG_RETRAIN_MAX_TOUCHPOINTS; what is finished is kept",
        ),
    ],
    ids=["time", "memory"],
)
def test_a_training_beyond_its_bounds_is_stopped_and_says_which(
    job: TrainingJob, tmp_path: Path, bounds: Bounds, message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        trained(job, tmp_path, bounds)
    assert str(refused.value) == message


def test_too_little_to_learn_from_is_the_answer_of_the_child(tmp_path: Path) -> None:
    small = TrainingJob(some_shoppers(3, 120), SPEC, PLAN, ("lstm",), None)
    with pytest.raises(ConfigError, match="nothing to train on: 3 customers, at least 50 needed"):
        trained(small, tmp_path)
