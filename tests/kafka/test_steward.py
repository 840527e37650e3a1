"""The steward's steps on a topic, without its Faust app: shadows are watched and judged, failures are remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
import pytest

from streamseg import compose
from streamseg.agents.steward import Steward
from streamseg.agents.training import TrainingJob
from streamseg.datasets import jsonl
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.embedded import embedded_broker
from streamseg.kafka.produce import produce
from streamseg.kafka.registry import Registry, publish, read
from streamseg.model.calibrate import Calibration
from streamseg.ops.retrain_metrics import RetrainMetrics
from streamseg.settings import Settings
from streamseg.settings import load as load_settings
from streamseg.wire.model_decisions import Why
from streamseg.wire.vocabulary import TYPES
from tests.kafka.models import an_untrained_model
from tests.unit.model.simulated import DAY_MS, START_MS, some_shoppers

pytestmark = pytest.mark.kafka
SEEN_DAYS = 120
"""What the models of these tests have learnt from; what comes later, neither has."""


def a_model(*, offset: float = 0.0) -> tuple[str, bytes]:
    """Version and bytes of a small model, all of one network; the offset says how sure it is of everybody's loss."""
    return an_untrained_model(calibration=Calibration(28.0, offset=offset), data_until_ms=START_MS + SEEN_DAYS * DAY_MS)


def shoppers(customers: int) -> dict[bool, list[jsonl.FileRecord]]:
    """Touchpoints of half a year, by whether the models have learnt from them."""
    (batch,) = some_shoppers(customers, 180)
    parts: dict[bool, list[jsonl.FileRecord]] = {True: [], False: []}
    for row in range(len(batch)):
        told = {
            "event_id": batch.event_id[row],
            "customer_id": batch.customer_id[row].decode(),
            "type": TYPES[batch.type_code[row]],
            "event_time": int(batch.event_ms[row]),
            "amount": int(batch.amount_micro[row]) / 1e6,
        }
        (record,) = jsonl.records([orjson.dumps(told)])
        parts[told["event_time"] < START_MS + SEEN_DAYS * DAY_MS].append(record)
    return parts


def settings_for(bootstrap: str, **changes: str) -> Settings:
    return load_settings(
        {
            "STREAMSEG_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "STREAMSEG_CHURN_HORIZON_DAYS": "28",
            "STREAMSEG_RETRAIN_SHADOW_DAYS": "28",
            **changes,
        }
    )


def play(
    tmp_path: Path, story: Callable[[Steward, KafkaAccess, RetrainMetrics], Awaitable[None]], **settings: str
) -> None:
    with embedded_broker() as bootstrap:
        chosen = settings_for(bootstrap, **settings)
        metrics = RetrainMetrics()

        async def run() -> None:
            await story(Steward(chosen, tmp_path, metrics), KafkaAccess(bootstrap), metrics)

        asyncio.run(run())


def last(registry: Registry) -> tuple[str, str | None, str]:
    decision = registry.decisions[-1]
    return decision.kind, decision.version, decision.by


@pytest.mark.parametrize(("offset", "fate"), [(-1.0, "promoted"), (1.0, "refused")])
def test_a_challenger_in_the_shadow_is_judged_on_live_traffic_when_its_time_is_over(
    tmp_path: Path, offset: float, fate: str
) -> None:
    (serving, data), (waiting, other) = a_model(), a_model(offset=offset)
    parts = shoppers(150)

    async def story(steward: Steward, access: KafkaAccess, metrics: RetrainMetrics) -> None:
        await publish(access, serving, data, why=Why("operator", 1))
        await publish(access, waiting, other, kind="shadowed", why=Why("drift", 2))
        await produce(access, parts[True])
        step = await steward.look()
        assert (step.what, step.reasons) == ("wait", (f"{waiting} has been in the shadow for 0.0 of 28 days",))
        await produce(access, parts[False])
        step = await steward.look()
        assert any(reason.startswith("log loss ") and " on " in reason for reason in step.reasons)
        registry = await read(access)
        assert last(registry) == (fate, waiting, "shadow")
        assert registry.current == (waiting if fate == "promoted" else serving)
        assert registry.shadow is None
        assert metrics.registry.get_sample_value("streamseg_retrain_decisions_total", {"kind": fate}) == 1.0

    play(tmp_path, story)


def test_a_training_that_comes_to_nothing_is_remembered_with_its_reason(tmp_path: Path) -> None:
    async def story(steward: Steward, access: KafkaAccess, metrics: RetrainMetrics) -> None:
        await produce(access, shoppers(10)[True])
        step = await steward.look(commanded_ms=1)
        assert (step.what, step.by) == ("train", "command")
        registry = await read(access)
        assert last(registry) == ("failed", None, "command")
        assert registry.decisions[-1].reasons == (
            "a command arrived",
            "nothing to train on: 10 customers, at least 50 needed; give a longer or larger history",
        )
        # The same command comes again where an agent was stopped; it has been answered.
        assert (await steward.look(commanded_ms=1)).what == "wait"
        assert list(tmp_path.glob("*.json")) == []

    play(tmp_path, story)


def test_a_change_in_what_the_behaviours_mean_is_told_with_the_training(tmp_path: Path) -> None:
    version, data = a_model()
    remarks = ("'steady' has ended: no new behaviour overlaps it by more than half", "'rare' is new")
    (batch,) = some_shoppers(10, 180)
    records = shoppers(10)

    async def story(steward: Steward, access: KafkaAccess, metrics: RetrainMetrics) -> None:
        await produce(access, [*records[True], *records[False]])
        settings = settings_for(access.bootstrap_servers)
        job = TrainingJob(
            [batch], compose.core_spec(settings), compose.training_plan(settings), compose.encoders(settings), None
        )
        # The challenger of an agent that was stopped between the end of the training and its decision.
        folder = tmp_path / job.digest
        folder.mkdir()
        (folder / "lstm.safetensors").write_bytes(data)
        report = {"version": version, "promote": True, "reasons": ["better"], "remarks": remarks, "figures": {}}
        (folder / "lstm.json").write_bytes(orjson.dumps(report))
        await steward.look(commanded_ms=1)
        trained, promoted = (await read(access)).decisions
        assert (trained.kind, trained.version, trained.reasons) == (
            "trained", version, ("a command arrived", *remarks),
        )  # fmt: skip
        assert (promoted.kind, promoted.version, promoted.reasons) == ("promoted", version, ("better",))

    play(tmp_path, story)


def test_a_look_without_touchpoints_or_models_does_nothing(tmp_path: Path) -> None:
    async def story(steward: Steward, access: KafkaAccess, metrics: RetrainMetrics) -> None:
        await produce(access, shoppers(10)[True][:1])
        step = await steward.look()
        assert (step.what, step.reasons) == ("wait", ("nothing asks for a training",))
        assert (await read(access)).decisions == ()
        assert metrics.registry.get_sample_value("streamseg_retrain_touchpoints") == 1.0

    play(tmp_path, story)
