"""BLAKE2b for compiled code, which can't call hashlib: the ids of outputs are written where the outputs are.

Source: RFC 7693. Unkeyed, one message at a time, digests of 8 or 16 bytes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.wire.spans import UInt8Array

UInt64Array = NDArray[np.uint64]

BLOCK_BYTES: Final = 128
CHAIN_WORDS: Final = 8 + 16
"""The longest digest, and one block."""

_IV: Final = np.array(
    [
        *(0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1),
        *(0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179),
    ],
    np.uint64,
)
_SIGMA: Final = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
    ],
    np.uint64,
)


@compiled
def blake2b(message: UInt8Array, size: int, digest_bytes: int, chain: UInt64Array) -> None:
    """Hash the first `size` bytes of a message that has room for whole blocks (what stands behind is overwritten).

    Args:
        message: `size` bytes rounded up to whole blocks, at least one.
        digest_bytes: 1 to 64; another length is another hash.
        chain: (CHAIN_WORDS,) the digest comes out in front, little-endian; what follows is scratch.
    """
    blocks = max((size + BLOCK_BYTES - 1) // BLOCK_BYTES, 1)
    for place in range(size, blocks * BLOCK_BYTES):
        message[place] = 0
    for word in range(8):
        chain[word] = _IV[word]
    chain[0] ^= np.uint64(0x01010000 ^ digest_bytes)
    for block in range(blocks):
        counted = np.uint64(min((block + 1) * BLOCK_BYTES, size))
        _compress(message, block * BLOCK_BYTES, counted, block == blocks - 1, chain)


@compiled
def _compress(message: UInt8Array, at: int, counted: np.uint64, is_last: bool, h: UInt64Array) -> None:
    m = h[8:]
    # Sixteen names and not an array: so the work stays in registers.
    v0, v1, v2, v3, v4, v5, v6, v7 = h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]
    v8, v9, v10, v11 = _IV[0], _IV[1], _IV[2], _IV[3]
    v12, v13, v14, v15 = _IV[4] ^ counted, _IV[5], _IV[6], _IV[7]
    if is_last:
        v14 = ~v14
    for place in range(16):
        m[place] = _word(message, at + 8 * place)
    for step in range(12):
        s = step % len(_SIGMA)
        v0, v4, v8, v12 = _mix(v0, v4, v8, v12, m[_SIGMA[s, 0]], m[_SIGMA[s, 1]])
        v1, v5, v9, v13 = _mix(v1, v5, v9, v13, m[_SIGMA[s, 2]], m[_SIGMA[s, 3]])
        v2, v6, v10, v14 = _mix(v2, v6, v10, v14, m[_SIGMA[s, 4]], m[_SIGMA[s, 5]])
        v3, v7, v11, v15 = _mix(v3, v7, v11, v15, m[_SIGMA[s, 6]], m[_SIGMA[s, 7]])
        v0, v5, v10, v15 = _mix(v0, v5, v10, v15, m[_SIGMA[s, 8]], m[_SIGMA[s, 9]])
        v1, v6, v11, v12 = _mix(v1, v6, v11, v12, m[_SIGMA[s, 10]], m[_SIGMA[s, 11]])
        v2, v7, v8, v13 = _mix(v2, v7, v8, v13, m[_SIGMA[s, 12]], m[_SIGMA[s, 13]])
        v3, v4, v9, v14 = _mix(v3, v4, v9, v14, m[_SIGMA[s, 14]], m[_SIGMA[s, 15]])
    h[0] ^= v0 ^ v8
    h[1] ^= v1 ^ v9
    h[2] ^= v2 ^ v10
    h[3] ^= v3 ^ v11
    h[4] ^= v4 ^ v12
    h[5] ^= v5 ^ v13
    h[6] ^= v6 ^ v14
    h[7] ^= v7 ^ v15


@compiled
def _mix(
    a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64, x: np.uint64, y: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    a = a + b + x
    d = _rotated(d ^ a, np.uint64(32))
    c = c + d
    b = _rotated(b ^ c, np.uint64(24))
    a = a + b + y
    d = _rotated(d ^ a, np.uint64(16))
    c = c + d
    return a, _rotated(b ^ c, np.uint64(63)), c, d


@compiled
def _rotated(word: np.uint64, bits: np.uint64) -> np.uint64:
    return (word >> bits) | (word << (np.uint64(64) - bits))


@compiled
def _word(message: UInt8Array, at: int) -> np.uint64:
    """Eight bytes as a little-endian number."""
    word = np.uint64(0)
    for byte in range(8):
        word |= np.uint64(message[np.uint64(at + byte)]) << np.uint64(8 * byte)
    return word
