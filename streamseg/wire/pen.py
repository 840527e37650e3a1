"""JSON values written into a buffer by compiled code: words, strings, numbers, times, hexadecimal digits.

Every function writes at an index and gives the index behind what it wrote; the caller has made room. Nothing here
knows what a record is.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streamseg.compiled import compiled
from streamseg.wire.spans import Spans, UInt8Array
from streamseg.wire.times import LAST_MS

LARGEST: Final = 1e15
"""Numbers are written below this: whole parts have 15 digits at most."""

_MICRO: Final = 1_000_000
_DAY_MS: Final = 86_400_000
_QUOTE, _BACKSLASH, _MINUS, _POINT, _0 = b'"\\-.0'
_TIME: Final = b'"0000-00-00T00:00:00.000Z"'
_PARTS_AT: Final = (1, 6, 9, 12, 15, 18, 21)
_PARTS_DIGITS: Final = (4, 2, 2, 2, 2, 2, 3)
_HEX: Final = b"0123456789abcdef"
_SHORT: Final = b"btn_fr"
"""The letters that stand for the characters 8 to 13 behind a backslash; 11 has none."""


@compiled
def put_word(out: UInt8Array, at: int, words: Spans, word: int) -> int:
    """Copy a byte string as it is."""
    for place in range(words.start[word], words.stop[word]):
        out[np.uint64(at)] = words.text[np.uint64(place)]
        at += 1
    return at


@compiled
def put_string(out: UInt8Array, at: int, texts: Spans, row: int) -> int:
    """A string in UTF-8, quoted and escaped as RFC 8259 wants it: up to six bytes for each, and the quotes."""
    out[at] = _QUOTE
    at += 1
    for place in range(texts.start[row], texts.stop[row]):
        byte = texts.text[np.uint64(place)]
        if byte < 0x20 or byte in (_QUOTE, _BACKSLASH):
            at = _put_escaped(out, at, byte)
        else:
            out[np.uint64(at)] = byte
            at += 1
    out[at] = _QUOTE
    return at + 1


@compiled
def _put_escaped(out: UInt8Array, at: int, byte: int) -> int:
    out[at] = _BACKSLASH
    if byte >= 0x20:
        out[at + 1] = byte
    elif 8 <= byte <= 13 and byte != 11:
        out[at + 1] = _SHORT[byte - 8]
    else:
        for place in range(4):
            out[at + 1 + place] = b"u00"[place] if place < 3 else _HEX[byte >> 4]
        out[at + 5] = _HEX[byte & 15]
        return at + 6
    return at + 2


@compiled
def put_number(out: UInt8Array, at: int, number: float) -> int:
    """A number below `LARGEST`, rounded to six decimals, half to even; without zeros behind, but for one."""
    if number < 0:
        out[at] = _MINUS
        at, number = at + 1, -number
    whole = int(number)
    micro = int(np.rint((number - whole) * _MICRO))
    whole, micro = whole + micro // _MICRO, micro % _MICRO
    digits, reach = 1, 10
    while reach <= whole:
        digits, reach = digits + 1, reach * 10
    at = put_digits(out, at, whole, digits)
    out[at] = _POINT
    digits = 6
    while micro % 10 == 0 and digits > 1:
        micro, digits = micro // 10, digits - 1
    return put_digits(out, at + 1, micro, digits)


@compiled
def put_digits(out: UInt8Array, at: int, number: int, digits: int) -> int:
    """The last so many decimal digits of a number, at least 0."""
    for place in range(at + digits - 1, at - 1, -1):
        out[place] = _0 + number % 10
        number //= 10
    return at + digits


@compiled
def put_time(out: UInt8Array, at: int, time_ms: int) -> int:
    """A time as `times.rfc3339` spells it, quoted.

    The calendar's source: H. Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
    """
    time_ms = min(max(time_ms, 0), LAST_MS)
    day, ms = time_ms // _DAY_MS, time_ms % _DAY_MS
    day += 719_468  # since the first of March of the year 0
    era, of_era = day // 146_097, day % 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    march = (5 * of_year + 2) // 153
    month = march + 3 if march < 10 else march - 9
    year += 400 * era + (month <= 2)
    parts = (
        year,
        month,
        of_year - (153 * march + 2) // 5 + 1,
        ms // 3_600_000,
        ms // 60_000 % 60,
        ms // 1_000 % 60,
        ms % 1_000,
    )
    for place in range(len(_TIME)):
        out[at + place] = _TIME[place]
    for part in range(len(parts)):
        put_digits(out, at + _PARTS_AT[part], parts[part], _PARTS_DIGITS[part])
    return at + len(_TIME)


@compiled
def put_hex(out: UInt8Array, at: int, digest: UInt8Array, size: int) -> int:
    """The first bytes of a digest as lower-case hexadecimal digits, quoted."""
    out[at] = _QUOTE
    for place in range(size):
        out[at + 1 + 2 * place] = _HEX[digest[place] >> 4]
        out[at + 2 + 2 * place] = _HEX[digest[place] & 15]
    out[at + 1 + 2 * size] = _QUOTE
    return at + 2 + 2 * size
