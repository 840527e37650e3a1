"""The one row about a partition itself, written in every transaction: where input, time and sweep stand, and on what.

A state belongs to one input topic of one width; the row carries both, so that another topic of the same name, or the
same one widened, is refused instead of being taken for the old input.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import orjson

from streamseg.core.snapshot import seal, unseal
from streamseg.wire.blocks import Block
from streamseg.wire.spans import Strings, joined

PARTITION_KEY: Final = b"p"


@dataclass(frozen=True, slots=True)
class Position:
    """Where the input of a partition stands, and which topic it is."""

    next_offset: int
    """Offset of the first record that is not part of the state."""
    topic_id: str
    """The broker's id of the input topic; empty where it has none."""
    partitions: int
    """Partitions of the input topic."""
    told_offset: int = -1
    """The group's committed offset as the transaction of the row left it; -1: there is none yet."""

    @property
    def commits(self) -> int | None:
        """The offset that a transaction commits for the group if it leaves the partition here; None = it commits none.

        >>> Position(7, "", 4, 7).commits, Position(7, "", 4, 5).commits
        (7, None)
        """
        return self.next_offset if self.told_offset == self.next_offset else None


@dataclass(frozen=True, slots=True)
class PartitionRow:
    """What is written."""

    position: Position
    watermark_ms: int
    swept_ms: int
    """Boundary up to which every silent customer was looked at."""
    model_version: str
    behaviours: list[str]
    """Names of behaviours by the index that stands in customer rows."""
    window: list[int]
    """Length in days and origin in milliseconds of the windows."""


def write_partition_row(state: PartitionRow) -> bytes:
    """The row's value."""
    return seal(orjson.dumps(asdict(state)))


def read_partition_row(value: bytes) -> PartitionRow:
    """The state of a row's value.

    Raises:
        InvariantError: If it is corrupt or of another version.

    >>> state = PartitionRow(Position(7, "", 4), 5, 0, "m1", ["frequent"], [7, 0])
    >>> read_partition_row(write_partition_row(state)) == state
    True
    """
    text, (start,), (stop,) = unseal(joined([PARTITION_KEY]), joined([value]))
    fields = orjson.loads(text[start:stop].tobytes())
    return PartitionRow(position=Position(**fields.pop("position")), **fields)


def partition_row_of(rows: Block) -> PartitionRow | None:
    """The state in the rows of a changelog; None if it isn't among them.

    Raises:
        InvariantError: If it is corrupt or of another version.
    """
    text, start, stop = rows.key
    its = np.flatnonzero((stop - start == len(PARTITION_KEY)) & (text[start] == PARTITION_KEY[0]))
    return read_partition_row(Strings(rows.value)[int(its[0])]) if len(its) else None
