"""Records as a broker would hand them over, for the tests of decoding."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streamseg.wire.touchpoint import Decoded, DecodeLimits, decode

NOON_MS = 1_709_640_000_000
"""2024-03-05T12:00:00Z."""


@dataclass(frozen=True, slots=True)
class Record:
    """What decoding needs of a record."""

    key: bytes | None
    value: bytes | None
    timestamp: int = NOON_MS
    headers: Sequence[tuple[str, bytes]] = ()
    offset: int = 0


def fields(**changed: Any) -> dict[str, Any]:
    """The least that a touchpoint needs, with some fields changed or added."""
    return {"event_id": "e-1", "customer_id": "c-1", "type": "view", "event_time": "2024-03-05T12:00:00Z", **changed}


def a_record(*, timestamp: int = NOON_MS, **changed: Any) -> Record:
    """A record with the least that a touchpoint needs, with some fields changed or added; the key fits."""
    doc = fields(**changed)
    return Record(str(doc["customer_id"]).encode(), json.dumps(doc).encode(), timestamp)


def decoded(*records: Record, **limits: Any) -> Decoded:
    """Decode, with some limits changed."""
    return decode(records, limits=DecodeLimits(**limits))


def refusal(record: Record, **limits: Any) -> tuple[str, str]:
    """Reason and message of the one record, which must be refused."""
    outcome = decoded(record, **limits)
    assert len(outcome.batch) == 0
    (rejected,) = outcome.rejected
    return rejected.reason, rejected.message
