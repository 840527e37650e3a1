"""The value that travels on the event path: the touchpoints of one micro-batch of one partition, as columns."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from streamseg.wire.event_ids import EventIds
from streamseg.wire.spans import Int64Array, Strings

UInt64Array = NDArray[np.uint64]

MICRO = 1_000_000
"""Fixed-point units of one unit of money: sums are exact, so order and batch cuts can't change a bit."""


@dataclass(frozen=True, slots=True)
class TouchpointBatch:
    """N touchpoints in the order of their partition. Every array has shape (N,); the lists have N items."""

    customer_id: Strings
    """UTF-8 bytes, the key of the record, 1 to 512 bytes (128 characters)."""
    event_id: EventIds
    """The publisher's id of the touchpoint; the cause of every output that it brings about."""
    event_hash: NDArray[np.uint64]
    """64-bit hash of `event_id`, the same on every machine (XXH64); used to recognise duplicates."""
    type_code: NDArray[np.uint8]
    """Index in `vocabulary.TYPES`."""
    channel_code: NDArray[np.uint8]
    """Index in `vocabulary.CHANNELS`."""
    event_ms: NDArray[np.int64]
    """Time of the touchpoint, milliseconds UTC, at least 0; already clamped to append time + allowed skew."""
    amount_micro: NDArray[np.int64]
    """Spend in the base currency, 1e-6 units; negative for refund and cancel; 0 for types without a money sign."""
    session_hash: NDArray[np.uint64]
    """64-bit hash of `session_id`, never 0 where there is one; 0 = no session."""
    rating: NDArray[np.int8]
    """1 to 5; 0 = none."""
    consent: NDArray[np.int8]
    """1 = profiling allowed, 0 = withdrawn, -1 = the touchpoint says nothing."""
    source: NDArray[np.int32]
    """Index of the record, in the sequence that was decoded, from which the touchpoint came; increasing."""

    def __len__(self) -> int:
        return len(self.customer_id)

    def take(self, rows: Int64Array) -> TouchpointBatch:
        """Some of the touchpoints, in the order asked for."""
        return TouchpointBatch(**{column.name: getattr(self, column.name).take(rows) for column in fields(self)})
