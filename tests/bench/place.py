"""What a row is told: the one contract between the harness and every contender, in any language.

A contender is a process. It finds its world in the environment, one `BENCH_` name for each field of `Place`
(`BENCH_BOOTSTRAP`, `BENCH_GROUP`, …), reads the topic `touchpoints` from the beginning, writes its outputs, and commits
the offsets of its group: the harness measures by these, and ends it by SIGTERM.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from tests.faults.cluster import environment

PREFIX = "BENCH_"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run of one row finds its input and leaves its output."""

    bootstrap: str
    """`host:port` of the broker; empty for a row that reads the file."""
    group: str
    """Consumer group (application id), new in every round, so that no row finds the state of another."""
    touchpoints: int
    """On the topic, and lines in the file."""
    load: Path
    """The same touchpoints as JSON lines, in the order in which they were published."""
    model: Path
    """The artefact that the worker serves; its weights are everybody's."""
    facts: Path
    """What the worker makes of the load (`facts.py`), JSON."""
    scratch: Path
    """A folder for logs and state, emptied after the run."""
    max_batch: int
    """Most records of a transaction, a partition."""

    def environment(self) -> dict[str, str]:
        """The environment of the process, with the names that the worker itself reads."""
        mine = {f"{PREFIX}{field.name.upper()}": str(getattr(self, field.name)) for field in fields(self)}
        return environment(
            self.bootstrap or "unused:9092",
            STREAMSEG_GROUP_ID=self.group,
            STREAMSEG_MAX_BATCH_RECORDS=str(self.max_batch),
            # As they are by default: the short ones are for faults.
            STREAMSEG_KAFKA_SESSION_TIMEOUT_MS="45000",
            STREAMSEG_KAFKA_HEARTBEAT_INTERVAL_MS="3000",
            **mine,
        )

    @classmethod
    def here(cls) -> Place:
        """What this process was told."""
        told = {field.name: os.environ[f"{PREFIX}{field.name.upper()}"] for field in fields(cls)}
        paths = {name: Path(told[name]) for name in ("load", "model", "facts", "scratch")}
        return cls(
            bootstrap=told["bootstrap"],
            group=told["group"],
            touchpoints=int(told["touchpoints"]),
            max_batch=int(told["max_batch"]),
            **paths,
        )
