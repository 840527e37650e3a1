"""Workers as an operator runs them, and how far they have come: processes, signals, committed offsets.

Arrives: the address of a Kafka and commands of `python -m streamseg`. Leaves: processes that can be killed, stopped and
woken by their own id, and the group's progress as the broker knows it, read with librdkafka.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streamseg.datasets.jsonl import FileRecord
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.produce import produce

T = TypeVar("T")
GROUP = "fault-tests"
PARTITIONS = 4
DRAIN_LIMIT_S = 10.0
"""The promise: SIGTERM ends a worker in this time."""
Offsets = dict[int, int]
"""Partition of the touchpoints to offset."""


def environment(bootstrap: str, **more: str) -> dict[str, str]:
    """The environment of a command: this one's without its STREAMSEG_ names, and what the fault tests set."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STREAMSEG_")}
    return {
        **clean,
        "OMP_NUM_THREADS": "1",
        "STREAMSEG_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "STREAMSEG_GROUP_ID": GROUP,
        "STREAMSEG_CLOCK": "event",
        "STREAMSEG_METRICS_PORT": "0",
        # Kafka's least: a dead worker's partitions move on after 6 s.
        "STREAMSEG_KAFKA_SESSION_TIMEOUT_MS": "6000",
        "STREAMSEG_KAFKA_HEARTBEAT_INTERVAL_MS": "500",
        # Small transactions, so that there are many moments at which to die between two of them, or within one.
        "STREAMSEG_MAX_BATCH_RECORDS": "100",
        **more,
    }


def run(arguments: Sequence[str], env: dict[str, str], limit_s: float = 300) -> str:
    """Run a command of streamseg to its end and return what it printed; a failure shows all of it."""
    done = subprocess.run(
        [sys.executable, "-m", "streamseg", *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )
    assert done.returncode == 0, (
        f"streamseg {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}"
    )
    return done.stdout


class WorkerProcess:
    """One `streamseg worker` (or another service), that may be started again after its death, as a supervisor would."""

    def __init__(self, name: str, env: dict[str, str], folder: Path, *, command: str = "worker") -> None:
        self.name = name
        self._command = command
        self.starts = 0
        self._env = {**env, "STREAMSEG_INSTANCE_ID": name}
        self.log_file = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def start(self) -> None:
        assert self._process is None, f"worker {self.name} is started already"
        self.starts += 1
        self._log = self.log_file.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streamseg", self._command],
            env=self._env,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def has_ended_by_itself(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def kill(self) -> None:
        """SIGKILL: no goodbye to anybody."""
        self._signal(signal.SIGKILL)
        self._reap(30)

    def freeze(self) -> None:
        """SIGSTOP: alive and silent, with all its connections open."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """SIGCONT: it goes on in the middle of whatever it did, and doesn't know that time has passed."""
        self._signal(signal.SIGCONT)

    def drain(self, limit_s: float = 60.0) -> tuple[int, float]:
        """SIGTERM: return its exit code, and after how many seconds it had ended."""
        started = time.monotonic()
        self._signal(signal.SIGTERM)
        return self._reap(limit_s), time.monotonic() - started

    def end(self) -> None:
        """Leave nothing behind, whatever state it is in."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def log_tail(self, lines: int = 40) -> str:
        if not self.log_file.exists():
            return f"--- {self.name}: no log"
        text = self.log_file.read_text(errors="replace").splitlines()
        return "\n".join([f"--- {self.name} (last {lines} of {len(text)} lines)", *text[-lines:]])

    def _signal(self, which: signal.Signals) -> None:
        assert self._process is not None, f"worker {self.name} was not started"
        assert self.is_alive, f"worker {self.name} has ended by itself\n{self.log_tail()}"
        self._process.send_signal(which)

    def _reap(self, limit_s: float) -> int:
        process, self._process = self._process, None
        assert process is not None
        if self._log is not None:
            self._log.close()
        try:
            return process.wait(limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(
                f"worker {self.name} had not ended {limit_s:.0f} s after its signal\n{self.log_tail()}"
            ) from None


class Progress:
    """How far the workers' group has come on the touchpoints, as the broker knows it."""

    def __init__(
        self, bootstrap: str, workers: Sequence[WorkerProcess], *, group: str = GROUP, partitions: int = PARTITIONS
    ) -> None:
        self._workers, self._group = workers, group
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                # Else a question about offsets isn't answered before the transaction that a dead worker left is
                # decided (KIP-447), and that is seconds later, when another one has taken its partitions over.
                "isolation.level": "read_uncommitted",
                "log_level": 2,
            }
        )
        self._members: dict[str, tuple[str, int]] = {}
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
        self._where = [TopicPartition("touchpoints", partition) for partition in range(partitions)]

    def close(self) -> None:
        self._consumer.close()

    def committed(self) -> Offsets:
        """Offset of each partition that is committed for the group, up to five seconds old; 0 where there was none."""
        answer = _patiently(lambda: self._consumer.committed(self._where, timeout=10))
        return {each.partition: max(0, each.offset) for each in answer}

    def ends(self) -> Offsets:
        return {where.partition: _patiently(partial(self._end, where)) for where in self._where}

    def _end(self, where: TopicPartition) -> int:
        return int(self._consumer.get_watermark_offsets(where, timeout=10, cached=False)[1])

    def lag(self, partitions: Collection[int]) -> int:
        """Touchpoints that are on these partitions and, as far as the group was told, in no committed transaction."""
        ends, done = self.ends(), self.committed()
        return sum(ends[partition] - done[partition] for partition in partitions)

    def wait_until_it_owns(self, worker: WorkerProcess, *, at_least: int = 1, limit_s: float = 120) -> frozenset[int]:
        """Wait until the group has settled with partitions for this worker since its last start, and return them."""
        deadline = time.monotonic() + limit_s
        while len(owned := self._owned(worker)) < at_least:
            self._fail_if(
                time.monotonic() > deadline,
                f"{limit_s:.0f} s went by before {worker.name} owned {at_least} partitions, it owns {sorted(owned)}",
            )
            time.sleep(0.1)
        return owned

    def _owned(self, worker: WorkerProcess) -> frozenset[int]:
        group = _patiently(
            lambda: self._admin.describe_consumer_groups([self._group], request_timeout=10)[self._group].result()
        )
        if group.state is not ConsumerGroupState.STABLE:
            return frozenset()
        for member in group.members:
            if member.group_instance_id != worker.name:
                continue
            # A static member that was killed keeps its place for a session; the new process has a new member id.
            if self._members.setdefault(member.member_id, (worker.name, worker.starts)) == (worker.name, worker.starts):
                return frozenset(where.partition for where in member.assignment.topic_partitions)
        return frozenset()

    def wait_until_moved(self, partitions: Collection[int], mark: Offsets, limit_s: float = 120) -> None:
        """Wait until one of these partitions has committed something that it hadn't at `mark`."""
        what = f"one of the partitions {sorted(partitions)} commits something new"
        self._wait(what, lambda now: any(now[partition] > mark[partition] for partition in partitions), limit_s)

    def wait_until_all_is_done(self, limit_s: float = 240) -> None:
        """Wait until everything on the topic has been committed."""
        ends = self.ends()
        self._wait(f"all of {sum(ends.values())} touchpoints are committed", lambda now: now == ends, limit_s)

    def _wait(self, what: str, is_so: Callable[[Offsets], bool], limit_s: float) -> None:
        """Wait until the committed offsets are as asked; the time is only there to end a test that hangs."""
        deadline = time.monotonic() + limit_s
        while not is_so(now := self.committed()):
            late = time.monotonic() > deadline
            self._fail_if(late, f"{limit_s:.0f} s went by before {what}; committed {now} of {self.ends()}")
            time.sleep(0.02)

    def _fail_if(self, late: bool, what: str) -> None:
        gone = [worker.name for worker in self._workers if worker.has_ended_by_itself]
        if gone or late:
            logs = "\n".join(worker.log_tail() for worker in self._workers)
            raise AssertionError(f"{', '.join(gone)} ended by itself\n{logs}" if gone else f"{what}\n{logs}")


def _patiently(ask: Callable[[], T], limit_s: float = 120) -> T:
    """Ask the broker again while it comes up, or comes back from a crash."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            return ask()
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def publish(bootstrap: str, records: Sequence[FileRecord]) -> None:
    """Put records onto the touchpoints topic; all are there when this returns."""
    assert asyncio.run(produce(KafkaAccess(bootstrap), records)) == len(records)
