from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamseg.errors import DecodeError
from streamseg.wire.json_objects import may_repeat_a_key, parse_objects, repeated_key


@dataclass(frozen=True)
class Members:
    """A JSON object as it is written: a key may stand in it twice."""

    pairs: tuple[tuple[Spelt, Any], ...]


@dataclass(frozen=True)
class Spelt:
    r"""A string with the way in which each character is written: as it is, short escape or \u escape."""

    text: str
    escapes: tuple[int, ...]


CHARACTERS = st.sampled_from('"\\{}[]:,ab\n u002é\N{ROCKET}')
STRINGS = st.lists(st.tuples(CHARACTERS, st.integers(0, 2)), max_size=6).map(
    lambda written: Spelt("".join(char for char, _ in written), tuple(how for _, how in written))
)
WRITTEN = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | STRINGS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(st.tuples(STRINGS, inner), max_size=4).map(lambda p: Members(tuple(p)))
    ),
    max_leaves=12,
)
OBJECTS = st.lists(st.tuples(STRINGS, WRITTEN), max_size=5).map(lambda pairs: Members(tuple(pairs)))


def write(value: Any, gap: str) -> str:
    """Write JSON by hand, repeated keys and odd escapes included."""
    match value:
        case Spelt():
            return '"' + "".join(map(_character, value.text, value.escapes)) + '"'
        case Members():
            return (
                "{"
                + ",".join(gap + write(key, gap) + gap + ":" + write(inner, gap) for key, inner in value.pairs)
                + "}"
            )
        case list():
            return "[" + (gap + ",").join(write(inner, gap) for inner in value) + "]"
        case _:
            return orjson.dumps(value).decode()


def _character(char: str, how: int) -> str:
    if how == 1 and char in '"\\\n':
        return {'"': '\\"', "\\": "\\\\", "\n": "\\n"}[char]
    if how == 0 and char not in '"\\\n':
        return char
    units = char.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def repeats(value: Any) -> bool:
    """Whether a key stands twice in one object, from how the value was made."""
    match value:
        case Members():
            keys = [key.text for key, _ in value.pairs]
            return len(set(keys)) < len(keys) or any(repeats(inner) for _, inner in value.pairs)
        case list():
            return any(map(repeats, value))
        case _:
            return False


def key(text: str) -> Spelt:
    return Spelt(text, (0,) * len(text))


HIDDEN = Members(((key("a"), 1), (Spelt("a", (2,)), Spelt('""', (2, 2)))))
"""The dropped key's two quotes are made up for by two quotes written as \\u0022: counting alone would miss it."""


@given(written=OBJECTS, gap=st.sampled_from(["", " ", "\n\t"]))
@example(written=HIDDEN, gap="")
@example(written=Members(((key("a"), Members(((key("b"), 1), (key("b"), 1)))),)), gap=" ")
def test_a_repeated_key_is_always_found_and_never_seen_where_there_is_none(written: Members, gap: str) -> None:
    value = write(written, gap).encode()
    (parsed,) = parse_objects([value], 10_000)
    assert isinstance(parsed, DecodeError) == repeats(written)
    assert not isinstance(parsed, DecodeError) or parsed.reason == "duplicate_key"
    assert (repeated_key(value) is not None) == repeats(written)


@given(written=st.lists(OBJECTS, min_size=1, max_size=3))
@example(written=[HIDDEN, Members(())])
def test_the_cheap_count_never_misses_a_repeated_key_in_a_slice(written: list[Members]) -> None:
    values = [write(each, "").encode() for each in written]
    parsed = [orjson.loads(value) for value in values]
    assert may_repeat_a_key(b"".join(values), parsed) or not any(map(repeats, written))
    together = parse_objects(values, 10_000)
    assert [isinstance(each, DecodeError) for each in together] == [repeats(each) for each in written]


def test_records_without_odd_escapes_take_the_cheap_path() -> None:
    value = b'{"a": "say \\"hi\\"", "b": [{"c": 1}, {"c": "\\u00e9\\n"}]}'
    assert not may_repeat_a_key(value, orjson.loads(value))


def test_two_halves_of_an_object_are_not_made_whole_by_their_neighbours() -> None:
    first, second = parse_objects([b'{"a":1', b',"b":2}'], 100)
    assert isinstance(first, DecodeError)
    assert isinstance(second, DecodeError)


@pytest.mark.parametrize("size", [9, 10, 11])
def test_the_limit_of_bytes_is_the_last_size_that_is_read(size: int) -> None:
    value = b'{"a":' + b"1" * (size - 6) + b"}"
    (parsed,) = parse_objects([value], 10)
    assert isinstance(parsed, dict) == (size <= 10)
