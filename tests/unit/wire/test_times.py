from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamseg.wire.times import LAST_MS, RFC3339_OUT_PATTERN, RFC3339_PATTERN, parse_rfc3339, rfc3339

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OFFSETS = st.integers(-1_439, 1_439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moment=st.datetimes(timezones=OFFSETS))
def test_every_moment_is_read_cut_to_the_millisecond(moment: datetime) -> None:
    assert parse_rfc3339(moment.isoformat()) == (moment - EPOCH) // timedelta(milliseconds=1)


@given(time_ms=st.integers(0, LAST_MS))
def test_what_is_written_reads_back(time_ms: int) -> None:
    text = rfc3339(time_ms)
    assert parse_rfc3339(text) == time_ms
    assert re.fullmatch(RFC3339_OUT_PATTERN, text)


@given(
    text=st.text("0123456789-:.,TtZzW+ \N{FULLWIDTH DIGIT TWO}", min_size=18, max_size=28)
    | st.from_regex(RFC3339_PATTERN)
)
def test_only_the_published_shape_is_read(text: str) -> None:
    try:
        parse_rfc3339(text)
    except ValueError:
        return
    assert re.fullmatch(RFC3339_PATTERN.removesuffix("$"), text)


@given(
    place=st.integers(0, 23),
    char=st.sampled_from("0123456789-:.,TtZzW+ \N{FULLWIDTH DIGIT TWO}\n"),
    text=st.sampled_from(["2024-03-05T12:34:56.789Z", "2024-12-31T23:59:60.000Z", "2024-W10-2T12:34:56.789Z"]),
)
def test_one_wrong_character_in_the_usual_shape_is_not_read_as_something_else(place: int, char: str, text: str) -> None:
    changed = text[:place] + char + text[place + 1 :]
    try:
        parse_rfc3339(changed)
    except ValueError:
        return
    assert re.fullmatch(RFC3339_PATTERN.removesuffix("$"), changed)


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.001z", 1),
        ("1970-01-01T00:00:00.0009Z", 0),
        ("1970-01-01T00:00:00.123456789Z", 123),
        ("1970-01-01T01:00:00-00:00", 3_600_000),
        ("1970-01-02T00:00:00+23:59", 60_000),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2016-12-31T23:59:60Z", 1_483_228_799_999),
        ("2017-01-01T00:59:60.5+01:00", 1_483_228_799_999),
    ],
)
def test_the_corners_of_rfc_3339_are_read(text: str, time_ms: int) -> None:
    assert parse_rfc3339(text) == time_ms


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-05",
        "2024-03-05T12:34Z",
        "2024-03-05T12:34:56",
        "2024-03-05 12:34:56Z",
        "2024-03-05T24:00:00Z",
        "2024-03-05T24:00:00.000Z",
        "2024-03-05T12:34:60Z",
        "2024-03-05T12:34:61Z",
        "2024-03-05T12:34:56,789Z",
        "2024-03-05T12:34:56.Z",
        "2024-03-05T12:34:56+0100",
        "2024-03-05T12:34:56+24:00",
        "2024-02-30T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "20240305T123456Z",
        "2024-W10-2T12:34:56.789Z",
        "2024-03-05T12:34:56Z\n",
        "\N{FULLWIDTH DIGIT TWO}024-03-05T12:34:56.789Z",
        "12024-03-05T12:34:56Z",
    ],
)
def test_other_shapes_and_impossible_days_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the caller gives the message, with the value
        parse_rfc3339(text)


def test_beyond_the_year_9999_the_last_time_is_written() -> None:
    assert rfc3339(LAST_MS + 1) == rfc3339(LAST_MS) == "9999-12-31T23:59:59.999Z"
