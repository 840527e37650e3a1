"""What the worker makes of the load, counted in a replay of it: the size of what leaves, and how often torch is asked.

Arrives: the load's file and the model. Leaves: `Facts`, as JSON, for the rows that show the limits: they write as much
as the worker does without doing its work, or do one part of it alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from streamseg.core.scores import Float32Array, Float64Array, Scores
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import Int64Array
from streamseg.datasets import jsonl
from streamseg.datasets.jsonl import FileRecord
from streamseg.kafka.partitioner import partition_of
from streamseg.kafka.processed import process
from streamseg.model.artifact import Artifact, load
from streamseg.model.scorer import ModelScorer
from streamseg.partition_row import Position
from streamseg.pipeline import Pipeline, Rules
from streamseg.wire.touchpoint import DecodeLimits
from tests.bench.place import Place
from tests.faults.cluster import PARTITIONS

SWEEP_SLICE = 2_048
"""Silent customers in one transaction, as the worker's default."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """Records of one topic."""

    topic: str
    """A logical name; the changelog's for its rows."""
    per_touchpoint: float
    key_bytes: int
    """Mean, as `value_bytes`."""
    value_bytes: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one load and one model."""

    touchpoints: int
    leaving: tuple[Leaving, ...]
    score_rows: tuple[int, ...]
    """Rows of each call of the model's heads, explanations included."""
    advance_rows: tuple[int, ...]
    """Rows of each call that folded a closed window."""

    @classmethod
    def read(cls, path: Path) -> Facts:
        """What `main` has written."""
        told = json.loads(path.read_text())
        leaving = tuple(Leaving(**each) for each in told["leaving"])
        return cls(told["touchpoints"], leaving, tuple(told["score_rows"]), tuple(told["advance_rows"]))


class WatchedScorer(ModelScorer):
    """The model, and how many rows each call had."""

    def __init__(self, found: Artifact) -> None:
        scorer = found.scorer
        super().__init__(scorer.blend, calibration=scorer.calibration, behaviours=found.behaviours, digest=found.digest)
        self.score_rows: list[int] = []
        self.advance_rows: list[int] = []

    def catch_up(self, state: Float32Array, x: Float32Array, joined: Int64Array) -> Float32Array:
        self.advance_rows.extend(joined.tolist())
        return super().catch_up(state, x, joined)

    def score(self, state: Float32Array, x: Float32Array) -> Scores:
        self.score_rows.append(len(x))
        return super().score(state, x)

    def risk(self, state: Float32Array, x: Float32Array) -> Float64Array:
        self.score_rows.append(len(x))
        return super().risk(state, x)


def batches(place: Place) -> Iterator[tuple[int, list[FileRecord]]]:
    """The load cut as the worker takes it, partition by partition; each with the number of its partition."""
    return shared_out(jsonl.read(place.load, chunk=PARTITIONS * place.max_batch))


def shared_out(chunks: Iterable[list[FileRecord]]) -> Iterator[tuple[int, list[FileRecord]]]:
    """The shares of the partitions in each chunk; each with the number of its partition."""
    taken = [0] * PARTITIONS
    for chunk in chunks:
        shares: list[list[FileRecord]] = [[] for _ in taken]
        for record in chunk:
            partition = partition_of(record.key, PARTITIONS)
            shares[partition].append(record._replace(offset=taken[partition]))
            taken[partition] += 1
        yield from ((partition, share) for partition, share in enumerate(shares) if share)


def pipelines(scorer: ModelScorer, spec: CoreSpec | None = None) -> list[Pipeline]:
    """One for each partition; without `spec` by the default rules."""
    # No record has an append time in a file.
    rules = Rules(spec=spec or CoreSpec(), limits=DecodeLimits(allowed_skew_ms=None))
    return [Pipeline(rules, scorer, partition=number) for number in range(PARTITIONS)]


def artifact_of(place: Place) -> Artifact:
    """The model, loaded."""
    return load(place.model.read_bytes(), spec=CoreSpec().windows)


def replayed(place: Place) -> Facts:
    """Run the pipeline over the load as the worker would: a batch and a slice of the sweep a transaction."""
    scorer = WatchedScorer(artifact_of(place))
    lines = pipelines(scorer)
    count: Counter[str] = Counter()
    key_bytes: Counter[str] = Counter()
    value_bytes: Counter[str] = Counter()
    for partition, records in batches(place):
        pipeline = lines[partition]
        while records or pipeline.backlog:
            position = Position(records[-1].offset + 1 if records else 0, "bench", PARTITIONS)
            effects = process(pipeline, records, (pipeline.decode(records), 0.0), position, SWEEP_SLICE).effects
            records = []
            # A later row of a key replaces an earlier one only when the topic is compacted: all of them are sent.
            for output in (*effects.outputs, *(row for block in effects.rows for row in block)):
                count[output.topic] += 1
                key_bytes[output.topic] += len(output.key or b"")
                value_bytes[output.topic] += len(output.value or b"")
    leaving = tuple(
        Leaving(topic, number / place.touchpoints, key_bytes[topic] // number, value_bytes[topic] // number)
        for topic, number in sorted(count.items())
    )
    return Facts(place.touchpoints, leaving, tuple(scorer.score_rows), tuple(scorer.advance_rows))


def summary(facts: Facts) -> str:
    """The facts, for people."""
    told = ", ".join(
        f"{one.per_touchpoint:.3f} {one.topic} of {one.key_bytes + one.value_bytes} bytes" for one in facts.leaving
    )
    rows = np.array(facts.score_rows + facts.advance_rows)
    return f"a touchpoint brings about {told}; {len(rows):,} calls of the model, {rows.mean():,.0f} rows each"


def main() -> None:
    """Count, and write the file that `Place` names."""
    place = Place.here()
    place.facts.write_text(json.dumps(asdict(replayed(place))))


if __name__ == "__main__":
    main()
