"""Training in a process of its own: what is finished is kept, and what takes too much is stopped and said."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from streamseg.agents.training import Attempt, Bounds, Challenger, TrainingJob, train_challengers
from streamseg.core.scores import Float32Array
from streamseg.core.spec import CoreSpec
from streamseg.errors import ConfigError
from streamseg.model.artifact import load
from streamseg.model.calibrate import FRESH_WINDOWS
from streamseg.model.influence import share_limit
from streamseg.model.network import Network
from streamseg.model.plan import TrainingPlan
from streamseg.model.train import train
from streamseg.wire.batch import TouchpointBatch
from tests.kafka.models import an_untrained_model
from tests.unit.model.simulated import DAY_MS, START_MS, a_batch, some_shoppers

SPEC = CoreSpec()
PLAN = TrainingPlan(horizon_days=28.0, hidden=4, epochs=1, max_steps=1)
"""One pass: quick, and too short to learn much in."""
INFLUENCE = ("influence.sent", "influence.learnt")
BOUNDS = Bounds(minutes=2.0, memory_mb=4_096)


@pytest.fixture(scope="module")
def job() -> TrainingJob:
    return TrainingJob(some_shoppers(80, 120), SPEC, PLAN, ("lstm", "gru"), None)


def an_incumbent(*, hidden: int = PLAN.hidden, seen_days: int = 120) -> bytes:
    """An LSTM that has learnt, allegedly, from so many days."""
    return an_untrained_model(hidden=hidden, data_until_ms=START_MS + seen_days * DAY_MS)[1]


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
    rewritten(lstm, promote=True, reasons=["kept"], remarks=["'steady' has ended"])
    version = orjson.loads(gru.read_bytes())["version"]
    gru.unlink()
    again = trained(job, tmp_path)
    assert (again.name, again.promote, again.reasons) == ("lstm", True, ("kept",))
    assert again.remarks == ("'steady' has ended",)
    assert orjson.loads(gru.read_bytes())["version"] == version
    rewritten(gru, promote=True, figures={"candidate.log_loss": 0.0})
    assert trained(job, tmp_path).name == "gru"


def test_other_data_another_plan_or_another_incumbent_are_another_job(job: TrainingJob) -> None:
    others = (
        replace(job, batches=some_shoppers(81, 120)),
        replace(job, plan=replace(PLAN, epochs=2)),
        replace(job, encoders=("lstm",)),
        replace(job, incumbent=an_incumbent()),
    )
    digests = {job.digest, *(other.digest for other in others)}
    assert len(digests) == 5
    assert replace(job, batches=some_shoppers(80, 120)).digest == job.digest


FRESH = [Attempt("lstm", warm=False), Attempt("gru", warm=False)]
WARM = Attempt("lstm", warm=True)


def test_a_challenger_goes_on_from_the_incumbent_where_its_shape_is_alike_and_enough_has_come(
    job: TrainingJob,
) -> None:
    last_day = (max(int(batch.event_ms.max()) for batch in job.batches) - START_MS) // DAY_MS
    enough = last_day - FRESH_WINDOWS * SPEC.windows.length_days
    assert replace(job, incumbent=an_incumbent(seen_days=enough)).attempts == (*FRESH, WARM)
    # A day less, and it would be judged on what the weights that it starts from have learnt.
    assert replace(job, incumbent=an_incumbent(seen_days=enough + 1)).attempts == tuple(FRESH)
    assert replace(job, incumbent=an_incumbent(hidden=8, seen_days=enough)).attempts == tuple(FRESH)
    assert job.attempts == tuple(FRESH)
    assert WARM.name == "lstm-warm"


@pytest.mark.slow
def test_a_warm_challenger_starts_from_the_incumbents_weights_and_a_fresh_one_from_chance(tmp_path: Path) -> None:
    (whole,) = some_shoppers(200, 180)
    known = until(whole, START_MS + 120 * DAY_MS)
    incumbent = train([known], spec=SPEC, plan=replace(PLAN, epochs=10, max_steps=300)).artifact
    # What a challenger knows after one pass it had from the start.
    job = TrainingJob([whole], SPEC, PLAN, ("lstm",), incumbent)
    best = trained(job, tmp_path)
    kept = {name: (tmp_path / job.digest / f"{name}.safetensors").read_bytes() for name in ("lstm", "lstm-warm")}
    assert (best.name, best.artifact) == ("lstm-warm", kept["lstm-warm"])
    learnt, fresh, warm = (weights(one) for one in (incumbent, kept["lstm"], kept["lstm-warm"]))
    assert np.abs(warm - learnt).max() < 0.05 < np.abs(fresh - learnt).max()


@pytest.mark.slow
def test_what_one_customer_floods_the_topic_with_teaches_no_more_than_its_share(tmp_path: Path) -> None:
    # One touchpoint a week is learnt from, so only who has flooded for years would carry more than the limit.
    (crowd,), weeks = some_shoppers(120, 70), 194
    times = (crowd.event_ms + weeks * SPEC.windows.length_ms).tolist()
    rows = [(f"c{i % 120}", "view" if i % 3 else "purchase", time_ms, 9.0) for i, time_ms in enumerate(times)]
    flood = [("bot", "purchase", START_MS + turn * DAY_MS // 20, 1e5) for turn in range(20 * (weeks + 10) * 7)]
    batch = a_batch(sorted([*rows, *flood], key=lambda row: row[2]))
    assert len(flood) > 0.9 * len(batch.event_ms)
    best = trained(TrainingJob([batch], SPEC, PLAN, ("lstm",), None), tmp_path)
    limit = share_limit(121)
    assert best.figures["influence.sent"] > 2.0 * limit
    assert best.figures["influence.learnt"] == pytest.approx(limit)
    manifest = load(best.artifact, spec=SPEC.windows).manifest
    assert {name: manifest.metrics[name] for name in INFLUENCE} == {name: best.figures[name] for name in INFLUENCE}


def until(batch: TouchpointBatch, end_ms: int) -> TouchpointBatch:
    """What had come by then, of a batch in the order of time."""
    stop = int(np.searchsorted(batch.event_ms, end_ms))
    return TouchpointBatch(**{column.name: getattr(batch, column.name)[:stop] for column in fields(batch)})


def weights(artifact: bytes) -> Float32Array:
    """Of the network, side by side."""
    (network,) = load(artifact, spec=SPEC.windows).scorer.blend.networks
    return np.concatenate([value.detach().numpy().ravel() for value in Network.of(network).parameters()])


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
