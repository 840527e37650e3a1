"""A shop that has had its customers for weeks: their state as changelog rows, and what they do next. Any size, quickly.

One shop of 10,000 customers is simulated for eight weeks and run through the pipeline. A larger one holds each of them
many times under other ids, with the state they had come to; a smaller one holds the first of them. What comes next are
the same touchpoints for every size: by one of the copies of each customer, or, if `spread`, each visit by any of them.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from streamseg.core.spec import CoreSpec
from streamseg.datasets import jsonl
from streamseg.datasets.simulator import DAY_MS
from streamseg.kafka.partitioner import partition_of
from streamseg.model.scorer import ModelScorer
from streamseg.partition_row import PARTITION_KEY, PartitionRow, Position, read_partition_row, write_partition_row
from streamseg.pipeline import Pipeline
from streamseg.wire.blocks import Block, block_of
from streamseg.wire.topics import CHANGELOG
from tests.bench.facts import SWEEP_SLICE, pipelines
from tests.bench.load import LOAD_START_MS, Load
from tests.faults.cluster import PARTITIONS

SIMULATED = 10_000
HISTORY_WEEKS = 8
HISTORY_TOUCHPOINTS = 20 * SIMULATED
HISTORY_BATCH = 16_000
NEXT_START_MS = LOAD_START_MS + 7 * HISTORY_WEEKS * DAY_MS
"""A Monday: what comes next lies in one week, whose beginning everybody silent was looked at."""
START = Position(0, "", PARTITIONS)
_CUSTOMER = re.compile(rb'"customer_id":"c(\d+)"')
_SESSION = re.compile(rb'"session_id":"([^"]*)"')
_ID_AT = {b"c": 1, b"w": 9, b"i": 9}
"""Where the id begins in the changelog's keys of customers and of chunks."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The changelog after the history of the shop of 10,000."""

    rows: dict[bytes, bytes]
    """Of customers and chunks."""
    state: PartitionRow

    def shares(self, customers: int, position: Position = START) -> list[Block]:
        """The changelogs of the `PARTITIONS` partitions of a shop of so many customers; all stand at `position`."""
        partition = [partition_of(b"c%d" % number, PARTITIONS) for number in range(customers)]
        state = write_partition_row(replace(self.state, position=position))
        shares = [{PARTITION_KEY: state} for _ in range(PARTITIONS)]
        for key, value in self.rows.items():
            at = _ID_AT[key[:1]]
            for number in range(int(key[at + 1 :]), customers, SIMULATED):
                shares[partition[number]][key[:at] + b"c%d" % number] = value
        return [block_of(CHANGELOG, [*share.items()]) for share in shares]


def settle(scorer: ModelScorer, spec: CoreSpec) -> Settled:
    """Simulate the history and run it through the pipeline, until everybody silent has been looked at."""
    load = Load(touchpoints=HISTORY_TOUCHPOINTS, customers=SIMULATED, weeks=HISTORY_WEEKS)
    pipeline, rows = pipelines(scorer, spec)[0], dict[bytes, bytes]()
    for records in jsonl.chunked(jsonl.records(load.lines()), HISTORY_BATCH):
        _keep(rows, pipeline.process(records, now_ms=None, position=START).rows)
        _sweep(pipeline, rows)
    pipeline.advance_clock(NEXT_START_MS)
    _sweep(pipeline, rows)
    return Settled(rows, read_partition_row(rows.pop(PARTITION_KEY)))


def _sweep(pipeline: Pipeline, rows: dict[bytes, bytes]) -> None:
    while pipeline.backlog:
        _keep(rows, pipeline.sweep(SWEEP_SLICE, now_ms=None, position=START).rows)


def next_lines(count: int, customers: int, *, spread: bool = False) -> Iterator[bytes]:
    """What comes after the history: the first `count` touchpoints of four weeks, less than one of them."""
    actor = _SESSION if spread else _CUSTOMER
    copies = -(-customers // SIMULATED)
    for line in islice(Load(6 * count, SIMULATED, weeks=4, start_ms=NEXT_START_MS).lines(), count):
        found, acts = _CUSTOMER.search(line), actor.search(line)
        if found:
            turn = zlib.crc32(acts[1] if acts else b"") % copies
            number = (int(found[1]) + SIMULATED * turn) % customers
            line = line[: found.start(1)] + b"%d" % number + line[found.end(1) :]
        # The history's ids are other ones.
        yield line.replace(b'"event_id":"0190', b'"event_id":"0191', 1)


def _keep(rows: dict[bytes, bytes], changed: list[Block]) -> None:
    for row in (row for block in changed for row in block):
        assert row.key is not None
        if row.value is None:
            rows.pop(row.key, None)
        else:
            rows[row.key] = row.value
