"""A touchpoint file as what training reads: columns of everything that was said before an instant.

Arrives: records of a file. Leaves: batches, and how many lines were refused and why. Knows no model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamseg.datasets import jsonl
from streamseg.errors import ConfigError
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.times import rfc3339
from streamseg.wire.touchpoint import DecodeLimits, SourceRecord, decode


@dataclass(frozen=True, slots=True)
class Past:
    """What a file says about the time before an instant."""

    batches: list[TouchpointBatch]
    """In the order of the file, none empty."""
    refused: Counter[str]
    """Lines that are no touchpoints, by reason."""
    later: int
    """Touchpoints from the instant on: left out."""

    def __len__(self) -> int:
        return sum(len(batch) for batch in self.batches)


def read_past(
    path: Path, *, limits: DecodeLimits, until_ms: int | None = None, progress: Callable[[int], None] | None = None
) -> Past:
    """Read a touchpoint file for training.

    Args:
        path: As `jsonl.read`.
        limits: What is accepted as a touchpoint.
        until_ms: Leave out touchpoints with this event time or a later one, milliseconds UTC; None keeps all.
        progress: Called after each chunk with the number of lines read so far.

    Raises:
        ConfigError: If the file can't be read, or nothing in it is of any use.
    """
    past = past_of(jsonl.read(path), limits=limits, until_ms=until_ms, progress=progress)
    if not len(past):
        until = "" if until_ms is None else f" before {rfc3339(until_ms)}"
        why = ", ".join(f"{reason} {count}" for reason, count in past.refused.most_common()) or "none"
        raise ConfigError(
            f"{path} has no touchpoint{until} ({past.later} later ones; lines refused: {why}); give a file with history"
        )
    return past


def past_of(
    chunks: Iterable[Sequence[SourceRecord]],
    *,
    limits: DecodeLimits,
    until_ms: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Past:
    """Decode records that are at hand; as `read_past`, but it may find nothing."""
    batches: list[TouchpointBatch] = []
    refused: Counter[str] = Counter()
    later = lines = 0
    for chunk in chunks:
        decoded = decode(chunk, limits=limits)
        refused.update(rejected.reason for rejected in decoded.rejected)
        batch = decoded.batch if until_ms is None else _before(decoded.batch, until_ms)
        later += len(decoded.batch) - len(batch)
        if len(batch):
            batches.append(batch)
        lines += len(chunk)
        if progress is not None:
            progress(lines)
    return Past(batches, refused, later)


def _before(batch: TouchpointBatch, until_ms: int) -> TouchpointBatch:
    is_before = batch.event_ms < until_ms
    return batch if is_before.all() else batch.take(np.flatnonzero(is_before))
