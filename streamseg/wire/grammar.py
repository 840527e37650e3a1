"""What `scan.py` is told of a touchpoint: fields, limits and vocabularies, from where they are declared, as arrays."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import numpy as np

from streamseg.wire.fields import MAX_AMOUNT, MAX_ID_CHARS, MAX_NAME_CHARS, MAX_QUANTITY, MAX_TEXT_CHARS
from streamseg.wire.plain import RULE, Grammar, Words
from streamseg.wire.scan import ABSENT, CONSENT, DECIMAL, STRING, WHOLE
from streamseg.wire.times import LAST_MS
from streamseg.wire.vocabulary import CHANNELS, MONEY_SIGNS, TYPES

_FIELDS: Final = {
    # Kinds; fewest and most characters of a string, or lowest and highest number.
    "event_id": (STRING, 1, MAX_ID_CHARS),
    "customer_id": (STRING, 1, MAX_ID_CHARS),
    "type": (STRING, 1, MAX_ID_CHARS),
    "event_time": (STRING | WHOLE, 0, LAST_MS),
    "channel": (STRING | ABSENT, 0, MAX_ID_CHARS),
    "session_id": (STRING | ABSENT, 0, MAX_ID_CHARS),
    "amount": (WHOLE | DECIMAL | ABSENT, 0, MAX_AMOUNT),
    "currency": (STRING | ABSENT, 0, MAX_ID_CHARS),
    "rating": (WHOLE | ABSENT, 1, 5),
    "consent": (CONSENT | ABSENT, 0, 1),
    "product_id": (STRING | ABSENT, 0, MAX_ID_CHARS),
    "category": (STRING | ABSENT, 0, MAX_NAME_CHARS),
    "quantity": (WHOLE | DECIMAL | ABSENT, -MAX_QUANTITY, MAX_QUANTITY),
    "text": (STRING | ABSENT, 0, MAX_TEXT_CHARS),
    # An object in it may be of any shape and size: never plain.
    "properties": (ABSENT, 0, 0),
}
"""In the order of `scan.EVENT_ID` and what follows it."""


@lru_cache(maxsize=8)
def grammar_of(base_currency: str, max_value_bytes: int) -> Grammar:
    """The grammar of plain touchpoints, with what the operator sets: see `DecodeLimits`."""
    return Grammar(
        names=_words(_FIELDS),
        rules=np.array(list(_FIELDS.values()), RULE),
        types=_words(TYPES),
        channels=_words(CHANNELS),
        money_signs=np.array([MONEY_SIGNS.get(name, 0) for name in TYPES], np.int64),
        base=_words([base_currency]),
        max_value_bytes=max_value_bytes,
    )


def _words(words: Iterable[str]) -> Words:
    spelt = [word.encode() for word in words]
    longest = max(map(len, spelt))
    return np.array([[len(word), *word.ljust(longest, b"\0")] for word in spelt], np.uint8)
