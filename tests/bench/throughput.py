"""How fast is one worker, exactly once and with a model, beside a bare loop that only reads and parses the same?

Arrives: a machine with Java (or Docker). Leaves: events per second of both in the same run, their ratio, as a table and
as JSON. The bare loop is aiokafka's `getmany` and `orjson.loads`: what no Python worker on this client can pass.
`python -m tests.bench.throughput --json build/throughput.json`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamseg.datasets import jsonl
from streamseg.datasets.jsonl import FileRecord
from streamseg.datasets.simulator import Options, simulate
from tests.faults.cluster import PARTITIONS, Progress, WorkerProcess, environment, publish, run
from tests.kafka import broker as brokers

WARM_UP_SHARE = 0.1
"""Of the touchpoints, left out of the worker's time: first fetches, first scores, growing tables."""


@dataclass(frozen=True, slots=True)
class Round:
    """Events per second of one round."""

    bare: float
    worker: float


def main() -> None:
    """Measure, and say what was measured."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="streamseg-bench-") as name:
        folder = Path(name)
        # Four weeks, not a year: a year in seconds would measure the sweeps of 52 weeks, which a live worker spreads.
        shop = Options(seed=11, customers=arguments.customers, events=arguments.events, days=28)
        records = list(jsonl.records(simulate(shop).lines()))
        model = _model(folder, hidden=arguments.hidden)
        rounds = _rounds(records, model, folder, arguments)
    report = _report(rounds, records, arguments)
    print(f"median: bare {report['bare_events_per_s']:,} ev/s, worker {report['worker_events_per_s']:,} ev/s, ", end="")
    print(f"ratio {report['ratio']:.3f} ({report['touchpoint_bytes']} bytes a touchpoint, hidden {arguments.hidden})")
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=600_000, help="touchpoints a round (default: %(default)s)")
    parser.add_argument("--customers", type=int, default=6_000, help="default: %(default)s")
    parser.add_argument("--hidden", type=int, default=64, help="units of the model (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--max-batch", type=int, default=16_000, help="records a transaction (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    return parser.parse_args()


def _model(folder: Path, *, hidden: int) -> Path:
    """Train on a small shop of the same kind; how good the model is doesn't change how fast it is."""
    past, model = folder / "past.jsonl", folder / "bench.model"
    jsonl.write(past, simulate(Options(seed=10, customers=600, events=24_000)).lines())
    env = environment("unused:9092", STREAMSEG_MODEL_HIDDEN_SIZE=str(hidden))
    run(["train", "--input", str(past), "--output", str(model)], env, limit_s=900)
    return model


def _rounds(records: Sequence[FileRecord], model: Path, folder: Path, arguments: argparse.Namespace) -> list[Round]:
    """Each round reads the same topic, the worker in a group of its own, so that none finds the state of another."""
    broker = brokers.start(require_real=True)
    try:
        env = environment(broker.bootstrap)
        run(["topics", "create", "--partitions", str(PARTITIONS)], env)
        run(["models", "publish", str(model)], env)
        publish(broker.bootstrap, records)
        rounds = []
        for number in range(1, arguments.rounds + 1):
            bare = asyncio.run(_bare_loop(broker.bootstrap, len(records)))
            worker = _worker(broker.bootstrap, f"bench-{number}", len(records), folder, arguments.max_batch)
            rounds.append(Round(bare, worker))
            print(f"round {number}: bare {bare:,.0f} ev/s, worker {worker:,.0f} ev/s", flush=True)
        return rounds
    finally:
        broker.stop()


def _worker(bootstrap: str, group: str, count: int, folder: Path, max_batch: int) -> float:
    env = environment(
        bootstrap,
        STREAMSEG_GROUP_ID=group,
        STREAMSEG_MAX_BATCH_RECORDS=str(max_batch),
        # As it is by default: the short ones are for faults.
        STREAMSEG_KAFKA_SESSION_TIMEOUT_MS="45000",
        STREAMSEG_KAFKA_HEARTBEAT_INTERVAL_MS="3000",
    )
    worker = WorkerProcess(group, env, folder)
    progress = Progress(bootstrap, (worker,), group=group)
    try:
        return _rate(worker, progress, count)
    finally:
        progress.close()
        worker.end()


async def _bare_loop(bootstrap: str, count: int) -> float:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", max_partition_fetch_bytes=4 * 1024 * 1024
    )
    await consumer.start()
    consumer.assign([TopicPartition("touchpoints", partition) for partition in range(PARTITIONS)])
    read, started = 0, time.perf_counter()
    while read < count:
        for batch in (await consumer.getmany(timeout_ms=500, max_records=8_000)).values():
            for record in batch:
                orjson.loads(record.value)
            read += len(batch)
    seconds = time.perf_counter() - started
    await consumer.stop()
    return read / seconds


def _rate(worker: WorkerProcess, progress: Progress, count: int) -> float:
    """Committed touchpoints per second between the end of the warm-up and the last commit."""
    worker.start()
    start: tuple[int, float] | None = None
    while True:
        done, now = sum(progress.committed().values()), time.perf_counter()
        if not worker.is_alive:
            raise RuntimeError(f"the worker ended after {done} touchpoints\n{worker.log_tail()}")
        if start is None and done >= WARM_UP_SHARE * count:
            start = (done, now)
        if done >= count and start is not None:
            break
        time.sleep(0.1)
    code, _ = worker.drain()
    if code != 0:
        raise RuntimeError(f"the worker ended with {code}\n{worker.log_tail()}")
    return (done - start[0]) / (now - start[1])


def _report(rounds: Sequence[Round], records: Sequence[FileRecord], arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "worker_events_per_s": round(statistics.median(each.worker for each in rounds)),
        "bare_events_per_s": round(statistics.median(each.bare for each in rounds)),
        "ratio": round(statistics.median(each.worker / each.bare for each in rounds), 4),
        "rounds": [asdict(each) for each in rounds],
        "events": len(records),
        "customers": arguments.customers,
        "hidden": arguments.hidden,
        "max_batch_records": arguments.max_batch,
        "partitions": PARTITIONS,
        "touchpoint_bytes": round(statistics.fmean(len(record.value) for record in records)),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
