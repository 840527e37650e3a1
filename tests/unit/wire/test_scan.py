"""The compiled pass and the reference are one decoder: for every batch they give the same, bit for bit."""

from __future__ import annotations

import json
from dataclasses import fields as columns_of
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.fields import MAX_AMOUNT, MAX_ID_CHARS, MAX_NAME_CHARS, MAX_QUANTITY, MAX_TEXT_CHARS, Touchpoint
from streamseg.wire.money import to_micro
from streamseg.wire.schema import ROOT
from streamseg.wire.times import LAST_MS, parse_rfc3339
from streamseg.wire.touchpoint import Decoded, DecodeLimits, judged, recognised
from streamseg.wire.vocabulary import CHANNELS, TYPES
from tests.unit.wire.records import NOON_MS, Record, a_record, fields

EXAMPLES = [
    path.read_bytes() for folder in ("valid", "invalid") for path in (ROOT / "examples" / folder).glob("*.json")
]

STRINGS = (
    *("", "x", "c-1", "view", "purchase", "web", "other", "GBP", "EUR", "gbp", "GB", "GBPX", "profiling"),
    *("x" * size for most in (MAX_ID_CHARS, MAX_NAME_CHARS, MAX_TEXT_CHARS) for size in (most, most + 1)),
)
SPELT_STRINGS = (
    *(f'"{string}"' for string in STRINGS),
    *(
        '"\\u0063-1"',
        '"a\\"b"',
        '"\\\\"',
        '"\\n"',
        '"\x00"',
        '"\x1f"',
        '"\x7f"',
        '"\t"',
        '"é"',
        '"\N{ROCKET}"',
        '"',
        '"a',
    ),
)
NUMBERS = (
    *("0", "-0", "0.0", "-0.0", "00", "01", "-01", "1", "-1", "1.", ".5", "-.5", "-", "+1", "1e3", "1E+3", "1.5e-3"),
    *("0.000001", "0.0000005", "0.0000015", "19.99", "2.50", "4", "5", "5.0", "5.5", "6", "-4", "4 4", "0x5", "1_0"),
    *(
        "1000000000",
        "1000000000.0",
        "1000000000.00001",
        "1000000001",
        "999999999.999999",
        "-1000000000",
        "-1000000000.1",
    ),
    *("253402300799999", "253402300800000", "999999999999999", "1000000000000000", "9" * 19, "9" * 40, "1.7e12"),
    *("NaN", "Infinity", "1.7976931348623157e308", "1e999", str(NOON_MS), f"{NOON_MS}.0", f"{NOON_MS}.5"),
)
TIMES = (
    *("2024-03-05T12:00:00Z", "2024-03-05T12:00:00.5Z", "2024-03-05T12:00:00.123456789+05:30", "2024-02-29T23:59:59Z"),
    *(
        "2023-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-01-00T00:00:00Z",
        "1900-02-29T00:00:00Z",
    ),
    *(
        "2000-02-29T00:00:00Z",
        "2024-04-31T00:00:00Z",
        "2024-03-05T24:00:00Z",
        "2024-03-05T23:60:00Z",
        "2016-12-31T23:59:60Z",
    ),
    *(
        "2024-03-05t12:00:00z",
        "2024-03-05 12:00:00Z",
        "2024-03-05T12:00:00",
        "2024-03-05T12:00:00.Z",
        "2024-03-05T12:00:00.1234567890Z",
    ),
    *(
        "2024-03-05T12:00:00+24:00",
        "2024-03-05T12:00:00+23:60",
        "2024-03-05T12:00:00-00:00",
        "2024-03-05T12:00:00+0530",
    ),
    *("1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "1969-12-31T23:00:00-01:00", "1970-01-01T00:00:00+00:01"),
    *("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00Z", "2024-W10-2T12:00:00.000Z"),
    *(
        "2100-02-29T00:00:00Z",
        "9999-12-31T23:59:00-00:01",
        "2024-03-05T12:00:00+05.30",
        "2024-03-05T12:00:00,5Z",
        "2024-03-05T12:00Z",
        "2024-3-05T12:00:00.00Z",
        "20240305T120000Z",
        "2024-03-05T12:00:00.5ZZ",
    ),
)
ELSE = (
    *("null", "true", "false", "nul", "nulll", "None", "{}", "[]", '{"profiling":true}', '{"profiling" : false }'),
    *(
        '{"profiling":1}',
        '{"profiling":null}',
        '{"profiling":true,"mail":false}',
        '{"profiling":true,"profiling":true}',
    ),
    *(
        '{"Profiling":true}',
        '{"profiling":tru}',
        '{"profiling":falsee}',
        '{"profiling":true',
        '{"a":{"b":[1,{"b":2}]}}',
        "",
    ),
)
SPELT = st.sampled_from((*SPELT_STRINGS, *NUMBERS, *(f'"{time}"' for time in TIMES), *ELSE))
NAMES = st.sampled_from(sorted(Touchpoint.__annotations__))
KEYS = NAMES.map(lambda name: f'"{name}"') | st.sampled_from(
    ('"x"', '""', '"event\\u005fid"', '"typ"', '"types"', "type", '"é"')
)
GAPS = st.sampled_from(("", "", "", " ", "\n", "\t\r\n ", "\x0b", "\xa0", ",", "\x00"))
WHOLE = {name: json.dumps(value) for name, value in fields().items()}


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """A touchpoint with members changed, added, repeated and moved, written with gaps in odd places."""
    members = [(f'"{name}"', value) for name, value in WHOLE.items()]
    changed = draw(st.lists(st.tuples(KEYS, SPELT), max_size=5))
    kept = [member for member in members if member[0] not in dict(changed) or draw(st.integers(0, 9)) == 0]
    gap = draw(GAPS)
    order = draw(st.permutations([*kept, *changed]))
    body = f"{gap},".join(f"{gap}{key}{gap}:{gap}{value}" for key, value in order)
    return f"{draw(GAPS)}{{{body}{gap}}}{draw(GAPS)}".encode()


@st.composite
def broken(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """A document of which some bytes are lost, doubled or replaced."""
    value = draw(whole)
    start = draw(st.integers(0, len(value)))
    stop = min(start + draw(st.integers(0, 20)), len(value))
    piece = draw(
        st.sampled_from((b"", value[start:stop] * 2, b'"', b"\\", b"{", b"}", b",", b"0", b"e", b"\x00", b"\xff"))
    )
    return value[:start] + piece + value[stop:]


VALUES = documents() | broken(documents()) | broken(st.sampled_from(EXAMPLES)) | st.none() | st.binary(max_size=9)
RECORDS = st.builds(
    Record, st.sampled_from((b"c-1", b"c-1", b"c-1", b"", b"c-1\x00", b"c-", None)), VALUES, st.integers(-1, 2**50)
)
LIMITS = st.builds(
    DecodeLimits,
    max_value_bytes=st.sampled_from((65_536, 100)),
    base_currency=st.sampled_from(("GBP", "EUR")),
    allowed_skew_ms=st.none() | st.just(1_000),
)


@given(records=st.lists(RECORDS, max_size=8), limits=LIMITS)
@example(records=[Record(b"c-1", value) for value in EXAMPLES], limits=DecodeLimits())
@example(records=[Record(b"c-1001", value) for value in EXAMPLES], limits=DecodeLimits())
def test_with_or_without_the_compiled_pass_a_batch_gives_the_same(records: list[Record], limits: DecodeLimits) -> None:
    assert told(by_both(records, limits)) == told(by_reference(records, limits))


@pytest.mark.parametrize("name", sorted(Touchpoint.__annotations__))
def test_they_agree_on_every_spelling_of_a_field(name: str) -> None:
    spellings = (*SPELT_STRINGS, *NUMBERS, *(f'"{time}"' for time in TIMES), *ELSE)
    records = [Record(b"c-1", spelt(name, spelling)) for spelling in spellings]
    assert told(by_both(records)) == told(by_reference(records))


def by_both(records: list[Record], limits: DecodeLimits = DecodeLimits()) -> Decoded:  # noqa: B008 - frozen
    return judged(records, recognised(records, limits), limits)


def by_reference(records: list[Record], limits: DecodeLimits = DecodeLimits()) -> Decoded:  # noqa: B008 - frozen
    found = recognised(records, limits)
    found.rows[:] = np.zeros((), found.rows.dtype)
    return judged(records, found, limits)


def told(decoded: Decoded) -> list[Any]:
    """All that an outcome says, comparable."""
    columns = [getattr(decoded.batch, column.name) for column in columns_of(TouchpointBatch)]
    values = [(c.dtype, c.tolist()) if isinstance(c, np.ndarray) else list(c) for c in columns]
    return [*values, decoded.rejected, list(decoded.unknown_types.items()), decoded.foreign_currency, decoded.clamped]


def spelt(name: str, spelling: str) -> bytes:
    """The least touchpoint with one field written in this way."""
    return ("{" + ",".join(f'"{key}":{value}' for key, value in {**WHOLE, name: spelling}.items()) + "}").encode()


def is_plain(*records: Record, **limits: Any) -> list[bool]:
    return list(recognised(records, DecodeLimits(**limits)).rows["is_plain"].tolist())


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        *((name, 1, MAX_ID_CHARS) for name in ("event_id", "customer_id")),
        *((name, 0, MAX_ID_CHARS) for name in ("channel", "session_id", "product_id")),
        ("category", 0, MAX_NAME_CHARS),
        ("text", 0, MAX_TEXT_CHARS),
    ],
)
def test_strings_are_plain_up_to_their_limits_and_not_beyond(name: str, least: int, most: int) -> None:
    def of(size: int) -> Record:
        changed: dict[str, Any] = {name: "x" * size}
        return a_record(**changed)

    assert is_plain(of(least), of(most)) == [True, True]
    assert is_plain(of(most + 1), *[of(least - 1)] * least) == [False] * (1 + least)


@pytest.mark.parametrize(
    ("name", "least", "most", "step"),
    [
        ("event_time", "0", str(LAST_MS), 1),
        ("rating", "1", "5", 1),
        ("amount", "0", str(MAX_AMOUNT), 1),
        ("quantity", str(-MAX_QUANTITY), str(MAX_QUANTITY), 1),
    ],
)
def test_numbers_are_plain_up_to_their_limits_and_not_beyond(name: str, least: str, most: str, step: int) -> None:
    within = [least, most]
    beyond = [str(int(least) - step), str(int(most) + step)]
    if name in ("amount", "quantity"):
        within += [f"{int(most) - 1}.999999", "0.000001"]
        beyond += [f"{most}.00001", "0.0000001"]
    assert is_plain(*[Record(b"c-1", spelt(name, number)) for number in within]) == [True] * len(within)
    assert is_plain(*[Record(b"c-1", spelt(name, number)) for number in beyond]) == [False] * len(beyond)


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        (
            ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"],
            ["1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"],
        ),
        (["2024-01-31T23:59:59+23:59", "2024-02-29T00:00:00-23:59"], ["2024-01-32T00:00:00Z", "2024-02-30T00:00:00Z"]),
        (["2024-12-01T00:00:00Z", "2024-01-01T00:00:00Z"], ["2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z"]),
        (["2024-04-30T00:00:00Z", "2023-02-28T00:00:00Z"], ["2024-04-31T00:00:00Z", "2023-02-29T00:00:00Z"]),
        (
            ["2024-01-01T00:00:00.1Z", "2024-01-01T00:00:00.123456789Z"],
            ["2024-01-01T00:00:00.Z", "2024-01-01T00:00:00.1234567890Z"],
        ),
    ],
)
def test_times_are_plain_up_to_their_limits_and_not_beyond(within: list[str], beyond: list[str]) -> None:
    assert is_plain(*[a_record(event_time=time) for time in (*within, *beyond)]) == [True, True, False, False]


def test_a_value_is_plain_up_to_the_operators_limit_and_not_beyond() -> None:
    record = a_record()
    size = len(record.value or b"")
    assert (is_plain(record, max_value_bytes=size), is_plain(record, max_value_bytes=size - 1)) == ([True], [False])


def test_every_known_type_and_channel_is_plain_and_an_unknown_channel_too() -> None:
    assert all(is_plain(*[a_record(type=name) for name in TYPES]))
    assert all(is_plain(*[a_record(channel=name) for name in (*CHANNELS, "metaverse", "")]))


def test_what_is_there_in_full_is_plain_in_any_order_and_with_any_whitespace() -> None:
    full = fields(
        event_time="2024-03-05T12:34:56.789+01:00",
        channel="web",
        session_id="s-1",
        product_id="p",
        category="k",
        quantity=-2,
        amount=19.99,
        currency="EUR",
        rating=4,
        text="a b",
        consent={"profiling": False},
        properties=None,
    )
    assert set(full) == set(Touchpoint.__annotations__)
    turned = dict(reversed(full.items()))
    values = [json.dumps(full), json.dumps(turned, indent=1), f"\t{json.dumps(full, separators=(',', ':'))}\r\n"]
    assert is_plain(*[Record(b"c-1", value.encode()) for value in values]) == [True] * 3


def test_nulls_are_plain_where_a_field_may_be_absent() -> None:
    for name in Touchpoint.__annotations__:
        assert is_plain(Record(b"c-1", spelt(name, "null"))) == [name not in WHOLE]


@pytest.mark.parametrize("name", sorted(Touchpoint.__annotations__))
def test_a_repeated_field_is_not_plain_even_if_both_say_the_same(name: str) -> None:
    value = spelt(name, WHOLE.get(name, "null"))
    twice = value[:-1] + f',"{name}":{WHOLE.get(name, "null")}}}'.encode()
    assert is_plain(Record(b"c-1", value), Record(b"c-1", twice)) == [True, False]
    assert told(by_both([Record(b"c-1", twice)])) == told(by_reference([Record(b"c-1", twice)]))


@pytest.mark.parametrize("byte", range(256))
def test_strings_of_printable_ascii_are_plain_and_no_others(byte: int) -> None:
    record = Record(b"c-1", spelt("event_id", '"ab"').replace(b"ab", b"a" + bytes([byte]) + b"b"))
    assert is_plain(record) == [0x20 <= byte < 0x80 and byte not in b'"\\']
    assert told(by_both([record])) == told(by_reference([record]))


@given(whole=st.integers(0, MAX_AMOUNT - 1), fraction=st.text("0123456789", max_size=6))
@example(whole=MAX_AMOUNT, fraction="")
@example(whole=MAX_AMOUNT - 1, fraction="999999")
@example(whole=0, fraction="000001")
def test_amounts_are_what_the_reference_makes_of_them(whole: int, fraction: str) -> None:
    amount = f"{whole}.{fraction}" if fraction else str(whole)
    value = json.dumps(fields(type="purchase")).replace("}", f', "amount": {amount}}}').encode()
    found = recognised([Record(b"c-1", value)], DecodeLimits())
    assert found.rows["is_plain"].tolist() == [True]
    assert found.rows["amount_micro"].tolist() == to_micro(np.array([float(amount)])).tolist()


@given(
    moment=st.datetimes(),
    fraction=st.text("0123456789", max_size=9),
    offset=st.just("Z")
    | st.builds("{}{:02d}:{:02d}".format, st.sampled_from("+-"), st.integers(0, 23), st.integers(0, 59)),
)
def test_times_are_what_the_reference_makes_of_them(moment: Any, fraction: str, offset: str) -> None:
    time = f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + (f".{fraction}" if fraction else "") + offset
    found = recognised([a_record(event_time=time)], DecodeLimits())
    event_ms = parse_rfc3339(time)
    assert found.rows["is_plain"].tolist() == [0 <= event_ms <= LAST_MS]
    assert not found.rows["is_plain"][0] or found.rows["event_ms"][0] == event_ms
