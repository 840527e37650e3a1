"""Where a fault test plays: a year of touchpoints with every trouble, a model, a Kafka of its own, and two workers.

What every test begins with, and what it must end with: the outputs of `streamseg replay` on the same input and model.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from streamseg.datasets import jsonl
from streamseg.datasets.catalogue import export
from streamseg.datasets.jsonl import FileRecord
from streamseg.datasets.simulator import Options
from tests.faults.cluster import GROUP, PARTITIONS, Progress, WorkerProcess, environment, publish, run
from tests.faults.verdict import COMPARED, RETURNED, Leaving, committed, compare, replayed
from tests.kafka.broker import Broker


def shop(events: int) -> Options:
    """A year of a shop with 40 touchpoints a customer: some late, too late, twice, or unreadable; some withdraw."""
    return Options(
        seed=20,
        customers=events // 40,
        events=events,
        withdraw_share=0.02,
        out_of_order_share=0.02,
        too_late_share=0.005,
        duplicate_share=0.01,
        bad_share=0.002,
    )


LARGE, SMALL = shop(300_000), shop(45_000)
PAST = Options(seed=21, customers=600, events=24_000)
"""What the model is trained on: a shop of the same kind. How good the model is doesn't matter here, so it is small."""
SILENCE_S = 20.0
"""After so long without a new output nothing more is awaited; only a test that fails waits for it."""


@dataclass(frozen=True, slots=True)
class Given:
    """The input of every fault test, and the outputs that each must end with."""

    records: list[FileRecord]
    model: Path
    expected: list[Leaving]


@dataclass(frozen=True, slots=True)
class Stage:
    """A Kafka of this test's own with topics and a model, two workers (not started), and their progress."""

    broker: Broker
    given: Given
    one: WorkerProcess
    other: WorkerProcess
    progress: Progress

    def start_both(self) -> None:
        """Start the two workers and wait until each has partitions."""
        self.one.start()
        self.other.start()
        # The first one owns all until the second one has joined, so ask for it again at the end.
        for worker in (self.one, self.other, self.one):
            self.progress.wait_until_it_owns(worker)

    def publish(self, records: Sequence[FileRecord]) -> None:
        publish(self.broker.bootstrap, records)

    @contextmanager
    def publishing(self, records: Sequence[FileRecord]) -> Iterator[None]:
        """Publish beside what happens in the block, so that input arrives while a worker dies."""
        thread = Thread(target=self.publish, args=(records,))
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def pieces(self, count: int) -> list[Sequence[FileRecord]]:
        """The input in `count` nearly equal pieces, in order."""
        edges = [len(self.given.records) * i // count for i in range(count + 1)]
        return [self.given.records[edges[i] : edges[i + 1]] for i in range(count)]

    def assert_outputs_equal_replay(self) -> None:
        """Wait for the end of the work, drain every worker that runs, and compare."""
        self.progress.wait_until_all_is_done()
        self._wait_for_the_last_sweep()
        for worker in (self.one, self.other):
            if worker.is_alive:
                code, _ = worker.drain()
                assert code == 0, f"worker {worker.name} ended with {code}\n{worker.log_tail()}"
        # Read once more after all have gone: what a zombie brings late counts as well.
        verdict = compare(self.given.expected, committed(self.broker.bootstrap))
        logs = "" if verdict.is_exactly_once else f"\n{self.one.log_tail()}\n{self.other.log_tail()}"
        assert verdict.is_exactly_once, f"{verdict}{logs}"

    def _wait_for_the_last_sweep(self) -> None:
        """Silent customers are swept after the last touchpoint is committed; the outputs tell when that is over."""
        count, moved_at = -1, time.monotonic()
        while time.monotonic() - moved_at < SILENCE_S:
            found = len(committed(self.broker.bootstrap))
            if found != count:
                count, moved_at = found, time.monotonic()
            if count >= len(self.given.expected):
                return
            time.sleep(0.5)


def trained(folder: Path) -> Path:
    """Train the model of all fault tests."""
    past, model = folder / "past.jsonl", folder / "shop.model"
    export("simulator", past, PAST)
    offline = environment("unused:9092", STREAMSEG_MODEL_EPOCHS="2")
    run(["train", "--input", str(past), "--output", str(model)], offline)
    return model


def prepared(folder: Path, model: Path, options: Options) -> Given:
    """Simulate and replay: what the outputs of the workers are measured by."""
    touchpoints, outputs = folder / "shop.jsonl", folder / "replay.jsonl"
    export("simulator", touchpoints, options)
    given = ["--input", str(touchpoints), "--model", str(model), "--partitions", str(PARTITIONS)]
    run(["replay", *given, "--output", str(outputs)], environment("unused:9092"))
    expected = replayed(outputs)
    # A run without outputs would equal anything; the comparison must have something to lose on each topic.
    for topic, least in (*dict.fromkeys(COMPARED, 500).items(), *dict.fromkeys(RETURNED, 50).items()):
        assert sum(output.topic == topic for output in expected) > least, f"the replay wrote next to nothing to {topic}"
    records = [record for chunk in jsonl.read(touchpoints) for record in chunk]
    return Given(records, model, expected)


@contextmanager
def staged(broker: Broker, given: Given, folder: Path) -> Iterator[Stage]:
    """Set the stage; at the end every process is gone."""
    env = environment(broker.bootstrap)
    run(["topics", "create", "--partitions", str(PARTITIONS)], env)
    run(["models", "publish", str(given.model)], env)
    one, other = (WorkerProcess(f"{GROUP}-{name}", env, folder) for name in ("one", "other"))
    progress = Progress(broker.bootstrap, (one, other))
    try:
        yield Stage(broker, given, one, other, progress)
    finally:
        progress.close()
        one.end()
        other.end()
