"""Decode: records of one partition in, columns and refusals out; no record is lost and none stops the others.

Every record becomes exactly one touchpoint or one `Rejected`, whatever its bytes are. Plain records are recognised by
a compiled pass (0.7 us each, half of it without the global lock; 0.1 more where they come as objects and not as
`Records`), all others are read as JSON and judged (5 us). This file knows no Kafka client, no clock and no customer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from streamseg.errors import DecodeError
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.event_ids import EventIds
from streamseg.wire.fingerprint import fingerprints
from streamseg.wire.grammar import grammar_of
from streamseg.wire.json_objects import SLICE, parse_objects
from streamseg.wire.money import to_micro
from streamseg.wire.plain import ROW
from streamseg.wire.plain_times import read_times
from streamseg.wire.records import Records
from streamseg.wire.reference import Read, read
from streamseg.wire.scan import scan
from streamseg.wire.spans import Int64Array, Spans, Strings, UInt8Array, joined, locked
from streamseg.wire.times import LAST_MS
from streamseg.wire.vocabulary import CHANNEL_CODES, MONEY_SIGNS, OTHER_CHANNEL, OTHER_TYPE, TYPE_CODES, TYPES

UNKNOWN_TYPES_LIMIT: Final = 100
"""Distinct unknown type names counted by name in one batch; the rest is counted as `MORE_TYPES`."""
MORE_TYPES: Final = "(more)"


class SourceRecord(Protocol):
    """What decoding needs of a record; a client's own record class fits as it is."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def timestamp(self) -> int:
        """Milliseconds UTC at which the broker appended the record; negative = unknown."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...
    @property
    def offset(self) -> int: ...


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What the operator sets about records; what the format fixes stands in `fields`."""

    max_value_bytes: int = 65_536
    max_properties_bytes: int = 8_192
    """Of `properties` as compact JSON."""
    base_currency: str = "GBP"
    """Amounts in any other currency leave as 0 and are counted."""
    allowed_skew_ms: int | None = None
    """How far `event_time` may lead the append time before it is clamped to it; None = no clamp (replay)."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """One record that is no touchpoint: it goes to the dead letters."""

    source: int
    """Index of the record in the sequence that was decoded."""
    reason: str
    """One of `refusals.REASONS`."""
    message: str
    """The sentence for the publisher."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The outcome of one batch: `len(batch) + len(rejected)` is the number of records."""

    batch: TouchpointBatch
    rejected: list[Rejected]
    unknown_types: Counter[str]
    foreign_currency: int
    """Touchpoints whose amount is in another currency than the base."""
    clamped: int
    """Touchpoints whose event_time led the append time by more than the allowed skew."""


def decode(records: Sequence[SourceRecord], *, limits: DecodeLimits) -> Decoded:
    """Turn the records of one partition into columns, in their order, and say of every other one why it is refused.

    Args:
        records: Of one partition, in its order; may be empty.
        limits: See `DecodeLimits`.

    Returns:
        The touchpoints as columns and the refusals by index. It never raises because of what a record contains.
    """
    return judged(records, recognised(records, limits), limits)


@dataclass(frozen=True, slots=True)
class Recognised:
    """What the compiled pass made of N records."""

    text: UInt8Array
    """The values."""
    keys: Spans
    rows: NDArray[Any]
    """(N,) of `plain.ROW`."""


def recognised(records: Sequence[SourceRecord], limits: DecodeLimits) -> Recognised:
    """Read the plain ones of the records."""
    if isinstance(records, Records):
        keys, values = records.keys_and_values()
    else:
        keys = joined([record.key or b"" for record in records])
        values = joined([record.value or b"" for record in records])
    rows = scan(values, keys, grammar_of(limits.base_currency, limits.max_value_bytes))
    read_times(values.text, rows, LAST_MS)
    return Recognised(values.text, keys, rows)


def append_ms_of(records: Sequence[SourceRecord]) -> Int64Array:
    """(N,) the broker's time of each record."""
    if isinstance(records, Records):
        return records.timestamps
    return np.array([record.timestamp for record in records], np.int64)


def judged(records: Sequence[SourceRecord], found: Recognised, limits: DecodeLimits) -> Decoded:
    """Let the reference read what isn't plain, and make columns of all; it writes into `found.rows`."""
    rows, text, keys = found.rows, found.text, found.keys
    source, touchpoints, rejected = _ask(records, np.flatnonzero(~rows["is_plain"]).tolist(), limits)
    if touchpoints:
        rows[source], more = _rows(touchpoints, len(text))
        text = locked(np.concatenate((text, more)))
    kept = np.arange(len(rows), dtype=np.int32)
    if rejected:
        kept = np.delete(kept, [refused.source for refused in rejected])
    event_ms, clamped = rows["event_ms"][kept], 0
    if limits.allowed_skew_ms is not None:
        event_ms, clamped = _clamp(event_ms, append_ms_of(records)[kept], limits.allowed_skew_ms)
    ids = Spans(text, rows["id_start"][kept], rows["id_stop"][kept])
    sessions = Spans(text, rows["session_start"][kept], rows["session_stop"][kept])
    batch = TouchpointBatch(
        customer_id=Strings(Spans(keys.text, keys.start[kept], keys.stop[kept])),
        event_id=EventIds.of(ids),
        event_hash=fingerprints(ids),
        type_code=rows["type_code"][kept],
        channel_code=rows["channel_code"][kept],
        event_ms=event_ms,
        amount_micro=rows["amount_micro"][kept],
        # 0 says "no session", so a fingerprint of 0 (one in 10^19) becomes 1.
        session_hash=np.maximum(fingerprints(sessions), 1) * (sessions.start < sessions.stop),
        rating=rows["rating"][kept],
        consent=rows["consent"][kept],
        source=kept,
    )
    unknown = _count_unknown([touchpoint.type for touchpoint in touchpoints])
    return Decoded(batch, rejected, unknown, int(rows["is_foreign"][kept].sum()), clamped)


def _ask(
    records: Sequence[SourceRecord], asked: list[int], limits: DecodeLimits
) -> tuple[list[int], list[Read], list[Rejected]]:
    """Let the reference read these records: the touchpoints among them by index, and the others."""
    source: list[int] = []
    touchpoints: list[Read] = []
    rejected: list[Rejected] = []
    for start in range(0, len(asked), SLICE):
        some = [(index, records[index]) for index in asked[start : start + SLICE]]
        objects = parse_objects([record.value for _, record in some], limits.max_value_bytes)
        for (index, record), doc in zip(some, objects, strict=True):
            try:
                touchpoints.append(read(doc, record.key, limits.base_currency, limits.max_properties_bytes))
                source.append(index)
            except DecodeError as refused:
                rejected.append(Rejected(index, refused.reason, str(refused)))
    return source, touchpoints, rejected


def _rows(touchpoints: Sequence[Read], text_size: int) -> tuple[NDArray[Any], UInt8Array]:
    """What the reference read, as rows of the compiled pass; and the strings that stand behind its text."""
    event_ids, types, channels, event_ms, amounts, sessions, ratings, consents = zip(*touchpoints, strict=True)
    strings = joined([string.encode() for string in (*event_ids, *(session or "" for session in sessions))])
    amount = np.array(amounts, np.float64)
    rows = np.zeros(len(touchpoints), ROW)
    rows["id_start"], rows["session_start"] = np.split(strings.start + text_size, 2)
    rows["id_stop"], rows["session_stop"] = np.split(strings.stop + text_size, 2)
    rows["event_ms"] = event_ms
    rows["type_code"] = [TYPE_CODES.get(name, OTHER_TYPE) for name in types]
    rows["channel_code"] = [CHANNEL_CODES.get(name, OTHER_CHANNEL) for name in channels]
    rows["is_foreign"] = amount < 0
    rows["amount_micro"] = to_micro(np.maximum(amount, 0.0)) * _MONEY_SIGN[rows["type_code"]]
    rows["rating"] = ratings
    rows["consent"] = consents
    return rows, strings.text


_MONEY_SIGN: Final = np.array([MONEY_SIGNS.get(name, 0) for name in TYPES], np.int64)


def _clamp(event_ms: Int64Array, append_ms: Int64Array, allowed_skew_ms: int) -> tuple[Int64Array, int]:
    # Where a topic keeps its publishers' times, one may be any 64-bit number: the sum below must not wrap around.
    latest_ms = np.where(append_ms < 0, LAST_MS, np.minimum(append_ms, LAST_MS) + allowed_skew_ms)
    return np.minimum(event_ms, latest_ms), int((event_ms > latest_ms).sum())


def _count_unknown(types: Sequence[str]) -> Counter[str]:
    """Count unknown types by name, at most `UNKNOWN_TYPES_LIMIT` names: a broken publisher can't fill the memory."""
    counted: Counter[str] = Counter()
    for name in types:
        if name not in TYPE_CODES:
            is_new = name not in counted and len(counted) >= UNKNOWN_TYPES_LIMIT
            counted[MORE_TYPES if is_new else name] += 1
    return counted
