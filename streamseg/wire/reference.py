"""The reference: one parsed object in, what the columns need of it out, or the first thing that is wrong with it.

It alone says what is refused and in which words. `scan.py` recognises plain records without it, and must agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from streamseg.errors import DecodeError
from streamseg.wire import refusals
from streamseg.wire.fields import (
    CURRENCY_PATTERN,
    MAX_AMOUNT,
    MAX_ID_CHARS,
    MAX_NAME_CHARS,
    MAX_QUANTITY,
    MAX_TEXT_CHARS,
    REQUIRED_FIELDS,
)
from streamseg.wire.json_objects import Object
from streamseg.wire.times import LAST_MS, parse_rfc3339


class Read(NamedTuple):
    """One touchpoint."""

    event_id: str
    type: str
    channel: str | None
    event_ms: int
    amount: float
    """At least 0; -1 = in a foreign currency."""
    session_id: str | None
    rating: int
    """0 = none."""
    consent: int
    """-1 = says nothing."""


_is_currency = re.compile(CURRENCY_PATTERN.removesuffix("$") + r"\Z").match


def read(doc: Object | DecodeError, record_key: bytes | None, base_currency: str, max_properties_bytes: int) -> Read:
    """Read one object, or raise the `DecodeError` that says what is wrong first (`doc` may be it already)."""
    if isinstance(doc, DecodeError):
        raise doc
    try:
        event_id = doc["event_id"]
        customer_id = doc["customer_id"]
        kind = doc["type"]
        event_time = doc["event_time"]
    except KeyError:
        raise refusals.first_missing(doc, REQUIRED_FIELDS) from None
    if type(event_id) is not str or not 0 < len(event_id) <= MAX_ID_CHARS:
        raise refusals.bad_string("event_id", event_id, 1, MAX_ID_CHARS)
    if type(customer_id) is not str or not 0 < len(customer_id) <= MAX_ID_CHARS:
        raise refusals.bad_string("customer_id", customer_id, 1, MAX_ID_CHARS)
    if type(kind) is not str or not 0 < len(kind) <= MAX_ID_CHARS:
        raise refusals.bad_string("type", kind, 1, MAX_ID_CHARS)
    try:
        event_ms = parse_rfc3339(event_time) if type(event_time) is str else _whole(event_time)
    except ValueError:
        raise refusals.bad_event_time(event_time) from None
    if not 0 <= event_ms <= LAST_MS:
        raise refusals.bad_event_time(event_time)
    get = doc.get
    channel = get("channel")
    if channel is not None and (type(channel) is not str or len(channel) > MAX_ID_CHARS):
        raise refusals.bad_string("channel", channel, 0, MAX_ID_CHARS)
    session = get("session_id")
    if session is not None and (type(session) is not str or len(session) > MAX_ID_CHARS):
        raise refusals.bad_string("session_id", session, 0, MAX_ID_CHARS)
    amount = _amount(get("amount"), get("currency"), base_currency)
    rating, consent = _check_rest(get, max_properties_bytes)
    if customer_id.encode() != record_key:
        raise refusals.key_mismatch(record_key, customer_id)
    return Read(event_id, kind, channel, event_ms, amount, session, rating, consent)


def _whole(value: object) -> int:
    # 1.7e12 is an integer to JSON Schema as it is to JavaScript, which knows no other numbers.
    if type(value) is int or (type(value) is float and value.is_integer()):
        return int(value)
    raise ValueError("not an integer")


def _amount(amount: object, currency: object, base_currency: str) -> float:
    """Give the amount, 0 if there is none, or -1 if its currency is foreign (an amount itself is never negative)."""
    is_foreign = currency is not None and currency != base_currency
    if is_foreign and (type(currency) is not str or _is_currency(currency) is None):
        raise refusals.bad_currency(currency)
    if amount is None:
        return 0.0
    if (type(amount) is not float and type(amount) is not int) or not 0 <= amount <= MAX_AMOUNT:
        limits = f"0 to {MAX_AMOUNT}: send refunds as positive amounts of type refund, and larger sums in several lines"
        raise refusals.bad_number("amount", amount, "a number", limits)
    return -1.0 if is_foreign else amount


def _check_rest(get: Callable[[str], Any], max_properties_bytes: int) -> tuple[int, int]:
    """Check the fields that are carried but not counted; give rating (0 = none) and consent (-1 = says nothing)."""
    product = get("product_id")
    if product is not None and (type(product) is not str or len(product) > MAX_ID_CHARS):
        raise refusals.bad_string("product_id", product, 0, MAX_ID_CHARS)
    category = get("category")
    if category is not None and (type(category) is not str or len(category) > MAX_NAME_CHARS):
        raise refusals.bad_string("category", category, 0, MAX_NAME_CHARS)
    quantity = get("quantity")
    if quantity is not None and (
        (type(quantity) is not int and type(quantity) is not float) or not -MAX_QUANTITY <= quantity <= MAX_QUANTITY
    ):
        limits = f"{-MAX_QUANTITY} to {MAX_QUANTITY}: correct it, or leave it out"
        raise refusals.bad_number("quantity", quantity, "a number", limits)
    text = get("text")
    if text is not None and (type(text) is not str or len(text) > MAX_TEXT_CHARS):
        raise refusals.bad_string("text", text, 0, MAX_TEXT_CHARS)
    properties = get("properties")
    if properties is not None:
        if type(properties) is not dict:
            raise refusals.wrong_type("properties", properties, "an object")
        size = len(orjson.dumps(properties))
        if size > max_properties_bytes:
            raise refusals.properties_too_big(size, max_properties_bytes)
    rating = get("rating")
    consent = get("consent")
    return (0 if rating is None else _rating(rating)), (-1 if consent is None else _consent(consent))


def _rating(value: object) -> int:
    if type(value) is bool or value not in (1, 2, 3, 4, 5):
        raise refusals.bad_number("rating", value, "an integer", "an integer from 1 to 5: round or rescale it")
    return int(value)


def _consent(value: object) -> int:
    profiling = value.get("profiling") if type(value) is dict else None
    if type(profiling) is not bool:
        raise refusals.wrong_type("consent", value, 'an object, {"profiling": true} or {"profiling": false}')
    return int(profiling)
