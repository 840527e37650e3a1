from __future__ import annotations

from hashlib import blake2b as known

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.wire.blake2b import BLOCK_BYTES, CHAIN_WORDS, blake2b


def digest(message: bytes, digest_bytes: int) -> bytes:
    room = np.full((len(message) // BLOCK_BYTES + 1) * BLOCK_BYTES, 0xFF, np.uint8)
    room[: len(message)] = list(message)
    chain = np.zeros(CHAIN_WORDS, np.uint64)
    blake2b(room, len(message), digest_bytes, chain)
    return chain.astype("<u8").tobytes()[:digest_bytes]


@settings(deadline=None)  # the first example compiles
@given(message=st.binary(max_size=600), digest_bytes=st.integers(1, 64))
def test_a_digest_is_that_of_hashlib(message: bytes, digest_bytes: int) -> None:
    assert digest(message, digest_bytes) == known(message, digest_size=digest_bytes).digest()


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 255, 256, 257])
def test_a_digest_is_that_of_hashlib_about_the_ends_of_blocks(size: int) -> None:
    message = bytes(range(256)) + b"x"
    assert digest(message[:size], 16) == known(message[:size], digest_size=16).digest()
