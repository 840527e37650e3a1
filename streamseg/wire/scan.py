"""Recognise plain touchpoints: bytes in, columns out, by one compiled pass that needs no Python object for a record.

A record is plain if it is written as nearly all are: one flat object of known fields, each once, strings of printable
ASCII without escapes, numbers without exponent. It refuses to know any other record, valid or not: `touchpoint.py` lets
`reference.py` read those, which alone says what is refused. What is plain has the reference's result bit for bit.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.wire.plain import ROW, Grammar, Words
from streamseg.wire.spans import Int64Array, Spans, UInt8Array

# Numba notices a change of the file in which a kernel stands, not of what it takes from others: so all that the kernel
# calls stands here, and what others declare (names, limits, vocabularies) comes as arguments. Those are few and flat:
# tuples of arrays cost twenty times as much to pass and three times as long to compile.

STRING: Final = 1
WHOLE: Final = 2
"""A number without a fraction."""
DECIMAL: Final = 4
"""A number with 1 to 6 digits behind the point."""
CONSENT: Final = 8
"""An object of one member, `profiling`, which is true or false."""
ABSENT: Final = 16
"""Not there, or null."""

EVENT_ID, CUSTOMER_ID, TYPE, EVENT_TIME, CHANNEL, SESSION_ID, AMOUNT, CURRENCY, RATING, CONSENT_GIVEN = range(10)
"""Fields that become columns, by their place; those that are only checked follow."""
FIELD_COUNT: Final = 15

_MOST_DIGITS: Final = 15
"""Of a number: so many fit in 64 bits, and a double keeps them all, so the number is the decimal that was written."""
_MICRO: Final = 1_000_000
_MICRO_DIGITS: Final = 6

_QUOTE, _COLON, _COMMA, _OPEN, _CLOSE, _BACKSLASH, _MINUS, _POINT = b'":,{}\\-.'
_0, _9, _A, _Z, _N, _T = b"09AZnt"

_FOUND: Final = np.dtype(
    [
        ("kind", "i8"),
        ("start", "i8"),  # of a string, in the text
        ("stop", "i8"),
        ("number", "i8"),  # all digits of a number as one integer, with its sign; of a consent: 0 or 1
        ("scale", "i8"),  # of a number: 10 for each digit behind the point
    ]
)


def scan(values: Spans, keys: Spans, grammar: Grammar) -> NDArray[Any]:
    """Recognise the plain ones of N records.

    Args:
        values: (N,) each with a zero byte behind it; empty for a record without one, or with `stop` before `start`.
        keys: (N,) as the values, without the zero bytes.
        grammar: See `Grammar`.

    Returns:
        (N,) of `ROW`.
    """
    rows = np.zeros(len(values.stop), ROW)
    _scan(values, keys, grammar, np.zeros(FIELD_COUNT, _FOUND), rows)
    return rows


@compiled
def _scan(values: Spans, keys: Spans, grammar: Grammar, found: NDArray[Any], rows: NDArray[Any]) -> None:
    text, customer = values.text, found[CUSTOMER_ID]
    for row in range(len(rows)):
        start, stop = values.start[row], values.stop[row]
        rows[row].is_plain = (
            stop - start <= grammar.max_value_bytes
            and _is_object(text, start, stop, grammar.names, found)
            and _fits(grammar.rules, found)
            and _is_key(text, customer.start, customer.stop, keys.text, keys.start[row], keys.stop[row])
            and _is_row(text, grammar.types, grammar.channels, grammar.base, grammar.money_signs, found, rows[row])
        )


@compiled
def _is_object(text: UInt8Array, at: int, stop: int, names: Words, found: NDArray[Any]) -> bool:
    """Read one object of known fields, each at most once, and nothing behind it."""
    for field in range(FIELD_COUNT):
        found[field].kind = ABSENT
    seen = 0
    at = _skip(text, at)
    if text[at] != _OPEN:
        return False
    while True:
        at = _skip(text, at + 1)
        end = _string_end(text, at + 1) if text[at] == _QUOTE else -1
        field = _index(text, at + 1, end, names)
        if field < 0 or seen >> field & 1:
            return False
        seen |= 1 << field
        at = _skip(text, end + 1)
        if text[at] != _COLON:
            return False
        at = _skip(text, at + 1)
        if text[at] == _QUOTE:
            end = _string_end(text, at + 1)
            found[field].kind, found[field].start, found[field].stop = STRING, at + 1, end
            at = end + 1 if end >= 0 else -1
        else:
            at = _unquoted(text, at, found[field])
        if at < 0:
            return False
        at = _skip(text, at)
        if text[at] != _COMMA:
            return text[at] == _CLOSE and _skip(text, at + 1) == stop


@compiled
def _unquoted(text: UInt8Array, at: int, found: Any) -> int:
    """Read a value that is no string; the index behind it, or -1 if it isn't plain."""
    if text[at] == _OPEN:
        return _consent(text, _behind(text, _skip(text, at + 1), b'"profiling"'), found)
    return _behind(text, at, b"null") if text[at] == _N else _number(text, at, found)


@compiled
def _consent(text: UInt8Array, at: int, found: Any) -> int:
    """Read the rest of `{"profiling":true}`, or of false; -1 stays -1."""
    if at < 0:
        return -1
    at = _skip(text, at)
    if text[at] != _COLON:
        return -1
    at = _skip(text, at + 1)
    found.kind = CONSENT
    found.number = text[at] == _T
    at = _behind(text, at, b"true" if found.number else b"false")
    if at < 0:
        return -1
    at = _skip(text, at)
    return at + 1 if text[at] == _CLOSE else -1


@compiled
def _behind(text: UInt8Array, at: int, word: bytes) -> int:
    """Index behind this word, or -1 if another stands there."""
    for letter in word:
        if text[at] != letter:
            return -1
        at += 1
    return at


@compiled
def _number(text: UInt8Array, at: int, found: Any) -> int:
    """Read a number; the index behind it, or -1 if it isn't plain."""
    is_negative = text[at] == _MINUS
    start = at = at + is_negative
    number, scale = 0, 1
    while _0 <= text[at] <= _9:
        number = 10 * number + text[at] - _0
        at += 1
    whole = digits = at - start
    if text[at] == _POINT:
        at += 1
        while _0 <= text[at] <= _9:
            number = 10 * number + text[at] - _0
            scale *= 10
            at += 1
        digits = at - start - 1
        if digits == whole or digits > whole + _MICRO_DIGITS:
            return -1
    if whole == 0 or (whole > 1 and text[start] == _0) or digits > _MOST_DIGITS:
        return -1
    found.kind = WHOLE if digits == whole else DECIMAL
    found.number = -number if is_negative else number
    found.scale = scale
    return at


@compiled
def _string_end(text: UInt8Array, at: int) -> int:
    """Index of the quote that ends a string, or -1 if the string isn't plain."""
    # Most bytes of a record pass here. An unsigned index is never counted from the end: a third of the whole scan.
    byte = text[np.uint64(at)]
    while byte != _QUOTE:
        if byte < 0x20 or byte >= 0x80 or byte == _BACKSLASH:
            return -1
        at += 1
        byte = text[np.uint64(at)]
    return at


@compiled
def _skip(text: UInt8Array, at: int) -> int:
    """Index behind whitespace."""
    while text[at] == 0x20 or text[at] == 0x0A or text[at] == 0x0D or text[at] == 0x09:
        at += 1
    return at


@compiled
def _index(text: UInt8Array, start: int, stop: int, words: Words) -> int:
    """Which word stands there; -1 if none."""
    for word in range(len(words)):
        if words[word, 0] == stop - start and _is_word(text, start, words, word):
            return word
    return -1


@compiled
def _is_word(text: UInt8Array, start: int, words: Words, word: int) -> bool:
    size: int = words[word, 0]
    place = 0
    while place < size and text[start + place] == words[word, 1 + place]:
        place += 1
    return place == size


@compiled
def _is_key(text: UInt8Array, start: int, stop: int, keys: UInt8Array, first: int, end: int) -> bool:
    size, place = stop - start, 0
    while place < size and text[start + place] == keys[first + place]:
        place += 1
    return place == size == end - first


@compiled
def _fits(rules: NDArray[Any], found: NDArray[Any]) -> bool:
    """Tell whether every field holds what it may hold, within its limits."""
    for field in range(FIELD_COUNT):
        rule, it = rules[field], found[field]
        if not rule.kinds & it.kind:
            return False
        if it.kind == STRING:
            if not rule.least <= it.stop - it.start <= rule.most:
                return False
        elif (it.kind == WHOLE or it.kind == DECIMAL) and not (
            rule.least * it.scale <= it.number <= rule.most * it.scale
        ):
            return False
    return True


@compiled
def _is_row(
    text: UInt8Array,
    types: Words,
    channels: Words,
    base: Words,
    money_signs: Int64Array,
    found: NDArray[Any],
    row: Any,
) -> bool:
    """Write the columns of a record that fits; False if its type or its currency isn't plain."""
    type_code = _index(text, found[TYPE].start, found[TYPE].stop, types)
    start, stop = found[CURRENCY].start, found[CURRENCY].stop
    is_foreign = found[CURRENCY].kind == STRING and _index(text, start, stop, base) < 0
    if type_code < 0 or (is_foreign and not _is_currency(text, start, stop)):
        return False
    row.type_code = type_code
    row.is_foreign = is_foreign and found[AMOUNT].kind != ABSENT
    if not is_foreign and found[AMOUNT].kind != ABSENT:
        row.amount_micro = found[AMOUNT].number * (_MICRO // found[AMOUNT].scale) * money_signs[type_code]
    row.channel_code = len(channels) - 1
    if found[CHANNEL].kind == STRING:
        channel_code = _index(text, found[CHANNEL].start, found[CHANNEL].stop, channels)
        if channel_code >= 0:
            row.channel_code = channel_code
    row.id_start, row.id_stop = found[EVENT_ID].start, found[EVENT_ID].stop
    if found[SESSION_ID].kind == STRING:
        row.session_start, row.session_stop = found[SESSION_ID].start, found[SESSION_ID].stop
    if found[EVENT_TIME].kind == STRING:
        row.time_start, row.time_stop = found[EVENT_TIME].start, found[EVENT_TIME].stop
    else:
        row.event_ms = found[EVENT_TIME].number
    row.rating = found[RATING].number if found[RATING].kind == WHOLE else 0
    row.consent = found[CONSENT_GIVEN].number if found[CONSENT_GIVEN].kind == CONSENT else -1
    return True


@compiled
def _is_currency(text: UInt8Array, start: int, stop: int) -> bool:
    for place in range(start, stop):
        if not _A <= text[place] <= _Z:
            return False
    return stop - start == 3
