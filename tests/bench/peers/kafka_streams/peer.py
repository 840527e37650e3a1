"""One Kafka Streams application as a process: started, watched and stopped by its own id.

Arrives: a broker, exported weights, and a variant. Leaves: a running group that reads the touchpoints, and its topic of
outputs. How far it has come is what its application id has committed, as for any consumer group.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Literal

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streamseg.wire.topics import TOUCHPOINTS
from tests.bench.peers.kafka_streams.maven import java

Store = Literal["rocksdb", "memory"]
Profile = Literal["default", "tuned", "latency"]

PROFILES: Final[Mapping[Profile, Mapping[str, str]]] = {
    "default": {},
    "tuned": {
        "producer.batch.size": str(512 * 1024),
        "producer.linger.ms": "20",
        "producer.buffer.memory": str(128 * 1024 * 1024),
        "commit.interval.ms": "1000",
        "statestore.cache.max.bytes": str(256 * 1024 * 1024),
        "consumer.max.poll.records": "8000",
        "consumer.max.partition.fetch.bytes": str(4 * 1024 * 1024),
    },
    "latency": {"producer.linger.ms": "5", "commit.interval.ms": "20"},
}
"""Streams settings by profile, beside exactly_once_v2: as shipped (commit 100 ms); for throughput; for latency."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of the table."""

    store: Store = "rocksdb"
    profile: Profile = "default"
    threads: int = 1
    more: Mapping[str, str] = field(default_factory=dict)
    """Further Streams settings; they win over the profile's."""

    @property
    def name(self) -> str:
        """For example `kafka-streams-memory-tuned-2`.

        >>> Variant("memory", "tuned", 2).name
        'kafka-streams-memory-tuned-2'
        """
        return f"kafka-streams-{self.store}-{self.profile}-{self.threads}"


VARIANTS: Final = tuple(
    Variant(store, profile, threads)
    for store in ("rocksdb", "memory")
    for profile in ("default", "tuned")
    for threads in (1, 2)
)
"""The rows of the throughput table."""
LATENCY_VARIANTS: Final = tuple(
    Variant(store, profile) for store in ("rocksdb", "memory") for profile in ("default", "latency")
)
"""Those of the latency table."""


class StreamsPeer:
    """A started and stopped application. Call `maven.build` first."""

    def __init__(
        self,
        bootstrap: str,
        variant: Variant,
        weights: Path,
        folder: Path,
        *,
        application_id: str,
        input_topic: str = TOUCHPOINTS,
    ) -> None:
        self.application_id = application_id
        self.output_topic = f"{application_id}-outputs"
        self._bootstrap, self._input = bootstrap, input_topic
        self._log_file = folder / f"{application_id}.log"
        self._log: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        settings = {**PROFILES[variant.profile], **variant.more}
        self._arguments = [
            *(bootstrap, application_id, input_topic, self.output_topic, str(weights)),
            *(str(folder / f"{application_id}-state"), variant.store, str(variant.threads)),
            *(f"{name}={value}" for name, value in settings.items()),
        ]

    def start(self) -> None:
        """Make the topic of outputs, as wide as the input, and begin to read from the input's start."""
        admin = AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 2})
        partitions = len(admin.list_topics(self._input, timeout=30).topics[self._input].partitions)
        admin.create_topics([NewTopic(self.output_topic, partitions, 1)])[self.output_topic].result(30)
        command = java("Main", self._arguments, options=("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",))
        self._log = self._log_file.open("ab")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)

    @property
    def pid(self) -> int | None:
        """Of the JVM; None before the start and after the stop."""
        return self._process.pid if self._process is not None else None

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, limit_s: float = 40.0) -> None:
        """SIGTERM: commit and leave the group; SIGKILL if that takes too long. Calling it twice does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._log is not None:
            self._log.close()

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of its log, for the report of a failed run."""
        return "\n".join(self._log_file.read_text(errors="replace").splitlines()[-lines:])
