from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from streamseg.errors import InvariantError
from streamseg.wire.outputs import CustomerProfile, Decision, Reason, encode_decision, encode_profile
from streamseg.wire.schema import MESSAGES, ROOT, json_schema
from tests.unit.wire.outputs import ALERT, CHANGED, EXAMPLES, PROFILE

SCHEMAS = {message.name: Draft202012Validator(json_schema(message)) for message in MESSAGES}
NOT_FINITE = pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])


def encode(output: Decision | CustomerProfile) -> dict[str, Any]:
    """The JSON that leaves, read back."""
    encoded = encode_profile(output) if isinstance(output, CustomerProfile) else encode_decision(output)
    document: dict[str, Any] = json.loads(encoded)
    return document


@pytest.mark.parametrize("name", EXAMPLES)
def test_outputs_leave_as_the_examples_show_them(name: str) -> None:
    shown = json.loads((ROOT / "examples" / "valid" / f"{name}.json").read_bytes())
    assert encode(EXAMPLES[name]) == shown
    assert list(encode(EXAMPLES[name])) == list(shown)


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
    assert encode(decision)["score"] == score


@given(value=st.none() | st.floats(0, 1e12), segment=st.none() | st.sampled_from(["new", "lapsed/bargain"]))
def test_every_profile_is_valid_against_its_schema(value: float | None, segment: str | None) -> None:
    SCHEMAS["customer-profile"].validate(encode(PROFILE._replace(expected_value=value, segment=segment)))


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


@NOT_FINITE
@pytest.mark.parametrize("field", ["score", "threshold"])
def test_a_decision_that_is_not_finite_does_not_leave(field: str, number: float) -> None:
    with pytest.raises(InvariantError, match=f"^changed of customer 'c-1001': {field} is {number!r}; only finite"):
        encode_decision(CHANGED._replace(**{field: number}))  # type: ignore[arg-type]  # the names are above


@NOT_FINITE
def test_a_reason_that_is_not_finite_does_not_leave(number: float) -> None:
    with pytest.raises(InvariantError) as refused:
        encode_decision(CHANGED._replace(reasons=(Reason("silence", "raises", number, "no touchpoint"),)))
    assert str(refused.value) == (
        f"changed of customer 'c-1001': reasons[silence].contribution is {number!r}; only finite numbers may leave. "
        "Nothing was committed: roll the model back (streamseg models rollback) and report the customer's touchpoints"
    )


@NOT_FINITE
@pytest.mark.parametrize("field", ["churn_probability", "expected_purchases", "expected_value", "expected_value_high"])
def test_a_profile_that_is_not_finite_does_not_leave(field: str, number: float) -> None:
    with pytest.raises(InvariantError, match=f"^profile of customer 'c-1001': {field} is {number!r}; only finite"):
        encode_profile(PROFILE._replace(**{field: number}))  # type: ignore[arg-type]  # the names are above
