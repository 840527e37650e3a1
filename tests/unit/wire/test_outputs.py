from __future__ import annotations

import json
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from streamseg.wire.ids import output_id
from streamseg.wire.outputs import CustomerProfile, Decision, Reason
from streamseg.wire.schema import MESSAGES, ROOT, json_schema
from streamseg.wire.times import rfc3339
from tests.unit.wire.outputs import ALERT, CAUSES, CHANGED, EXAMPLES, PROFILE
from tests.unit.wire.writings import NUMBERS, written

SCHEMAS = {message.name: Draft202012Validator(json_schema(message)) for message in MESSAGES}


def encode(output: Decision | CustomerProfile, cause: str = "e-1") -> dict[str, Any]:
    """The JSON that leaves, read back."""
    document: dict[str, Any] = json.loads(written(output, cause))
    return document


def told(number: float | None) -> float | None:
    """As it leaves: six decimals, half to even."""
    return None if number is None else float(Decimal(number).quantize(Decimal("0.000001"), ROUND_HALF_EVEN))


@pytest.mark.parametrize("name", EXAMPLES)
def test_outputs_leave_as_the_examples_show_them(name: str) -> None:
    shown = json.loads((ROOT / "examples" / "valid" / f"{name}.json").read_bytes())
    said = encode(EXAMPLES[name], CAUSES[name])
    assert said == shown
    assert list(said) == list(shown)


@pytest.mark.parametrize("output", EXAMPLES.values(), ids=list(EXAMPLES))
def test_every_declared_field_leaves_under_its_own_name(output: Decision | CustomerProfile) -> None:
    assert list(encode(output)) == list(output._fields)


@given(
    score=st.none() | st.floats(0, 1),
    contribution=st.floats(-1, 1),
    words=st.text(st.characters(codec="utf-8"), min_size=1),
    time_ms=st.integers(0, 300_000_000_000_000),
    from_ms=st.none() | st.integers(0, 300_000_000_000_000),
    customer_id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=128),
)
def test_every_decision_is_valid_against_its_schema(
    score: float | None, contribution: float, words: str, time_ms: int, from_ms: int | None, customer_id: str
) -> None:
    reasons = (Reason("silence", "raises", contribution, words, from_time=from_ms, until_time=from_ms),)
    decision = CHANGED._replace(score=score, reasons=reasons, valid_until=time_ms, customer_id=customer_id)
    SCHEMAS["segment-change"].validate(encode(decision))
    said = encode(decision)
    assert said["customer_id"] == customer_id
    assert said["score"] == told(score)
    assert said["reasons"][0]["contribution"] == told(contribution)
    assert said["reasons"][0]["words"] == words
    assert said["valid_until"] == rfc3339(time_ms)
    assert said["reasons"][0]["from_time"] == (None if from_ms is None else rfc3339(from_ms))


@given(
    numbers=st.lists(st.floats(0, 1e15, exclude_max=True), min_size=5, max_size=5),
    segment=st.none() | st.sampled_from(["new", "lapsed/bargain"]),
)
def test_every_profile_is_valid_against_its_schema(numbers: list[float], segment: str | None) -> None:
    numbers[0] /= 1e15
    profile = PROFILE._replace(segment=segment, **dict(zip(NUMBERS, numbers, strict=True)))  # type: ignore[arg-type]
    said = encode(profile)
    SCHEMAS["customer-profile"].validate(said)
    assert [said[name] for name in NUMBERS] == [told(number) for number in numbers]


@given(
    customer_id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=128),
    cause=st.text(st.characters(codec="utf-8"), min_size=1, max_size=128),
)
def test_ids_derive_from_customer_cause_and_kind(customer_id: str, cause: str) -> None:
    for output, kind in ((CHANGED, "changed"), (ALERT, "churn_alert"), (PROFILE, "profile")):
        said = encode(output._replace(customer_id=customer_id), cause)
        assert said["event_id"] == output_id(customer_id.encode(), cause, kind)


def test_an_alert_is_no_segment_change_and_a_change_is_no_alert() -> None:
    with pytest.raises(ValidationError):
        SCHEMAS["segment-change"].validate(encode(ALERT))
    with pytest.raises(ValidationError):
        SCHEMAS["churn-alert"].validate(encode(CHANGED))


@pytest.mark.parametrize("missing", Decision._fields)
def test_the_schema_asks_for_every_field(missing: str) -> None:
    document = encode(CHANGED)
    del document[missing]
    assert not SCHEMAS["segment-change"].is_valid(document)
