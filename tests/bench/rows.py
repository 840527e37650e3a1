"""The table of rows: the worker, what the machine allows, and what a user would pick instead.

A row is a process (the contract is in `place.py`). To add a contender, add a line: `command` makes its arguments when
its turn comes, and may raise `CannotRun` with the reason that then stands in the table.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Literal, Protocol, TypeVar

from tests.bench.peers.kafka_streams.peer import VARIANTS
from tests.bench.place import Place
from tests.bench.running import CannotRun, by_commits, by_its_word


class Named(Protocol):
    """A row of any table."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


@dataclass(frozen=True, slots=True)
class Row:
    """One contender."""

    name: str
    """For `ROWS=`."""
    kind: Literal["worker", "limit", "peer"]
    label: str
    command: Callable[[Place], Sequence[str]]
    reads: Literal["topic", "file"] = "topic"
    is_measured_by: Literal["commits", "its word"] = "commits"
    packages: tuple[str, ...] = ()
    """Distributions that it needs; their versions stand in the report."""

    def versions(self) -> dict[str, str]:
        """Of its packages.

        Raises:
            CannotRun: If one isn't installed.
        """
        try:
            return {name: metadata.version(name) for name in self.packages}
        except metadata.PackageNotFoundError as missing:
            raise CannotRun(f"{missing.name} is not installed; pip install 'streamseg[peers]'") from None

    def rate(self, place: Place, *, most_s: float) -> float:
        """Run it once: touchpoints per second.

        Raises:
            CannotRun: If it can't be measured.
        """
        self.versions()
        measure = by_commits if self.is_measured_by == "commits" else by_its_word
        return measure(self.command(place), place, most_s=most_s)


def _python(*arguments: str) -> Callable[[Place], Sequence[str]]:
    return lambda place: (sys.executable, "-m", *arguments)


def _bytewax(place: Place) -> Sequence[str]:
    # As its guide to recovery has it: the store is made beforehand, state goes there every 30 s.
    store = place.scratch / "bytewax"
    store.mkdir()
    subprocess.run([sys.executable, "-m", "bytewax.recovery", str(store), "1"], check=True)
    flow = "tests.bench.peers.bytewax_flow:flow()"
    return (sys.executable, "-m", "bytewax.run", flow, "-r", str(store), "-s", "30", "-b", "0")


PEERS_PART = ("STREAMSEG_SILENT_WINDOWS=0", "STREAMSEG_REASONS=none")
"""Settings of a worker that does no more than the peers."""

ROWS: tuple[Row, ...] = (
    Row("worker", "worker", "streamseg worker", _python("streamseg", "worker")),
    Row(
        "bare",
        "limit",
        "bare consumer: getmany and orjson.loads",
        _python("tests.bench.limits.bare"),
        is_measured_by="its word",
        packages=("aiokafka", "orjson"),
    ),
    Row(
        "copy",
        "limit",
        "bare transactional copy, same records and bytes out",
        _python("tests.bench.limits.copy_loop"),
        packages=("aiokafka",),
    ),
    Row("decode", "limit", "decode alone", _python("tests.bench.limits.offline", "decode"), "file", "its word"),
    Row(
        "pipeline",
        "limit",
        "pipeline alone, no Kafka",
        _python("tests.bench.limits.offline", "pipeline"),
        "file",
        "its word",
    ),
    Row(
        "cell",
        "limit",
        "the LSTM's cell alone, at the batch sizes seen",
        _python("tests.bench.limits.offline", "cell"),
        "file",
        "its word",
        ("torch",),
    ),
    Row(
        "part",
        "peer",
        "streamseg worker, the peers' part of the work: no silence, no reasons",
        lambda place: ("env", *PEERS_PART, *_python("streamseg", "worker")(place)),
    ),
    Row(
        "faust",
        "peer",
        "plain Faust: agent, Table, torch for each touchpoint",
        _python("tests.bench.peers.faust_agent"),
        packages=("faust-streaming", "torch"),
    ),
    Row(
        "quix",
        "peer",
        "Quix Streams: stateful apply, RocksDB",
        _python("tests.bench.peers.quix_app"),
        packages=("quixstreams", "numpy"),
    ),
    Row(
        "bytewax",
        "peer",
        "Bytewax: stateful steps, torch in batches",
        _bytewax,
        packages=("bytewax", "confluent-kafka", "torch"),
    ),
    *(
        Row(
            variant.name.replace("kafka-streams", "streams"),
            "peer",
            f"Kafka Streams: {variant.store}, {variant.profile}, {variant.threads} thread{'s' * (variant.threads > 1)}",
            _python("tests.bench.peers.kafka_streams", variant.store, variant.profile, str(variant.threads)),
        )
        for variant in VARIANTS
    ),
)


def rows_named(names: str) -> tuple[Row, ...]:
    """The rows of a comma-separated list, in the order of the table; all for an empty one.

    Raises:
        ValueError: If there is no such row.

    >>> [row.name for row in rows_named("bare,worker")]
    ['worker', 'bare']
    """
    return chosen(names, ROWS)


def chosen(names: str, rows: Sequence[T]) -> tuple[T, ...]:
    """Those of any table's rows that a comma-separated list names; as `rows_named`."""
    asked = [name.strip() for name in names.split(",") if name.strip()]
    known = [row.name for row in rows]
    if unknown := [name for name in asked if name not in known]:
        raise ValueError(f"no row {', '.join(unknown)}; expected some of {', '.join(known)}")
    return tuple(row for row in rows if not asked or row.name in asked)
