from __future__ import annotations

from hashlib import blake2b
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from streamseg.wire.ids import hash64, model_cause, output_id, silence_cause

PARTS = st.tuples(
    st.binary(max_size=4), st.text("ab:\0", max_size=4), st.text("ab:\0", max_size=4), st.text("ab", max_size=2)
)


def test_ids_are_written_down_here_because_readers_keep_them() -> None:
    assert output_id(b"c-1", "e-1", "changed") == "a0c16259de611a6cf9d6df81f4969839"
    parts = b"\3\0\0\0c-1\3\0\0\0e-1\7\0\0\0changed\0\0\0\0"
    assert output_id(b"c-1", "e-1", "changed") == blake2b(parts, digest_size=16).hexdigest()


@given(one=PARTS, other=PARTS)
def test_another_cause_gives_another_id(one: tuple[bytes, str, str, str], other: tuple[bytes, str, str, str]) -> None:
    assert (output_id(*one) == output_id(*other)) == (one == other)


def test_moving_a_character_from_one_part_to_the_next_gives_another_id() -> None:
    assert len({output_id(a.encode(), b, c) for a, b, c in permutations(["x", "xx", ""])}) == 6


def test_a_backfill_has_ids_of_its_own() -> None:
    assert output_id(b"c-1", "e-1", "changed", "2024-spring") != output_id(b"c-1", "e-1", "changed")


def test_causes_without_a_touchpoint_are_spelled_as_published() -> None:
    assert (silence_cause(604_800_000), model_cause("v3", 5)) == ("silence:604800000", "model:v3:5")


def test_hash64_is_the_same_on_every_machine() -> None:
    assert hash64("e-1") == hash64(b"e-1") == int.from_bytes(blake2b(b"e-1", digest_size=8).digest(), "little")
