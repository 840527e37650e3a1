"""Why a record is refused: the closed list of reasons, and the sentence that its publisher reads in the dead letter.

Each function makes a `DecodeError` (it doesn't raise it); each sentence names the thing, its value, the limit and the
remedy.
"""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import Any, Final

import orjson

from streamseg.errors import DecodeError
from streamseg.wire.fields import MAX_DEPTH

REASONS: Final = (
    "no_value",
    "oversize",
    "bad_utf8",
    "bad_unicode",
    "bad_json",
    "not_finite",
    "too_deep",
    "not_an_object",
    "duplicate_key",
    "missing_field",
    "wrong_type",
    "empty",
    "too_long",
    "out_of_range",
    "bad_event_time",
    "bad_currency",
    "properties_too_big",
    "key_mismatch",
)
"""Every `reason` of a dead letter; the label of its metric. Append, never rename: alerts and scripts name them."""

SHOWN_CHARS: Final = 60
"""A message shows this much of a value; the dead letter itself carries the whole record."""


def shown(value: object) -> str:
    """Write a value as JSON, cut so that a message stays one line.

    >>> shown(True), shown("x" * 100)[-8:]
    ('true', 'xxxxxx..')
    """
    text = orjson.dumps(value).decode()
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 2] + ".."


def no_value() -> DecodeError:
    """A tombstone: nothing to read."""
    return DecodeError(
        "touchpoint has no value (null); expected a JSON object: to erase a customer, send consent.profiling false",
        reason="no_value",
    )


def oversize(size: int, limit: int) -> DecodeError:
    """Too many bytes."""
    return DecodeError(
        f"touchpoint has {size} bytes; expected at most {limit}: shorten text or properties", reason="oversize"
    )


def not_an_object(parsed: object) -> DecodeError:
    """JSON, but a list, a string, a number."""
    return DecodeError(
        f"touchpoint is {shown(parsed)}; expected one JSON object a record, for example "
        '{"event_id": "e-1", "customer_id": "c-1", "type": "view", "event_time": 1709642096789}',
        reason="not_an_object",
    )


def too_deep() -> DecodeError:
    """Objects and lists inside one another."""
    return DecodeError(
        f"touchpoint nests objects or lists too deeply; expected at most {MAX_DEPTH} levels: flatten properties",
        reason="too_deep",
    )


def duplicate_key(key: str) -> DecodeError:
    """One of the two values would be dropped without a word."""
    return DecodeError(
        f"touchpoint has the key {shown(key)} twice in one object; expected each key once: send one value",
        reason="duplicate_key",
    )


def missing_field(field: str) -> DecodeError:
    """A required field is not there."""
    return DecodeError(
        f"touchpoint.{field} is missing; expected event_id, customer_id, type and event_time in each: add it",
        reason="missing_field",
    )


def wrong_type(field: str, value: object, expected: str) -> DecodeError:
    """Another JSON type than the field's."""
    remedy = "correct it"
    if type(value) in (int, float) and expected == "a string":
        remedy = "put it in quotes"
    elif type(value) is str and expected in ("a number", "an integer"):
        remedy = "send it without quotes"
    return DecodeError(f"touchpoint.{field} is {shown(value)}; expected {expected}: {remedy}", reason="wrong_type")


def bad_string(field: str, value: object, least: int, most: int) -> DecodeError:
    """Not a string, an empty one, or one that is too long."""
    if type(value) is not str:
        return wrong_type(field, value, "a string")
    if len(value) < least:
        return DecodeError(
            f'touchpoint.{field} is ""; expected 1 to {most} characters: send the real value', reason="empty"
        )
    return DecodeError(
        f"touchpoint.{field} has {len(value)} characters ({shown(value)}); expected at most {most}: shorten it",
        reason="too_long",
    )


def bad_number(field: str, value: object, expected: str, limits: str) -> DecodeError:
    """Not a number of that kind, or one outside its limits (`limits` ends with the remedy)."""
    if type(value) is int or type(value) is float:
        return DecodeError(f"touchpoint.{field} is {shown(value)}; expected {limits}", reason="out_of_range")
    return wrong_type(field, value, expected)


def bad_event_time(value: object) -> DecodeError:
    """Unreadable, or outside 1970 to 9999."""
    if type(value) is not str and type(value) is not int and type(value) is not float:
        return wrong_type("event_time", value, "an RFC 3339 string or integer milliseconds UTC")
    return DecodeError(
        f"touchpoint.event_time is {shown(value)}; expected RFC 3339 with an offset (2024-03-05T12:34:56.789Z) or "
        "integer milliseconds UTC, from 1970 to 9999",
        reason="bad_event_time",
    )


def bad_currency(value: object) -> DecodeError:
    """Not three capital letters."""
    if type(value) is not str:
        return wrong_type("currency", value, "a string")
    return DecodeError(
        f"touchpoint.currency is {shown(value)}; expected three capital letters of ISO 4217, for example GBP",
        reason="bad_currency",
    )


def properties_too_big(size: int, limit: int) -> DecodeError:
    """The carried object outgrew its share."""
    return DecodeError(
        f"touchpoint.properties has {size} bytes as compact JSON; expected at most {limit}: send less in it",
        reason="properties_too_big",
    )


def key_mismatch(key: bytes | None, customer_id: str) -> DecodeError:
    """Touchpoints of one customer would land in several partitions, out of order."""
    is_key = "absent" if key is None else shown(key.decode(errors="replace"))
    return DecodeError(
        f"key of the record is {is_key}; expected touchpoint.customer_id in UTF-8, {shown(customer_id)}: "
        "produce with the customer's id as key, so that one partition keeps its touchpoints in order",
        reason="key_mismatch",
    )


def unreadable(value: bytes, position: int) -> DecodeError:
    """Say what keeps bytes from being JSON: the cause that a publisher can act on, not the parser's words.

    Args:
        value: Bytes that `orjson.loads` refused.
        position: Character at which it gave up.
    """
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        return DecodeError(
            f"touchpoint is not UTF-8: byte 0x{value[error.start]:02x} at {error.start}; expected all of it in UTF-8",
            reason="bad_utf8",
        )
    if is_too_deep(value):
        return too_deep()
    try:
        json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_finite)
    except _NotFiniteError as number:
        return DecodeError(
            f"touchpoint holds the number {str(number)[:SHOWN_CHARS]}; expected finite numbers: omit the field",
            reason="not_finite",
        )
    except ValueError:
        near = text[max(position - 20, 0) : position + 20]
        return DecodeError(
            f"touchpoint is not JSON at character {position} (near {shown(near)}); expected one JSON object in UTF-8",
            reason="bad_json",
        )
    return DecodeError(
        "touchpoint holds half of a surrogate pair (\\ud800 to \\udfff alone); expected whole characters: "
        "cut strings between characters",
        reason="bad_unicode",
    )


class _NotFiniteError(Exception):
    """Leaves the parser at the first NaN, Infinity or overflowing number."""


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise _NotFiniteError(literal)
    return number


_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_STEP: Final[dict[int, int]] = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}


def is_too_deep(value: bytes) -> bool:
    """Tell whether objects and lists nest deeper than `MAX_DEPTH`, by their brackets outside strings.

    >>> is_too_deep(b"[" * 65 + b"]" * 65), is_too_deep(b'["' + b"[" * 65 + b'"]')
    (True, False)
    """
    if value.count(b"{") + value.count(b"[") <= MAX_DEPTH:
        return False
    steps = (_STEP.get(byte, 0) for byte in _STRINGS.sub(b"", value))
    return max(accumulate(steps), default=0) > MAX_DEPTH


def first_missing(parsed: dict[str, Any], required: tuple[str, ...]) -> DecodeError:
    """Name the first required field that is not there."""
    return missing_field(next(field for field in required if field not in parsed))
