from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from streamseg.wire.fingerprint import fingerprint
from streamseg.wire.touchpoint import MORE_TYPES, UNKNOWN_TYPES_LIMIT
from streamseg.wire.vocabulary import CHANNELS, OTHER_CHANNEL, OTHER_TYPE, TYPES
from tests.unit.wire.records import NOON_MS, Record, a_record, decoded, fields, refusal


def test_no_records_give_an_empty_batch() -> None:
    outcome = decoded()
    assert (len(outcome.batch), outcome.rejected, outcome.clamped) == (0, [], 0)
    assert outcome.batch.event_ms.dtype == np.int64


def test_columns_have_the_types_that_the_batch_promises() -> None:
    batch = decoded(a_record()).batch
    promised = {
        "event_hash": np.uint64,
        "type_code": np.uint8,
        "channel_code": np.uint8,
        "event_ms": np.int64,
        "amount_micro": np.int64,
        "session_hash": np.uint64,
        "rating": np.int8,
        "consent": np.int8,
        "source": np.int32,
    }
    assert {name: getattr(batch, name).dtype for name in promised} == {
        name: np.dtype(t) for name, t in promised.items()
    }
    assert all(getattr(batch, name).shape == (1,) for name in promised)


def test_source_says_which_record_a_row_or_a_refusal_came_from() -> None:
    records = [a_record(event_id=f"e-{index}") for index in range(1_000)]
    for index in (0, 255, 256, 700, 999):
        records[index] = Record(b"c-1", b"{")
    outcome = decoded(*records)
    assert [rejected.source for rejected in outcome.rejected] == [0, 255, 256, 700, 999]
    assert [f"e-{index}" for index in outcome.batch.source] == list(outcome.batch.event_id)
    assert len(outcome.batch) == 995


@pytest.mark.parametrize("name", TYPES)
def test_each_type_has_its_code(name: str) -> None:
    assert TYPES[decoded(a_record(type=name)).batch.type_code[0]] == name


@pytest.mark.parametrize("name", CHANNELS)
def test_each_channel_has_its_code(name: str) -> None:
    assert CHANNELS[decoded(a_record(channel=name)).batch.channel_code[0]] == name


def test_unknown_types_are_kept_as_other_and_counted_by_name() -> None:
    outcome = decoded(
        a_record(type="hologram"), a_record(type="View"), a_record(type="hologram"), a_record(type="other")
    )
    assert outcome.batch.type_code.tolist() == [OTHER_TYPE] * 4
    assert outcome.unknown_types == Counter(hologram=2, View=1)


def test_the_names_of_unknown_types_are_bounded_and_none_goes_uncounted() -> None:
    outcome = decoded(*[a_record(type=f"t-{index % 150}") for index in range(300)])
    assert len(outcome.unknown_types) == UNKNOWN_TYPES_LIMIT + 1
    assert outcome.unknown_types[MORE_TYPES] == 100
    assert outcome.unknown_types.total() == 300


def test_an_unknown_or_missing_channel_is_other() -> None:
    assert (
        decoded(a_record(channel="metaverse"), a_record(), a_record(channel="")).batch.channel_code.tolist()
        == [OTHER_CHANNEL] * 3
    )


@pytest.mark.parametrize(
    ("kind", "micro"),
    [("purchase", 19_990_000), ("refund", -19_990_000), ("cancel", -19_990_000), ("view", 0), ("checkout", 0)],
)
def test_only_money_that_changed_hands_is_spend_and_what_was_given_back_is_negative(kind: str, micro: int) -> None:
    assert decoded(a_record(type=kind, amount=19.99)).batch.amount_micro.tolist() == [micro]


def test_amounts_in_another_currency_are_spend_0_and_counted() -> None:
    outcome = decoded(
        a_record(type="purchase", amount=5, currency="EUR"),
        a_record(type="purchase", amount=5, currency="GBP"),
        a_record(type="purchase", amount=5),
        a_record(type="purchase", currency="EUR"),
        a_record(type="refund", amount=5, currency="EUR"),
    )
    assert outcome.batch.amount_micro.tolist() == [0, 5_000_000, 5_000_000, 0, 0]
    assert outcome.foreign_currency == 2


def test_the_base_currency_is_a_limit_of_the_operator() -> None:
    outcome = decoded(
        a_record(type="purchase", amount=5, currency="EUR"), a_record(type="purchase", amount=5), base_currency="EUR"
    )
    assert (outcome.batch.amount_micro.tolist(), outcome.foreign_currency) == ([5_000_000, 5_000_000], 0)


@pytest.mark.parametrize("amount", [0, -0.0, 1e-9, 1_000_000_000, 1e9])
def test_amounts_at_the_limits_are_accepted(amount: float) -> None:
    assert decoded(a_record(type="purchase", amount=amount)).batch.amount_micro.tolist() == [round(amount * 1e6)]


def test_a_session_has_a_hash_and_no_session_has_0() -> None:
    records = a_record(session_id="s-1"), a_record(), a_record(session_id=""), a_record(session_id=None)
    assert decoded(*records).batch.session_hash.tolist() == [fingerprint("s-1"), 0, 0, 0]


@pytest.mark.parametrize(("rating", "column"), [(1, 1), (5, 5), (5.0, 5), (None, 0)])
def test_a_rating_is_1_to_5_and_0_where_there_is_none(rating: float | None, column: int) -> None:
    assert decoded(a_record(rating=rating)).batch.rating.tolist() == [column]


@pytest.mark.parametrize("rating", [0, 6, -1, 4.5, 1e300])
def test_a_rating_outside_1_to_5_is_refused(rating: float) -> None:
    assert refusal(a_record(rating=rating))[0] == "out_of_range"


def test_consent_is_given_withdrawn_or_not_spoken_of() -> None:
    records = a_record(consent={"profiling": True, "mail": False}), a_record(consent={"profiling": False}), a_record()
    assert decoded(*records).batch.consent.tolist() == [1, 0, -1]


def _with(field: str, value: Any) -> Record:
    changed: dict[str, Any] = {field: value}
    return a_record(**changed)


@pytest.mark.parametrize("field", ["event_id", "customer_id", "type"])
def test_lengths_are_counted_in_characters(field: str) -> None:
    assert len(decoded(_with(field, "\N{ROCKET}" * 128)).batch) == 1
    assert refusal(_with(field, "\N{ROCKET}" * 129))[0] == "too_long"


@pytest.mark.parametrize(
    ("field", "most"),
    [("channel", 128), ("session_id", 128), ("product_id", 128), ("category", 256), ("text", 16_384)],
)
def test_optional_strings_may_be_empty_and_are_bounded(field: str, most: int) -> None:
    assert [len(decoded(_with(field, "x" * size)).batch) for size in (0, most)] == [1, 1]
    assert refusal(_with(field, "x" * (most + 1)))[0] == "too_long"


@pytest.mark.parametrize(
    ("field", "most"), [("amount", 1_000_000_000), ("quantity", 1_000_000_000), ("quantity", -1_000_000_000)]
)
def test_numbers_are_bounded(field: str, most: int) -> None:
    assert len(decoded(_with(field, most)).batch) == 1
    assert refusal(_with(field, most * 1.000001))[0] == "out_of_range"


@pytest.mark.parametrize("field", ["event_id", "customer_id", "type", "event_time"])
@pytest.mark.parametrize("value", [None, True, [], {}])
def test_a_required_field_of_another_type_is_refused(field: str, value: Any) -> None:
    assert refusal(_with(field, value))[0] == "wrong_type"


@pytest.mark.parametrize("field", ["event_id", "customer_id", "type", "event_time"])
def test_the_first_missing_field_is_named(field: str) -> None:
    doc = fields()
    del doc[field]
    reason, message = refusal(Record(b"c-1", json.dumps(doc).encode()))
    assert reason == "missing_field"
    assert message.startswith(f"touchpoint.{field} is missing; expected event_id, customer_id, type and event_time")


@pytest.mark.parametrize("event_time", [0, 253_402_300_799_999, 1.7e12])
def test_integer_times_from_1970_to_9999_are_accepted(event_time: float) -> None:
    assert decoded(a_record(event_time=event_time)).batch.event_ms.tolist() == [int(event_time)]


@pytest.mark.parametrize(
    "event_time",
    [-1, 253_402_300_800_000, 1.5, 2**64, "", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-00:01", "1709640000000"],
)
def test_times_outside_1970_to_9999_or_in_another_form_are_refused(event_time: object) -> None:
    assert refusal(a_record(event_time=event_time))[0] == "bad_event_time"


def test_a_time_is_clamped_to_append_time_and_skew_and_counted() -> None:
    ahead = [a_record(event_time=NOON_MS + lead) for lead in (-9_999, 0, 1_000, 1_001, 86_400_000)]
    outcome = decoded(*ahead, allowed_skew_ms=1_000)
    assert (outcome.batch.event_ms - NOON_MS).tolist() == [-9_999, 0, 1_000, 1_000, 1_000]
    assert outcome.clamped == 2


def test_a_replay_clamps_nothing() -> None:
    outcome = decoded(a_record(event_time=NOON_MS + 86_400_000))
    assert (outcome.batch.event_ms.tolist(), outcome.clamped) == ([NOON_MS + 86_400_000], 0)


def test_an_unknown_append_time_clamps_nothing_and_an_absurd_one_does_not_wrap_around() -> None:
    outcome = decoded(a_record(timestamp=-1), a_record(timestamp=2**63 - 1), allowed_skew_ms=60_000)
    assert (outcome.batch.event_ms.tolist(), outcome.clamped) == ([NOON_MS, NOON_MS], 0)


def test_a_tombstone_is_refused_in_these_words() -> None:
    assert refusal(Record(b"c-1", None)) == (
        "no_value",
        "touchpoint has no value (null); expected a JSON object: to erase a customer, send consent.profiling false",
    )


def test_properties_are_measured_as_compact_json() -> None:
    assert len(decoded(a_record(properties={"a": "x" * 10}), max_properties_bytes=18).batch) == 1
    assert refusal(a_record(properties={"a": "x" * 11}), max_properties_bytes=18)[0] == "properties_too_big"


@pytest.mark.parametrize(("depth", "is_read"), [(63, True), (64, False), (250, False), (260, False), (2_000, False)])
def test_nesting_is_bounded(depth: int, is_read: bool) -> None:
    bomb = b'{"event_id":"e","customer_id":"c-1","type":"view","event_time":0,"x":' + b"[" * depth + b"]" * depth + b"}"
    outcome = decoded(Record(b"c-1", bomb))
    assert len(outcome.batch) == is_read
    assert [rejected.reason for rejected in outcome.rejected] == [] if is_read else ["too_deep"]


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999", b"-1e999", b"9" * 400, b"9" * 5_000])
def test_numbers_that_are_not_finite_are_refused_wherever_they_stand(number: bytes) -> None:
    value = json.dumps(fields()).encode().replace(b"}", b', "x": {"y": [0, ' + number + b"]}}")
    reason, message = refusal(Record(b"c-1", value))
    assert reason == "not_finite"
    assert message == f"touchpoint holds the number {number[:60].decode()}; expected finite numbers: omit the field"


def test_brackets_inside_strings_are_no_nesting() -> None:
    assert len(decoded(a_record(text="[" * 500, properties={"\\": '{"' * 40})).batch) == 1


def test_a_bad_neighbour_changes_no_other_row() -> None:
    records = [a_record(event_id=f"e-{index}", amount=index / 8, session_id=f"s-{index}") for index in range(300)]
    alone = decoded(*records).batch
    beside = decoded(*records[:7], Record(b"c-1", b'{"a":1,"a":2}'), *records[7:]).batch
    assert list(beside.event_id) == list(alone.event_id)
    for column in ("event_hash", "type_code", "event_ms", "amount_micro", "session_hash"):
        assert getattr(beside, column).tolist() == getattr(alone, column).tolist()


def test_keys_are_compared_as_bytes() -> None:
    assert len(decoded(Record("é".encode(), json.dumps(fields(customer_id="é")).encode())).batch) == 1
    # The same letter in two spellings (e and a combining accent): other bytes, another partition, a mismatch.
    assert refusal(Record("e\u0301".encode(), json.dumps(fields(customer_id="é")).encode()))[0] == "key_mismatch"
    assert refusal(Record(b"\xff", json.dumps(fields()).encode()))[0] == "key_mismatch"
