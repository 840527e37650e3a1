from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamseg.wire.fingerprint import fingerprint, fingerprints
from streamseg.wire.spans import joined


def sanity_buffer(size: int) -> bytes:
    """The bytes over which xxHash publishes its vectors (`xsum_sanity_check.c`)."""
    state, made = 2_654_435_761, bytearray()
    for _ in range(size):
        made.append(state >> 56)
        state = state * 11_400_714_785_074_694_797 % 2**64
    return bytes(made)


@pytest.mark.parametrize(
    ("size", "hash_"),
    [
        (0, 0xEF46DB3751D8E999),
        (1, 0xE934A84ADB052768),
        (4, 0x9136A0DCA57457EE),
        (14, 0x8282DCC4994E35C8),
        (222, 0xB641AE8CB691C174),
    ],
)
def test_a_fingerprint_is_xxh64_by_its_published_vectors(size: int, hash_: int) -> None:
    assert fingerprint(sanity_buffer(size)) == hash_


@given(texts=st.lists(st.binary(max_size=80), max_size=5))
def test_many_at_once_are_as_each_alone(texts: list[bytes]) -> None:
    assert fingerprints(joined(texts)).tolist() == [fingerprint(text) for text in texts]
    assert fingerprints(joined(texts)).dtype == np.uint64


def test_a_string_is_hashed_as_its_utf_8_bytes() -> None:
    assert fingerprint("é") == fingerprint(b"\xc3\xa9")
