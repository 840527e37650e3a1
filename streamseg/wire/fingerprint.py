"""Fingerprints: ids of touchpoints and sessions in, 64 bits for each out, the same on every machine and in every run.

They recognise repeats; they guard nothing against somebody who makes two ids collide on purpose (in `ids.py` is what
names outputs). Rows of the changelog remember them: another algorithm or seed is another version of those rows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.wire.spans import Spans, joined

_P1: Final = np.uint64(0x9E3779B185EBCA87)
_P2: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_P3: Final = np.uint64(0x165667B19E3779F9)
_P4: Final = np.uint64(0x85EBCA77C2B2AE63)
_P5: Final = np.uint64(0x27D4EB2F165667C5)


def fingerprint(text: str | bytes) -> int:
    """Hash one string to 64 bits; for many, `fingerprints` is quicker.

    Args:
        text: A string is hashed as its UTF-8 bytes.

    Returns:
        0 to 2**64 - 1: XXH64 with seed 0.

    >>> hex(fingerprint("abc"))
    '0x44bc2cf5ad770999'
    """
    return int(fingerprints(joined([text.encode() if isinstance(text, str) else text]))[0])


def fingerprints(spans: Spans) -> NDArray[np.uint64]:
    """Hash each of N strings to 64 bits.

    Returns:
        (N,) uint64: XXH64 with seed 0.

    Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
    """
    hashes = np.empty(len(spans.start), np.uint64)
    _hash_all(spans, hashes)
    return hashes


@compiled
def _hash_all(spans: Spans, hashes: NDArray[np.uint64]) -> None:
    for row in range(len(hashes)):
        hashes[row] = xxh64(spans.text, spans.start[row], spans.stop[row])


@compiled
def xxh64(text: NDArray[np.uint8], at: int, stop: int) -> np.uint64:
    """Hash the bytes at … stop - 1, in compiled code."""
    size = np.uint64(stop - at)
    if stop - at >= 32:
        a, b, c, d = _P1 + _P2, _P2, np.uint64(0), np.uint64(0) - _P1
        while stop - at >= 32:
            a = _round(a, _word(text, at, 8))
            b = _round(b, _word(text, at + 8, 8))
            c = _round(c, _word(text, at + 16, 8))
            d = _round(d, _word(text, at + 24, 8))
            at += 32
        hash_ = _rotated(a, 1) + _rotated(b, 7) + _rotated(c, 12) + _rotated(d, 18)
        for lane in (a, b, c, d):
            hash_ = (hash_ ^ _round(np.uint64(0), lane)) * _P1 + _P4
    else:
        hash_ = _P5
    hash_ += size
    while stop - at >= 8:
        hash_ = _rotated(hash_ ^ _round(np.uint64(0), _word(text, at, 8)), 27) * _P1 + _P4
        at += 8
    if stop - at >= 4:
        hash_ = _rotated(hash_ ^ (_word(text, at, 4) * _P1), 23) * _P2 + _P3
        at += 4
    while at < stop:
        hash_ = _rotated(hash_ ^ (_word(text, at, 1) * _P5), 11) * _P1
        at += 1
    hash_ = (hash_ ^ (hash_ >> np.uint64(33))) * _P2
    hash_ = (hash_ ^ (hash_ >> np.uint64(29))) * _P3
    return hash_ ^ (hash_ >> np.uint64(32))


@compiled
def _round(lane: np.uint64, word: np.uint64) -> np.uint64:
    return _rotated(lane + word * _P2, 31) * _P1


@compiled
def _rotated(word: np.uint64, bits: int) -> np.uint64:
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@compiled
def _word(text: NDArray[np.uint8], at: int, size: int) -> np.uint64:
    """Bytes as a little-endian number: spelled out, so that it is one on every machine."""
    word = np.uint64(0)
    for place in range(size):
        # An unsigned index is not counted from the end, so the loads become one.
        word |= np.uint64(text[np.uint64(at + place)]) << np.uint64(8 * place)
    return word
