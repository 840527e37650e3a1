"""Read the times of plain touchpoints: RFC 3339 in its usual spellings in, milliseconds UTC out, compiled.

What `times.parse_rfc3339` reads beyond them (small letters, leap seconds) isn't plain, nor is what lies outside 1970 to
9999. This file, too, calls nothing that is compiled elsewhere (see `scan.py`).
"""

from __future__ import annotations

from typing import Any, Final

from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.wire.spans import UInt8Array

_SHORTEST: Final = 20
"""2024-03-05T12:34:56Z"""
_FRACTION: Final = 19
"""Where a fraction begins, or the offset."""
_MOST_DIGITS: Final = 9
"""Of a fraction."""
_0, _DASH, _COLON, _T, _POINT, _Z, _PLUS = b"0-:T.Z+"


def read_times(text: UInt8Array, rows: NDArray[Any], last_ms: int) -> None:
    """Write `event_ms` where the time is a string; where that isn't plain, the row isn't.

    Args:
        text: Of the values.
        rows: (N,) of `plain.ROW`.
        last_ms: A later time isn't plain.
    """
    _read_all(text, rows, last_ms)


@compiled
def _read_all(text: UInt8Array, rows: NDArray[Any], last_ms: int) -> None:
    for row in range(len(rows)):
        it = rows[row]
        if it.is_plain and it.time_stop:
            it.event_ms = _time_ms(text, it.time_start, it.time_stop)
            it.is_plain = 0 <= it.event_ms <= last_ms


@compiled
def _time_ms(text: UInt8Array, at: int, stop: int) -> int:
    """Milliseconds since 1970, or a negative number."""
    if (
        stop - at < _SHORTEST
        or text[at + 4] != _DASH
        or text[at + 7] != _DASH
        or text[at + 10] != _T
        or text[at + 13] != _COLON
        or text[at + 16] != _COLON
    ):
        return -1
    day = _day(_number(text, at, 4), _number(text, at + 5, 2), _number(text, at + 8, 2))
    hour, minute, second = _number(text, at + 11, 2), _number(text, at + 14, 2), _number(text, at + 17, 2)
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
        return -1
    at += _FRACTION
    ms = 0
    if text[at] == _POINT:
        at += 1
        first = at
        while _0 <= text[at] <= _0 + 9:
            # Cut, not rounded.
            ms += (100, 10, 1)[at - first] * (text[at] - _0) if at < first + 3 else 0
            at += 1
        if not 0 < at - first <= _MOST_DIGITS:
            return -1
    ahead_minutes = _ahead_minutes(text, at, stop)
    if day < -1 or ahead_minutes < -1_440:
        return -1
    return day * 86_400_000 + (hour * 60 + minute - ahead_minutes) * 60_000 + second * 1_000 + ms


@compiled
def _ahead_minutes(text: UInt8Array, at: int, stop: int) -> int:
    """How far an offset leads UTC; less than -1,440 if it isn't plain."""
    if text[at] == _Z and at + 1 == stop:
        return 0
    if at + 6 != stop or text[at + 3] != _COLON:
        return -10_000
    hour, minute = _number(text, at + 1, 2), _number(text, at + 4, 2)
    if not (0 <= hour <= 23 and 0 <= minute <= 59):
        return -10_000
    if text[at] == _PLUS:
        return hour * 60 + minute
    return -(hour * 60 + minute) if text[at] == _DASH else -10_000


@compiled
def _number(text: UInt8Array, at: int, digits: int) -> int:
    """These digits as a number; -1 if there is another byte."""
    number = 0
    for place in range(at, at + digits):
        if not _0 <= text[place] <= _0 + 9:
            return -1
        number = 10 * number + text[place] - _0
    return number


@compiled
def _day(year: int, month: int, day: int) -> int:
    """Days since 1970, or a very negative number if the calendar has no such day.

    Source: `days_from_civil` in H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013.
    """
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    last = 30 if month in (4, 6, 9, 11) else 31
    if month == 2:
        last = 29 if is_leap else 28
    if not (year > 0 and 1 <= month <= 12 and 1 <= day <= last):
        return -1_000_000
    # A year begins in March, so that the odd day is its last one.
    year -= month <= 2
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + of_year - 719_468
