"""What is measured on Kafka: partitions, worker processes, a retraining alongside, the restore, a restart.

Arrives: the place with a broker that holds the model, and the setting. Leaves: one number. The topics are made anew
for each.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from aiokafka import TopicPartition
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as Assigned

from streamseg.core.spec import CoreSpec
from streamseg.datasets import jsonl
from streamseg.datasets.jsonl import FileRecord
from streamseg.kafka.changelog import changelog_topic, restore
from streamseg.kafka.client import KafkaAccess, open_reader
from streamseg.kafka.identity import identify
from streamseg.kafka.produce import produce
from streamseg.partition_row import Position
from streamseg.pipeline import Rules
from streamseg.rehearsal import rehearse
from streamseg.wire.topics import CUSTOMER_PROFILES, MODELS, SEGMENT_CHANGES, TOUCHPOINTS
from tests.bench.facts import artifact_of, pipelines
from tests.bench.growth.offline import settled_of
from tests.bench.growth.shop import next_lines
from tests.bench.place import Place
from tests.bench.running import LOOK_S, STALL_S, Advance, CannotRun, rate_of
from tests.bench.topics import clear
from tests.faults.cluster import PARTITIONS, Progress, WorkerProcess

FIRST_TOUCHPOINTS = 20_000
"""That wait for a worker which is started again."""
SENT_AT_ONCE = 10_000
SETTLING_S = 10.0
"""Until a training's child has begun."""


def partitions(place: Place, count: int) -> float:
    """Touchpoints a second of one worker with so many partitions."""
    return _rate(place, width=count)


def workers(place: Place, count: int) -> float:
    """Touchpoints a second of so many worker processes on this machine, together."""
    return _rate(place, crew_size=count)


def retraining(place: Place, count: int) -> float:
    """Touchpoints a second of one worker beside so many trainings (0 or 1), each a process at low priority."""
    with _trainings(place, count):
        return _rate(place)


def changelog(place: Place, count: int) -> float:
    """Customers a second from the changelog topic to tables, partition after partition."""
    _seed(place, count)
    access, name = KafkaAccess(place.bootstrap), changelog_topic(place.group)
    scorer = artifact_of(place).scorer
    rehearse(Rules(), scorer)
    lines = pipelines(scorer)
    since = time.perf_counter()
    for partition, pipeline in enumerate(lines):
        pipeline.restore(asyncio.run(restore(access, TopicPartition(name, partition))))
    return count / (time.perf_counter() - since)


def restart(place: Place, count: int) -> float:
    """Seconds from the start of a worker process, which has to restore, to its first output that can be read."""
    _seed(place, count)
    _publish(place, jsonl.records(next_lines(FIRST_TOUCHPOINTS, count)))
    listener = Consumer({"bootstrap.servers": place.bootstrap, "group.id": "bench-listener", "log_level": 2})
    listener.assign(
        [Assigned(topic, one, 0) for topic in (CUSTOMER_PROFILES, SEGMENT_CHANGES) for one in range(PARTITIONS)]
    )
    worker = WorkerProcess("restarted", place.environment(), place.scratch)
    try:
        since = time.perf_counter()
        worker.start()
        while (message := listener.poll(LOOK_S)) is None or message.error():
            if worker.has_ended_by_itself or time.perf_counter() - since > STALL_S:
                raise CannotRun(f"no output {STALL_S:.0f} s after the start, or it ended: {worker.log_tail(1)}")
        return time.perf_counter() - since
    finally:
        worker.end()
        listener.close()


def _rate(place: Place, *, width: int = PARTITIONS, crew_size: int = 1) -> float:
    """The load through so many workers, from when each has its partitions; as the rows of the bench are measured."""
    clear(place.bootstrap, place.environment(), kept=(MODELS,), partitions=width)
    _publish(place, (record for chunk in jsonl.read(place.load) for record in chunk))
    crew = [WorkerProcess(f"worker-{number}", place.environment(), place.scratch) for number in range(crew_size)]
    progress = Progress(place.bootstrap, crew, group=place.group, partitions=width)
    try:
        for worker in crew:
            worker.start()
        for worker in crew:
            progress.wait_until_it_owns(worker)
        return rate_of(list(_advances(progress, place.touchpoints)), place.touchpoints)
    finally:
        progress.close()
        for worker in crew:
            worker.end()


def _advances(progress: Progress, count: int) -> Iterator[Advance]:
    done, moved_at = -1, time.perf_counter()
    while done < count:
        before, done, now = done, sum(progress.committed().values()), time.perf_counter()
        if done > before:
            moved_at = now
            yield now, done
        elif now - moved_at > STALL_S:
            raise CannotRun(f"committed nothing for {STALL_S:.0f} s after {done} touchpoints")
        time.sleep(LOOK_S)


@contextmanager
def _trainings(place: Place, count: int) -> Iterator[None]:
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.growth.training"], env=place.environment(), stdout=subprocess.PIPE
        )
        for _ in range(count)
    ]
    try:
        for one in running:
            assert one.stdout is not None
            one.stdout.readline()
        time.sleep(SETTLING_S * count)
        yield
    finally:
        for one in running:
            one.terminate()  # its child notices, and ends
            one.wait()


def _seed(place: Place, customers: int) -> None:
    """Write the changelog of the settled shop, as its workers would have left it; the input is empty."""
    clear(place.bootstrap, place.environment(), kept=(MODELS,))
    position = Position(0, asyncio.run(_topic_id(place)), PARTITIONS)
    producer = Producer({"bootstrap.servers": place.bootstrap, "linger.ms": 50, "log_level": 2})
    for partition, rows in enumerate(settled_of(place, CoreSpec()).shares(customers, position)):
        for number, row in enumerate(rows, 1):
            producer.produce(changelog_topic(place.group), row.value, row.key, partition)
            if number % SENT_AT_ONCE == 0:
                producer.flush()
    if left := producer.flush():
        raise RuntimeError(f"{left} changelog rows were not delivered")


async def _topic_id(place: Place) -> str:
    async with open_reader(KafkaAccess(place.bootstrap)) as consumer:
        return (await identify(consumer._client, TOUCHPOINTS)).id


def _publish(place: Place, records: Iterable[FileRecord]) -> None:
    asyncio.run(produce(KafkaAccess(place.bootstrap), records))
