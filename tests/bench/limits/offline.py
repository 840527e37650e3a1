"""Parts of the worker's job without Kafka: decoding, the whole pipeline, and the LSTM's cell at the batch sizes seen.

Arrives: the load's file, the model, the facts. Leaves: the seconds of the part that was asked for, reading excluded.
`python -m tests.bench.limits.offline decode|pipeline|cell`
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import torch

from streamseg.core.features import FEATURES
from streamseg.kafka.processed import process
from streamseg.model.network import Network
from streamseg.partition_row import Position
from tests.bench.facts import SWEEP_SLICE, Facts, artifact_of, batches, pipelines
from tests.bench.place import Place
from tests.faults.cluster import PARTITIONS


def decode(place: Place) -> float:
    """Seconds of decoding every touchpoint, in the worker's batches."""
    (pipeline, *_), seconds = pipelines(artifact_of(place).scorer), 0.0
    for _, records in batches(place):
        since = time.perf_counter()
        pipeline.decode(records)
        seconds += time.perf_counter() - since
    return seconds


def pipeline(place: Place) -> float:
    """Seconds of the whole journey, from bytes to effects, sweeps included."""
    lines, seconds = pipelines(artifact_of(place).scorer), 0.0
    for partition, records in batches(place):
        one = lines[partition]
        since = time.perf_counter()
        while records or one.backlog:
            position = Position(records[-1].offset + 1 if records else 0, "bench", PARTITIONS)
            process(one, records, (one.decode(records), 0.0), position, SWEEP_SLICE)
            records = []
        seconds += time.perf_counter() - since
    return seconds


def cell(place: Place) -> float:
    """Seconds of one step of the first network for every row that it was asked about, in calls of the same sizes."""
    facts, network = Facts.read(place.facts), Network.of(artifact_of(place).scorer.blend.networks[0])
    sizes = facts.score_rows + facts.advance_rows
    x = torch.randn(max(sizes), len(FEATURES))
    state = torch.zeros(max(sizes), network.state_size)
    torch.set_num_threads(1)
    with torch.inference_mode():
        network.step(state, network.project(x))
        since = time.perf_counter()
        for rows in sizes:
            network.step(state[:rows], network.project(x[:rows]))
        return time.perf_counter() - since


PARTS: dict[str, Callable[[Place], float]] = {"decode": decode, "pipeline": pipeline, "cell": cell}


if __name__ == "__main__":
    here = Place.here()
    print(json.dumps({"touchpoints": here.touchpoints, "seconds": PARTS[sys.argv[1]](here)}))
