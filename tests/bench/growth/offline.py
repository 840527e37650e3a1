"""What needs no Kafka: the pipeline over customers, windows and batches, the memory of a customer, and the restore.

Arrives: the place, what to measure and at which setting. Leaves: one number as JSON, from a process of its own.
`python -m tests.bench.growth.offline customers 1000000`
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import sys
import time
from collections.abc import Callable, Sequence
from ctypes import CDLL
from ctypes.util import find_library
from pathlib import Path

from streamseg.core.spec import CoreSpec
from streamseg.core.windows import WindowSpec
from streamseg.datasets import jsonl
from streamseg.datasets.jsonl import FileRecord
from streamseg.kafka.processed import decode, process
from streamseg.partition_row import Position
from streamseg.pipeline import Pipeline, Rules
from streamseg.rehearsal import rehearse
from streamseg.wire.blocks import Block
from tests.bench.facts import SWEEP_SLICE, artifact_of, batches, pipelines, shared_out
from tests.bench.growth.shop import Settled, next_lines, settle
from tests.bench.place import Place
from tests.bench.running import WARM_UP_SHARE
from tests.faults.cluster import PARTITIONS

USUAL_CUSTOMERS = 10_000
"""Where something else than their number is varied."""


def customers(place: Place, count: int) -> float:
    """Touchpoints a second with so many customers in the tables, of whom the same 10,000 come."""
    return _rate(place, count, CoreSpec(), place.max_batch)


def spread(place: Place, count: int) -> float:
    """Touchpoints a second when all customers come by turns: more in a batch, so more rows and profiles leave."""
    return _rate(place, count, CoreSpec(), place.max_batch, spread=True)


def windows(place: Place, days: int) -> float:
    """Touchpoints a second with windows of so many days; the weights are those for weeks: other scores, equal work."""
    return _rate(place, USUAL_CUSTOMERS, CoreSpec(windows=WindowSpec(length_days=days)), place.max_batch)


def batch(place: Place, records: int) -> float:
    """Touchpoints a second with so many records of a partition at once."""
    return _rate(place, USUAL_CUSTOMERS, CoreSpec(), records)


def silence(place: Place, count: int) -> float:
    """Silent customers a second who are looked at, at the second end of a week after a restore: with their states."""
    lines = pipelines(artifact_of(place).scorer)
    _restore(lines, settled_of(place, CoreSpec()).shares(count))
    for _ in range(2):
        for pipeline in lines:
            pipeline.advance_clock(pipeline.watermark_ms + pipeline.rules.spec.windows.length_ms)
        due, since = sum(pipeline.backlog for pipeline in lines), time.perf_counter()
        for pipeline in lines:
            while pipeline.backlog:
                _process(pipeline, ())
    return due / (time.perf_counter() - since)


def memory(place: Place, _: int) -> float:
    """Bytes by which the process grew for each customer, over the whole load, everything counted."""
    scorer = artifact_of(place).scorer
    # What a process has before its first customer: the libraries, and the decoder's and partitioner's bounded caches.
    first = pipelines(scorer)[0]
    for _, records in batches(place):
        first.decode(records)
    _process(first, records)
    before_bytes, lines = _resident_bytes(), pipelines(scorer)
    for partition, records in batches(place):
        _process(lines[partition], records)
        while lines[partition].backlog:
            _process(lines[partition], ())
    return (_resident_bytes() - before_bytes) / sum(len(pipeline.table) for pipeline in lines)


def restore(place: Place, count: int) -> float:
    """Customers a second, from the last values of the changelog's keys to tables."""
    scorer = artifact_of(place).scorer
    rehearse(Rules(), scorer)
    lines = pipelines(scorer)
    shares = settled_of(place, CoreSpec()).shares(count)
    since = time.perf_counter()
    _restore(lines, shares)
    return count / (time.perf_counter() - since)


def settled_of(place: Place, spec: CoreSpec) -> Settled:
    """The shop after its history, made once for each length of windows."""
    kept = place.model.with_name(f"settled-{spec.windows.length_days}.pickle")
    if not kept.exists():
        kept.write_bytes(pickle.dumps(settle(artifact_of(place).scorer, spec)))
    settled: Settled = pickle.loads(kept.read_bytes())
    return settled


def _rate(place: Place, count: int, spec: CoreSpec, most_records: int, *, spread: bool = False) -> float:
    lines = pipelines(artifact_of(place).scorer, spec)
    _restore(lines, settled_of(place, spec).shares(count))
    # All of them are made beforehand: to make them between two batches would clear the caches.
    records = list(jsonl.records(next_lines(place.touchpoints, count, spread=spread)))
    taken, measured, seconds = 0, 0, 0.0
    for partition, share in shared_out(jsonl.chunked(iter(records), PARTITIONS * most_records)):
        since = time.perf_counter()
        _process(lines[partition], share)
        if taken >= WARM_UP_SHARE * len(records):
            seconds += time.perf_counter() - since
            measured += len(share)
        taken += len(share)
    return measured / seconds


def _process(pipeline: Pipeline, records: Sequence[FileRecord]) -> None:
    """As the worker does under load: the touchpoints, then one slice of the silent who are due."""
    position = Position(records[-1].offset + 1 if records else 0, "bench", PARTITIONS)
    process(pipeline, records, decode(pipeline, records), position, SWEEP_SLICE)


def _restore(lines: Sequence[Pipeline], shares: Sequence[Block]) -> None:
    for pipeline, rows in zip(lines, shares, strict=True):
        pipeline.restore(rows)


def _resident_bytes() -> int:
    """Of this process, without what the C library holds back for the next allocation (where it is glibc)."""
    gc.collect()
    if (libc := find_library("c")) and hasattr(CDLL(libc), "malloc_trim"):
        CDLL(libc).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


PARTS: dict[str, Callable[[Place, int], float]] = {
    "customers": customers,
    "spread": spread,
    "windows": windows,
    "batch": batch,
    "silence": silence,
    "memory": memory,
    "restore": restore,
}


if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](Place.here(), int(sys.argv[2]))))
