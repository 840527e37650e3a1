"""The rows of the latency table: a contender at a pace.

`steady` is a fixed rate, `half` is half of the worker's peak, `idle` is one touchpoint at a time on a quiet machine.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final, Literal

from tests.bench.peers.kafka_streams.peer import LATENCY_VARIANTS, Variant
from tests.bench.rows import Row, chosen, rows_named

PaceName = Literal["steady", "half", "idle"]


@dataclass(frozen=True, slots=True)
class PacedRow:
    """One contender at one pace."""

    pace: PaceName
    contender: Row

    @property
    def name(self) -> str:
        """For `--rows`."""
        return f"{self.pace}-{self.contender.name}"


def _streams(variant: Variant) -> Row:
    arguments = ("-m", "tests.bench.peers.kafka_streams", variant.store, variant.profile, str(variant.threads))
    name, label = f"streams-{variant.store}-{variant.profile}", f"Kafka Streams: {variant.store}, {variant.profile}"
    return Row(name, "peer", label, lambda place: (sys.executable, *arguments))


_WORKER, _COPY = rows_named("worker,copy")
ROWS: Final = (
    *(PacedRow("steady", contender) for contender in (_WORKER, _COPY, *map(_streams, LATENCY_VARIANTS))),
    *(PacedRow("half", contender) for contender in (_WORKER, _COPY)),
    *(PacedRow("idle", contender) for contender in (_WORKER, _COPY)),
)


def paced_rows_named(names: str) -> tuple[PacedRow, ...]:
    """The rows of a comma-separated list, in the order of the table; all for an empty one.

    Raises:
        ValueError: If there is no such row.

    >>> [row.name for row in paced_rows_named("idle-copy,steady-worker")]
    ['steady-worker', 'idle-copy']
    """
    return chosen(names, ROWS)
