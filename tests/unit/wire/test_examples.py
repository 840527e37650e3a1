from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.fingerprint import fingerprint
from streamseg.wire.refusals import REASONS
from streamseg.wire.schema import MESSAGES, ROOT, json_schema
from streamseg.wire.vocabulary import CHANNELS, TYPES
from tests.unit.wire.records import Record, decoded, refusal

VALID = sorted((ROOT / "examples" / "valid").glob("*.json"))
INVALID = sorted((ROOT / "examples" / "invalid").glob("*.json"))
SILENT = {"channel": "other", "amount_micro": 0, "session_hash": 0, "rating": 0, "consent": -1}
NOON_MS = 1_709_642_096_789

COLUMNS: dict[str, dict[str, Any]] = {
    "touchpoint-consent-withdrawn": {"event_ms": NOON_MS, "type": "other", "consent": 0},
    "touchpoint-foreign-currency": {"event_ms": NOON_MS, "type": "purchase"},
    "touchpoint-full": {
        "event_ms": NOON_MS,
        "type": "review",
        "channel": "web",
        "session_hash": fingerprint("s-889"),
        "rating": 4,
        "consent": 1,
    },
    "touchpoint-integer-time": {"event_ms": NOON_MS, "type": "view"},
    "touchpoint-leap-second": {"event_ms": 1_483_228_799_999, "type": "view"},
    "touchpoint-minimal": {"event_ms": NOON_MS, "type": "view"},
    "touchpoint-nulls": {"event_ms": NOON_MS, "type": "view"},
    "touchpoint-purchase": {"event_ms": NOON_MS, "type": "purchase", "amount_micro": 19_990_000},
    "touchpoint-refund": {"event_ms": NOON_MS, "type": "refund", "amount_micro": -3_330_000},
    "touchpoint-unknown-type-and-channel": {"event_ms": NOON_MS, "type": "other"},
}


def _named(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", VALID, ids=_named)
def test_a_valid_example_is_valid_against_its_schema(path: Path) -> None:
    (message,) = [message for message in MESSAGES if path.stem.startswith(message.name)]
    Draft202012Validator(json_schema(message)).validate(json.loads(path.read_bytes()))


@pytest.mark.parametrize("path", [path for path in VALID if path.stem.startswith("touchpoint")], ids=_named)
def test_a_valid_touchpoint_decodes_to_the_columns_that_are_written_here(path: Path) -> None:
    value = path.read_bytes()
    doc = json.loads(value)
    outcome = decoded(Record(doc["customer_id"].encode(), value))
    assert outcome.rejected == []
    assert _only_row(outcome.batch) == {
        "customer_id": doc["customer_id"].encode(),
        "event_id": doc["event_id"],
        "event_hash": fingerprint(doc["event_id"]),
        "source": 0,
        **SILENT,
        **COLUMNS[path.stem],
    }


def _only_row(batch: TouchpointBatch) -> dict[str, Any]:
    assert len(batch) == 1
    return {
        "customer_id": batch.customer_id[0],
        "event_id": batch.event_id[0],
        "event_hash": int(batch.event_hash[0]),
        "type": TYPES[batch.type_code[0]],
        "channel": CHANNELS[batch.channel_code[0]],
        "event_ms": int(batch.event_ms[0]),
        "amount_micro": int(batch.amount_micro[0]),
        "session_hash": int(batch.session_hash[0]),
        "rating": int(batch.rating[0]),
        "consent": int(batch.consent[0]),
        "source": int(batch.source[0]),
    }


@pytest.mark.parametrize("path", INVALID, ids=_named)
def test_an_invalid_example_is_refused_for_the_reason_and_in_the_words_beside_it(path: Path) -> None:
    expected = tomllib.loads(path.with_suffix(".toml").read_text(encoding="utf-8"))
    key = expected.pop("key", "c-1").encode() if expected.pop("has_key", True) else None
    reason, message = expected.pop("reason"), expected.pop("message")
    assert refusal(Record(key, path.read_bytes()), **expected) == (reason, message)


def test_every_reason_has_an_example_except_the_one_that_has_no_bytes() -> None:
    shown = {tomllib.loads(path.with_suffix(".toml").read_text(encoding="utf-8"))["reason"] for path in INVALID}
    assert shown | {"no_value"} == set(REASONS)


def test_every_example_has_its_counterpart() -> None:
    assert {path.stem for path in VALID if path.stem.startswith("touchpoint")} == set(COLUMNS)
    assert {path.stem for path in (ROOT / "examples" / "invalid").glob("*.toml")} == {path.stem for path in INVALID}
