"""The touchpoint as its publishers write it: every field with its type, its limits and what it means.

Declared once: `schema.py` makes `topics/schemas/touchpoint.json` from this class, and decoding holds records to the
same limits. A field that is not named here is accepted and left alone; null in an optional field counts as absent.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Required, TypedDict

from streamseg.wire.declared import Says
from streamseg.wire.times import LAST_MS, RFC3339_PATTERN
from streamseg.wire.vocabulary import CHANNELS, TYPES

MAX_ID_CHARS: Final = 128
MAX_NAME_CHARS: Final = 256
"""Longest `category`."""
MAX_TEXT_CHARS: Final = 16_384
MAX_AMOUNT: Final = 1_000_000_000
"""Of one line: in fixed point 1e15, so that nine thousand of the largest still add up inside 64 bits."""
MAX_QUANTITY: Final = 1_000_000_000
MAX_DEPTH: Final = 64
"""Deepest nesting of objects and lists in a record, its own braces included."""
CURRENCY_PATTERN: Final = "^[A-Z]{3}$"

_ID: Final = {"minLength": 1, "maxLength": MAX_ID_CHARS}
_SHORT: Final = {"maxLength": MAX_ID_CHARS}
_TIME: Final = {
    "anyOf": [
        {"type": "string", "pattern": RFC3339_PATTERN},
        {"type": "integer", "minimum": 0, "maximum": LAST_MS},
    ]
}
_QUANTITY: Final = {"minimum": -MAX_QUANTITY, "maximum": MAX_QUANTITY}
_CONSENT: Final = {
    "type": ["object", "null"],
    "properties": {"profiling": {"type": "boolean"}},
    "required": ["profiling"],
}


class Consent(TypedDict):
    """What the customer allows."""

    profiling: bool


class Touchpoint(TypedDict, total=False):
    """One contact of one customer; the record's key is `customer_id` in UTF-8."""

    event_id: Required[
        Annotated[
            str, Says("The publisher's id of this touchpoint; a repeat of it is dropped.", _ID, "e-20240305-000017")
        ]
    ]
    customer_id: Required[
        Annotated[
            str, Says("Who was touched. A string, even if it looks like a number; the record's key.", _ID, "c-1001")
        ]
    ]
    type: Required[
        Annotated[
            str,
            Says(
                f"What happened. Known: {', '.join(TYPES)}; any other is kept as other, counted by name.",
                _ID,
                "purchase",
            ),
        ]
    ]
    event_time: Required[
        Annotated[
            str | int,
            Says(
                "When it happened: RFC 3339 with an offset, or integer milliseconds UTC; 1970 to 9999.",
                _TIME,
                "2024-03-05T12:34:56.789Z",
            ),
        ]
    ]
    channel: Annotated[
        str | None, Says(f"Where it happened. Known: {', '.join(CHANNELS)}; any other counts as other.", _SHORT, "web")
    ]
    session_id: Annotated[str | None, Says("Visit that this touchpoint belongs to; empty = none.", _SHORT, "s-889")]
    product_id: Annotated[str | None, Says("What was seen, bought or given back.", _SHORT, "85123A")]
    category: Annotated[str | None, Says("Kind of the product.", {"maxLength": MAX_NAME_CHARS}, "candles")]
    quantity: Annotated[float | None, Says("How many; negative for what came back.", _QUANTITY, 6)]
    amount: Annotated[
        float | None,
        Says(
            "The line's total in currency, at least 0; also for refund and cancel, whose type says it is subtracted.",
            {"minimum": 0, "maximum": MAX_AMOUNT},
            19.98,
        ),
    ]
    currency: Annotated[
        str | None,
        Says(
            "ISO 4217, for example GBP; absent = the base currency. Amounts in others count as spend 0.",
            {"pattern": CURRENCY_PATTERN},
            "GBP",
        ),
    ]
    rating: Annotated[int | None, Says("Stars of a review, 1 to 5.", {"minimum": 1, "maximum": 5}, 4)]
    text: Annotated[str | None, Says("What the customer wrote.", {"maxLength": MAX_TEXT_CHARS}, "arrived broken")]
    consent: Annotated[
        Consent | None,
        Says(
            "false withdraws: the customer's history is erased and no profile is made until true arrives.",
            _CONSENT,
            {"profiling": False},
        ),
    ]
    properties: Annotated[
        dict[str, Any] | None,
        Says("Anything else, carried along; bounded in size (8 KiB unless set).", None, {"coupon": "X1"}),
    ]


REQUIRED_FIELDS: Final = ("event_id", "customer_id", "type", "event_time")
"""In the order in which a missing one is named."""
