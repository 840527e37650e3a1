"""The life of a model: trained on command, worn out by a change of behaviour, replaced, defended against worse ones.

A simulated shop in which two thirds of the customers begin to look without buying on day 210. Agent and worker are
processes as an operator runs them; what they decided is read from the topic.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import orjson
import pytest
from aiokafka import AIOKafkaProducer

from streamseg.core.windows import WindowSpec
from streamseg.datasets import jsonl
from streamseg.datasets.simulator import DAY_MS, Options, simulate
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.registry import Registry, read
from streamseg.model.artifact import load
from streamseg.model.calibrate import Calibration
from streamseg.model.influence import share_limit
from streamseg.wire.topics import RETRAIN_COMMANDS
from tests.faults.cluster import GROUP, PARTITIONS, Progress, WorkerProcess, environment, publish, run
from tests.kafka.broker import Broker
from tests.kafka.models import an_untrained_model

WAIT_S = 180.0
"""Only a test that fails waits for so long."""
CHANGE_DAY, RETRAIN_DAY, END_DAY = 210, 280, 322
SHOP = Options(
    seed=3,
    customers=700,
    events=58_000,
    days=END_DAY,
    withdraw_share=0.0,
    change_day=CHANGE_DAY,
    change_share=0.65,
)
LEARNING = {"STREAMSEG_CHURN_HORIZON_DAYS": "28", "STREAMSEG_MODEL_HIDDEN_SIZE": "12", "STREAMSEG_MODEL_EPOCHS": "12"}


class Deployment:
    """A worker and an agent on one Kafka, and what they have decided."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.bootstrap, self.folder, self.port = bootstrap, folder, a_free_port()
        self.env = environment(
            bootstrap,
            **LEARNING,
            STREAMSEG_MAX_BATCH_RECORDS="8000",
            STREAMSEG_RETRAIN_LOOK_SECONDS="1",
            STREAMSEG_RETRAIN_COOLDOWN_HOURS="0",
            STREAMSEG_RETRAIN_DIRECTORY=str(folder / "retrain"),
            STREAMSEG_RETRAIN_METRICS_PORT=str(self.port),
        )
        run(["topics", "create", "--partitions", str(PARTITIONS)], self.env)
        self.worker = WorkerProcess(f"{GROUP}-one", self.env, folder)
        self.agent = WorkerProcess(f"{GROUP}-agent", self.env, folder, command="retrain")

    def restart_agent(self, **changes: str) -> None:
        """Another agent with other settings: all that it knows of the past stands on the topic."""
        assert self.agent.drain()[0] == 0
        self.env |= changes
        self.agent = WorkerProcess(f"{GROUP}-agent", self.env, self.folder, command="retrain")
        self.agent.start()

    def goes_on(self, touchpoints: Sequence[jsonl.FileRecord]) -> None:
        """Days go by; the agent sees them as one piece, so that every run of the test is the same story."""
        self.agent.freeze()
        publish(self.bootstrap, touchpoints)
        self.agent.wake()

    def registry(self) -> Registry:
        return asyncio.run(read(KafkaAccess(self.bootstrap)))

    def waits_until(self, what: str, is_so: Callable[[Registry], bool]) -> Registry:
        deadline = time.monotonic() + WAIT_S
        while not is_so(registry := self.registry()):
            assert self.agent.is_alive, self.agent.log_tail()
            assert time.monotonic() < deadline, f"{WAIT_S:.0f} s went by before {what}\n{self.agent.log_tail()}"
            time.sleep(0.5)
        return registry

    def scraped(self) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    def logs(self, process: WorkerProcess, words: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while words not in process.log_tail(10_000):
            assert time.monotonic() < deadline, f"{WAIT_S:.0f} s went by without {words!r}\n{process.log_tail()}"
            time.sleep(0.2)


def a_free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def command(bootstrap: str) -> None:
    """Not JSON, nor of any other form: what a person types."""

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        try:
            await producer.start()
            await producer.send_and_wait(RETRAIN_COMMANDS, b"now")
        finally:
            await producer.stop()

    asyncio.run(send())


def made(registry: Registry) -> list[tuple[str, str]]:
    """What was decided, and what caused it."""
    return [(decision.kind, decision.by) for decision in registry.decisions]


def the_shop() -> dict[int, list[jsonl.FileRecord]]:
    """Its touchpoints by the day that ends the part of the story in which they come."""
    parts: dict[int, list[jsonl.FileRecord]] = {CHANGE_DAY: [], RETRAIN_DAY: [], END_DAY: []}
    for record in jsonl.records(simulate(SHOP).lines()):
        day = (orjson.loads(record.value)["event_time"] - SHOP.start_ms) / DAY_MS
        parts[next(end for end in parts if day < end)].append(record)
    return parts


def a_bad_model(like: bytes, path: Path) -> str:
    """Write a model that knows nothing, with another's figures in its manifest, and return its version."""
    known = load(like, spec=WindowSpec()).manifest
    version, data = an_untrained_model(
        calibration=Calibration(28.0),
        data_until_ms=known.data_until_ms,
        reference=known.reference,
        metrics=known.metrics,
    )
    path.write_bytes(data)
    return version


def a_forged_past(customers: int) -> list[jsonl.FileRecord]:
    """Customers who never were: each buys after weeks of silence, looks around for days, buys nothing, and is silent.

    The last of it lies before the model that serves was trained, so what came since then is as true as it was.
    """
    random = np.random.default_rng(5)
    lines: list[bytes] = []
    for index in range(customers):
        day = random.uniform(0.0, 40.0)
        while day < RETRAIN_DAY:
            for kind, at, amount in (("purchase", day, 20.0), *(("view", day + late, 0.0) for late in (2, 5, 8, 11))):
                if at < RETRAIN_DAY:
                    touchpoint = {
                        "event_id": f"forged-{len(lines)}",
                        "customer_id": f"forged-{index}",
                        "type": kind,
                        "event_time": SHOP.start_ms + int(at * DAY_MS),
                        "amount": amount,
                    }
                    lines.append(orjson.dumps(touchpoint))
            day += random.uniform(35.0, 55.0)
    return list(jsonl.records(lines))


@pytest.mark.kafka
@pytest.mark.slow
def test_the_agent_notices_a_change_replaces_the_model_and_lets_no_worse_one_serve(
    own_kafka: Broker, tmp_path: Path
) -> None:
    parts, shop = the_shop(), Deployment(own_kafka.bootstrap, tmp_path)
    progress = Progress(own_kafka.bootstrap, (shop.worker,))
    try:
        publish(shop.bootstrap, parts[CHANGE_DAY])
        shop.worker.start()
        first = trains_on_command_though_it_is_killed_on_the_way(shop)
        second = notices_the_change_and_replaces_the_model(shop, first, parts[RETRAIN_DAY])
        is_better_on_what_came(shop, second, first, parts)
        rolls_a_bad_promotion_back(shop, second)
        refuses_what_was_learnt_from_a_forged_past(shop, second)
        progress.wait_until_all_is_done()
        assert (shop.worker.is_alive, shop.worker.starts) == (True, 1)
        assert [shop.agent.drain()[0], shop.worker.drain()[0]] == [0, 0]
    finally:
        progress.close()
        shop.agent.end()
        shop.worker.end()


def trains_on_command_though_it_is_killed_on_the_way(shop: Deployment) -> str:
    shop.agent.start()
    command(shop.bootstrap)
    shop.logs(shop.agent, "training, by command")
    shop.agent.kill()
    shop.agent.start()
    registry = shop.waits_until("a first model", lambda now: now.current is not None)
    assert "a training that was cut short goes on" in shop.agent.log_tail(10_000)
    assert made(registry)[:2] == [("trained", "command"), ("promoted", "command")]
    first = str(registry.current)
    shop.logs(shop.worker, f"model {first} is current")
    return first


def notices_the_change_and_replaces_the_model(
    shop: Deployment, first: str, touchpoints: Sequence[jsonl.FileRecord]
) -> str:
    shop.goes_on(touchpoints)
    registry = shop.waits_until("another model", lambda now: now.current != first)
    second, decisions = str(registry.current), registry.decisions
    drift, trained, promoted = (
        next(one for one in decisions if (one.kind, one.by) == (kind, "drift"))
        for kind in ("drift", "trained", "promoted")
    )
    assert drift.version == first
    assert any("of those expected" in reason for reason in drift.reasons)
    # How behaviours changed their meaning is said beside the cause.
    assert trained.reasons[: len(drift.reasons)] == drift.reasons
    assert trained.reasons[len(drift.reasons) :] == tuple(
        load(registry.model(second).data, spec=WindowSpec()).behaviours.remarks
    )
    assert promoted.version == second
    assert promoted.figures["candidate.log_loss"] < promoted.figures["incumbent.log_loss"]
    assert promoted.figures["influence.learnt"] <= share_limit(SHOP.customers) * (1.0 + 1e-6)
    shop.logs(shop.worker, f"model {second} is current")
    return second


def is_better_on_what_came(shop: Deployment, second: str, first: str, parts: dict[int, list[jsonl.FileRecord]]) -> None:
    # From here on nothing trains by itself: what was decided is read from the topic, not remembered in the process.
    # A network of another size can't go on from the weights of the one that serves: one challenger at a time.
    shop.restart_agent(STREAMSEG_RETRAIN_COOLDOWN_HOURS="24", STREAMSEG_MODEL_HIDDEN_SIZE="8")
    shop.goes_on(parts[END_DAY])
    path = shop.folder / "shop.jsonl.gz"
    jsonl.write(path, (record.value for part in parts.values() for record in part))
    *_, difference = run(["models", "compare", second, first, "--input", str(path)], shop.env).splitlines()
    assert difference.startswith(f"log loss of {second} minus that of {first}: -")
    assert " to -" in difference


def rolls_a_bad_promotion_back(shop: Deployment, second: str) -> None:
    bad = a_bad_model(shop.registry().model(second).data, shop.folder / "bad.safetensors")
    run(["models", "publish", str(shop.folder / "bad.safetensors"), "--reason", "a try"], shop.env)
    registry = shop.waits_until("the bad model is left", lambda now: ("rolled_back", "matured") in made(now))
    assert registry.current == second
    rolled_back = next(one for one in registry.decisions if one.kind == "rolled_back")
    assert rolled_back.version == bad
    assert rolled_back.figures["difference_low"] > 0.0
    assert any(line.startswith(f"current {second}") for line in run(["models", "list"], shop.env).splitlines())
    assert 'streamseg_retrain_decisions_total{kind="rolled_back"} 1.0' in shop.scraped()
    shown = run(["models", "show", bad], shop.env)
    assert "promoted" in shown
    assert "by operator: a try" in shown
    assert "by matured: log loss" in shown


def refuses_what_was_learnt_from_a_forged_past(shop: Deployment, second: str) -> None:
    shop.goes_on(a_forged_past(350))
    command(shop.bootstrap)
    registry = shop.waits_until("a refusal", lambda now: ("refused", "command") in made(now))
    refused = next(one for one in registry.decisions if one.kind == "refused")
    assert any(" exceeds " in reason and reason.endswith("(incumbent)") for reason in refused.reasons)
    assert refused.reasons[-1].startswith("incumbent serves: ")
    assert refused.version not in registry.versions
    assert refused.figures["influence.learnt"] <= share_limit(SHOP.customers) * (1.0 + 1e-6)
    assert registry.current == second
    assert f"refused     {refused.version}" in run(["models", "show", str(refused.version)], shop.env)
