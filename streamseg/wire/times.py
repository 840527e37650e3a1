"""Times on the wire: RFC 3339 strings or integer milliseconds in, RFC 3339 with milliseconds and Z out.

Inside, a time is `int` milliseconds UTC. This file knows no clock, and no time zone but the offset in a string.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

LAST_MS: Final = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z, the last time that RFC 3339 can write."""

RFC3339_PATTERN: Final = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]"
    r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""Shape of an `event_time` string; the calendar (30 February) is checked beyond it. Fractions end at nanoseconds."""

RFC3339_OUT_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
"""Shape of every time that leaves, as `rfc3339` writes it."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_matches = re.compile(RFC3339_PATTERN.removesuffix("$") + r"\Z").match
_parse = datetime.fromisoformat


def parse_rfc3339(text: str) -> int:
    """Read a time with its offset, cut (not rounded) to the millisecond, so it never moves into the next window.

    Args:
        text: RFC 3339 date-time, for example ``2024-03-05T12:34:56.789Z``. A leap second (23:59:60 UTC) is read as the
            last millisecond before midnight, so it stays in its own day. 24:00 is not RFC 3339.

    Returns:
        Milliseconds UTC; negative before 1970, above `LAST_MS` for an offset that leads past the year 9999.

    Raises:
        ValueError: If the text is not RFC 3339, or names a day that the calendar doesn't have.

    >>> parse_rfc3339("1970-01-01T01:00:00.0019+01:00")
    1
    >>> parse_rfc3339("2016-12-31T23:59:60Z") == parse_rfc3339("2017-01-01T00:00:00Z") - 1
    True
    """
    # `fromisoformat` also reads week dates, missing seconds and offsets, decimal commas and 24:00 (the last from Python
    # 3.13 on): the shape is checked first, so that every Python reads the same strings. The usual shape,
    # 2024-03-05T12:34:56.789Z, is known by its separators in a third of the time that the pattern takes.
    is_usual = len(text) == 24 and text[10:22:3] == "T::." and text[7] == "-" and text[23] == "Z" and text[11:13] < "24"
    if not is_usual and _matches(text) is None:
        raise ValueError("not an RFC 3339 date-time")
    try:
        moment = _parse(text)
    except ValueError:
        return _parse_rare(text)
    since = moment - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000


def _parse_rare(text: str) -> int:
    """Read the lower-case letters and leap seconds that RFC 3339 allows and `fromisoformat` doesn't."""
    if _matches(text) is None:
        raise ValueError("not an RFC 3339 date-time")
    upper = text.upper()
    is_leap = upper[17:19] == "60"
    whole = upper[:17] + "59" + upper[19:] if is_leap else upper
    since = datetime.fromisoformat(whole) - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    if not is_leap:
        return seconds * 1_000 + since.microseconds // 1_000
    if seconds % 86_400 != 86_399:
        raise ValueError("second 60 exists only at 23:59 UTC")
    return seconds * 1_000 + 999


def rfc3339(time_ms: int) -> str:
    """Write milliseconds UTC as every output spells a time.

    Args:
        time_ms: 0 to `LAST_MS`; beyond is written as the nearer end (the validity of a profile may pass the year 9999).

    >>> rfc3339(1_709_642_096_789)
    '2024-03-05T12:34:56.789Z'
    """
    moment = _EPOCH + timedelta(milliseconds=min(max(time_ms, 0), LAST_MS))
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
