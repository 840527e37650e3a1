"""Laws of decoding, for every sequence of bytes and every JSON document."""

from __future__ import annotations

import json
from typing import Any

import orjson
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.fields import REQUIRED_FIELDS, Touchpoint
from streamseg.wire.refusals import REASONS
from streamseg.wire.schema import MESSAGES, json_schema
from streamseg.wire.touchpoint import DecodeLimits, decode
from streamseg.wire.vocabulary import MONEY_SIGNS, TYPES
from tests.unit.wire.records import Record, decoded, fields

SCHEMA = Draft202012Validator(json_schema(MESSAGES[0]))
ONE_LINE = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=140)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-2, 7)
TIMES = st.datetimes().map(lambda moment: moment.isoformat() + "Z") | st.sampled_from(
    ["2016-12-31t23:59:60z", "2024-02-30T00:00:00Z"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | ONE_LINE | TIMES | st.sampled_from(["GBP", "EUR", "view", "web", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ONE_LINE | st.just("profiling"), inner, max_size=3),
    max_leaves=5,
)
CHANGES = st.dictionaries(st.sampled_from(sorted(Touchpoint.__annotations__)) | ONE_LINE, VALUES, max_size=4)
RECORDS = st.builds(
    Record,
    st.none() | st.binary(max_size=8) | st.just(b"c-1"),
    st.none()
    | st.binary(max_size=60)
    | CHANGES.map(lambda changed: json.dumps(fields(**changed)).encode())
    | CHANGES.map(lambda changed: orjson.dumps({**fields(), **{k: _small(v) for k, v in changed.items()}})[:-3]),
    st.integers(-(2**63), 2**63 - 1),
)


def _small(value: Any) -> Any:
    return None if isinstance(value, int) else str(value)


@given(records=st.lists(RECORDS, max_size=12), skew=st.none() | st.integers(0, 10**9))
@example(records=[Record(b"c", b"[" * 5_000)], skew=None)
@example(records=[Record(b"c", b'{"a":' * 5_000)], skew=None)
@example(records=[Record(b"c", b'"' + b"\\" * 5_001)], skew=None)
@example(records=[Record(b"c", b"9" * 60_000)], skew=None)
@example(records=[Record(b"c", b"\xef\xbb\xbf{}")], skew=None)
@example(records=[Record(b"c", b'"\\u+123"')], skew=None)
def test_every_record_becomes_one_touchpoint_or_one_refusal_whatever_its_bytes_are(
    records: list[Record], skew: int | None
) -> None:
    outcome = decode(records, limits=DecodeLimits(allowed_skew_ms=skew))
    refused = [rejected.source for rejected in outcome.rejected]
    assert sorted([*outcome.batch.source.tolist(), *refused]) == list(range(len(records)))
    assert refused == sorted(refused)
    assert all(rejected.reason in REASONS for rejected in outcome.rejected)
    # What the refusal says must be able to travel in a header.
    assert all(rejected.message.encode() for rejected in outcome.rejected)


@given(changed=CHANGES)
@example(changed={"rating": 5.0, "event_time": 1.7e12})
@example(changed={"rating": True})
@example(changed={"consent": {"profiling": 1}})
def test_decode_accepts_exactly_what_the_schema_accepts(changed: dict[str, Any]) -> None:
    doc = json.loads(json.dumps(fields(**changed)))
    customer_id = doc["customer_id"]
    key = customer_id.encode() if isinstance(customer_id, str) else b"c-1"
    outcome = decoded(Record(key, json.dumps(doc).encode()))
    reasons = [rejected.reason for rejected in outcome.rejected]
    if SCHEMA.is_valid(doc):
        # The calendar, and years before 1970 in a string, lie beyond a pattern.
        assert reasons in ([], ["bad_event_time"])
    else:
        assert len(reasons) == 1


@given(
    event_id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=128),
    customer_id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=128),
    kind=st.sampled_from(TYPES) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=128),
    event_ms=st.integers(0, 253_402_300_799_999),
    cents=st.integers(0, 10**11),
    extra=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=9).map(lambda name: "x" + name), VALUES),
    is_ascii=st.booleans(),
)
def test_a_valid_touchpoint_is_always_accepted(
    event_id: str, customer_id: str, kind: str, event_ms: int, cents: int, extra: dict[str, Any], is_ascii: bool
) -> None:
    doc = {"event_id": event_id, "customer_id": customer_id, "type": kind, "event_time": event_ms, **extra}
    value = json.dumps({**doc, "amount": cents / 100}, ensure_ascii=is_ascii).encode()
    outcome = decoded(Record(customer_id.encode(), value))
    assert outcome.rejected == []
    assert (outcome.batch.event_id[0], outcome.batch.customer_id[0]) == (event_id, customer_id.encode())
    assert outcome.batch.event_ms.tolist() == [event_ms]
    assert outcome.batch.amount_micro[0] == MONEY_SIGNS.get(kind, 0) * cents * 10_000


@given(records=st.lists(RECORDS, max_size=12), cut=st.integers(0, 12))
def test_cutting_a_batch_in_two_changes_nothing(records: list[Record], cut: int) -> None:
    whole, left, right = decoded(*records), decoded(*records[:cut]), decoded(*records[cut:])
    assert [each.message for each in whole.rejected] == [each.message for each in (*left.rejected, *right.rejected)]
    assert _rows(whole.batch) == _rows(left.batch) + _rows(right.batch)


def _rows(batch: TouchpointBatch) -> list[tuple[Any, ...]]:
    columns = (batch.event_hash, batch.type_code, batch.channel_code, batch.event_ms, batch.amount_micro)
    more = (batch.session_hash, batch.rating, batch.consent)
    arrays = [column.tolist() for column in (*columns, *more)]
    return list(zip(batch.customer_id, batch.event_id, *arrays, strict=True))


@given(missing=st.sets(st.sampled_from(REQUIRED_FIELDS), min_size=1))
def test_without_a_required_field_nothing_is_accepted(missing: set[str]) -> None:
    doc = {name: value for name, value in fields().items() if name not in missing}
    (rejected,) = decoded(Record(b"c-1", json.dumps(doc).encode())).rejected
    assert rejected.reason == "missing_field"
