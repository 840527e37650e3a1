"""Records that are passed on as they came: dead letters and touchpoints that were too late, with what was found.

Value, key and headers keep their bytes; what streamseg adds are headers whose names start with ``streamseg-``.
"""

from __future__ import annotations

from dataclasses import dataclass

from streamseg.wire.outputs import Output
from streamseg.wire.topics import DEAD_LETTERS, LATE_TOUCHPOINTS
from streamseg.wire.touchpoint import Rejected, SourceRecord


@dataclass(frozen=True, slots=True)
class Source:
    """Where records come from."""

    topic: str
    partition: int


def dead_letter(record: SourceRecord, rejected: Rejected, source: Source) -> Output:
    """The record that was refused, with the reason and the place where it stood."""
    found = (("streamseg-reason", rejected.reason.encode()), ("streamseg-message", rejected.message.encode()))
    return Output(DEAD_LETTERS, record.key, record.value, (*record.headers, *found, *_place(record, source)))


def late_touchpoint(record: SourceRecord, lateness_ms: int, source: Source) -> Output:
    """The touchpoint that came too late, with how far it lay behind the watermark, milliseconds."""
    found = (("streamseg-lateness-ms", str(lateness_ms).encode()),)
    return Output(LATE_TOUCHPOINTS, record.key, record.value, (*record.headers, *found, *_place(record, source)))


def _place(record: SourceRecord, source: Source) -> tuple[tuple[str, bytes], ...]:
    return (
        ("streamseg-topic", source.topic.encode()),
        ("streamseg-partition", str(source.partition).encode()),
        ("streamseg-offset", str(record.offset).encode()),
    )
