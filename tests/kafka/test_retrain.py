"""From an empty registry: a command, a model out of the topic's own history, and a waiting worker that takes it up."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from streamseg.datasets.jsonl import FileRecord, records
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.registry import read
from streamseg.wire.topics import RETRAIN_COMMANDS
from streamseg.wire.vocabulary import TYPES
from tests.faults.cluster import GROUP, PARTITIONS, Progress, WorkerProcess, environment, publish, run
from tests.kafka.broker import Broker
from tests.unit.model.simulated import some_shoppers

WAIT_S = 180.0
"""Only a test that fails waits for so long."""


def shoppers() -> list[FileRecord]:
    """The touchpoints from which tests/unit/model trains a model that beats counting."""
    (batch,) = some_shoppers(300, 180)
    lines = (
        orjson.dumps(
            {
                "event_id": batch.event_id[row],
                "customer_id": batch.customer_id[row].decode(),
                "type": TYPES[batch.type_code[row]],
                "event_time": int(batch.event_ms[row]),
                "channel": "web",
                "amount": max(0, int(batch.amount_micro[row])) / 1e6,
            }
        )
        for row in range(len(batch))
    )
    return list(records(lines))


async def command(bootstrap: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    try:
        await producer.start()
        await producer.send_and_wait(RETRAIN_COMMANDS, value)
    finally:
        await producer.stop()


@pytest.mark.kafka
@pytest.mark.slow
def test_any_record_commands_a_retraining_whose_model_a_waiting_worker_takes_up(
    own_kafka: Broker, tmp_path: Path
) -> None:
    env = environment(
        own_kafka.bootstrap,
        STREAMSEG_CHURN_HORIZON_DAYS="28",
        STREAMSEG_MODEL_HIDDEN_SIZE="12",
        STREAMSEG_MODEL_EPOCHS="12",
        STREAMSEG_MAX_BATCH_RECORDS="8000",
    )
    run(["topics", "create", "--partitions", str(PARTITIONS)], env)
    publish(own_kafka.bootstrap, shoppers())
    trainer = WorkerProcess(f"{GROUP}-trainer", env, tmp_path, command="retrain")
    worker = WorkerProcess(f"{GROUP}-one", env, tmp_path)
    progress = Progress(own_kafka.bootstrap, (worker,))
    try:
        worker.start()
        trainer.start()
        # Not JSON, nor of any other form: what a person types.
        asyncio.run(command(own_kafka.bootstrap, b"now"))
        deadline = time.monotonic() + WAIT_S
        while (registry := asyncio.run(read(KafkaAccess(own_kafka.bootstrap)))).current is None:
            assert trainer.is_alive, trainer.log_tail()
            assert time.monotonic() < deadline, f"no model after {WAIT_S:.0f} s\n{trainer.log_tail()}"
            time.sleep(0.5)
        assert "is published and current" in trainer.log_tail()
        assert registry.current in trainer.log_tail()
        progress.wait_until_all_is_done()
        assert [trainer.drain()[0], worker.drain()[0]] == [0, 0]
    finally:
        progress.close()
        trainer.end()
        worker.end()
