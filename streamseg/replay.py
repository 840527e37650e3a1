"""The worker's journey over a file, without Kafka: the same pipeline, the same outputs, event time for a clock.

Arrives: records of a touchpoint file and a model. Leaves: JSON lines with `topic`, `key` and `value`. Keys are split
over partitions as Kafka's default partitioner does, with one pipeline and one clock each, so that the outputs are those
of workers on a topic with as many partitions. Due silence is swept; the end of the input closes no window.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

import orjson

from streamseg.core.scores import Scorer
from streamseg.datasets.jsonl import FileRecord
from streamseg.effects import Counts, Effects
from streamseg.errors import ConfigError
from streamseg.kafka.partitioner import partition_of
from streamseg.pipeline import Pipeline, Rules
from streamseg.wire.outputs import Output
from streamseg.wire.topics import DEAD_LETTERS

SWEEP_LIMIT: Final = 8_192
"""Silent customers looked at in one go: as many as rows of a batch, so that memory stays flat."""


@dataclass(slots=True)
class Replayed:
    """What a replay did."""

    counts: Counts = field(default_factory=Counts)
    topics: Counter[str] = field(default_factory=Counter)
    """Records that left, by topic."""
    seconds: Counter[str] = field(default_factory=Counter)
    """Spent in the pipeline, by stage."""

    def add(self, effects: Effects) -> None:
        """Count one batch or sweep in."""
        for column in fields(Counts):
            mine = getattr(self.counts, column.name)
            mine += getattr(effects.counts, column.name)
            setattr(self.counts, column.name, mine)
        self.topics.update(output.topic for output in effects.outputs)
        self.seconds.update(effects.seconds)


def replay(
    chunks: Iterable[list[FileRecord]],
    output: Path,
    *,
    rules: Rules,
    scorer: Scorer,
    partitions: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Replayed:
    """Run the pipeline over records, and write what leaves it as a file of JSON lines.

    The order of the lines is that of the batches: it changes with the size of the chunks, the lines themselves don't.

    Args:
        chunks: Of `datasets.jsonl.read`.
        output: The file to write; it appears under its name only when it is whole.
        rules: As the worker's; nothing may be clamped to an append time (`limits.allowed_skew_ms` None).
        scorer: The model.
        partitions: Of the touchpoints topic that the replay stands for, at least 1.
        progress: Called after each chunk with the number of records taken so far.

    Raises:
        ConfigError: If the input can't be read, the output not be written, or the model doesn't fit the rules.
        InvariantError: If the model gives a number that is not finite.
    """
    replayed = Replayed()
    partial = output.with_name(f"{output.name}.part")
    try:
        with open(partial, "wb") as sink:
            for effects in replay_effects(chunks, rules=rules, scorer=scorer, partitions=partitions):
                replayed.add(effects)
                sink.writelines(map(line_of, effects.outputs))
                if progress is not None and effects.counts.received:
                    progress(replayed.counts.received)
        os.replace(partial, output)
    except OSError as error:
        raise ConfigError(
            f"can't write {output}: {error.strerror or error}; choose a place that can be written"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return replayed


def replay_effects(
    chunks: Iterable[list[FileRecord]], *, rules: Rules, scorer: Scorer, partitions: int = 1
) -> Iterator[Effects]:
    """Give the effects of each batch and of each sweep that it made due, partition by partition."""
    pipelines = [Pipeline(rules, scorer, partition=number) for number in range(partitions)]
    taken = [0] * partitions
    for chunk in chunks:
        shares: list[list[FileRecord]] = [[] for _ in pipelines]
        for record in chunk:
            partition = partition_of(record.key, partitions)
            # The offset that it would have on the topic.
            shares[partition].append(record._replace(offset=taken[partition]))
            taken[partition] += 1
        for pipeline, share in zip(pipelines, shares, strict=True):
            if share:
                yield pipeline.process(share, now_ms=None)
            while pipeline.backlog:
                yield pipeline.sweep(SWEEP_LIMIT, now_ms=None)


def line_of(output: Output) -> bytes:
    r"""Write one record as a line: its value as the JSON that it is, a tombstone as null.

    A dead letter need not be JSON, nor even text: its value is a string, or an object with `base64`; and since its
    reason and place stand in its headers, these are told, too (as those of a late touchpoint are).

    >>> line_of(Output("customer-profiles", b"c1", None))
    b'{"topic":"customer-profiles","key":"c1","value":null}\n'
    >>> line_of(Output("dead-letters", b"c1", b"\xff", (("streamseg-reason", b"bad_utf8"),)))
    b'{"topic":"dead-letters","key":"c1","value":{"base64":"/w=="},"headers":[["streamseg-reason","bad_utf8"]]}\n'
    """
    value = b"null"
    if output.value is not None:
        value = _text(output.value) if output.topic == DEAD_LETTERS else output.value
    key = b"null" if output.key is None else _text(output.key)
    headers = b""
    if output.headers:
        pairs = b",".join(b"[%s,%s]" % (orjson.dumps(name), _text(content)) for name, content in output.headers)
        headers = b',"headers":[%s]' % pairs
    return b'{"topic":%s,"key":%s,"value":%s%s}\n' % (orjson.dumps(output.topic), key, value, headers)


def _text(content: bytes) -> bytes:
    try:
        return orjson.dumps(content.decode())
    except UnicodeDecodeError:
        return orjson.dumps({"base64": b64encode(content).decode()})
