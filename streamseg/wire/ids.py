"""Names that come out the same on every machine and in every run: hashes, and the ids of outputs.

An output's id is derived from its cause (design: exactly once), never from a log position or a clock, so the worker, a
replay of the same file and an independent reference give one output one id, and a reader can drop a repeat.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

ID_BYTES: Final = 16
"""128 bits: two outputs share an id by chance once in 10^19 outputs or so."""
HOLDOUT: Final = b"holdout"
"""In front of a customer's id, the text of which `hash64` modulo 100 is the customer's draw for the holdout."""


def output_id(customer_id: bytes, cause: str, kind: str, run: str = "") -> str:
    """Name one output by what brought it about: the same cause gives the same id, another cause another id.

    Args:
        customer_id: UTF-8 bytes, the key of the touchpoint.
        cause: The touchpoint's own `event_id`, or what `silence_cause` or `model_cause` give.
        kind: ``entered``, ``exited``, ``changed``, ``churn_alert`` or ``profile``.
        run: Name of a backfill; empty for live work, so that a replay of the live topic repeats its ids.

    Returns:
        32 lower-case hexadecimal characters: BLAKE2b-128 over the four parts, each behind its length in 4 bytes.

    >>> output_id(b"c-1", "e-1", "changed")
    'a0c16259de611a6cf9d6df81f4969839'
    >>> output_id(b"c-1e", "-1", "changed") == output_id(b"c-1", "e-1", "changed")
    False
    """
    # The length stands in front, so no two lists of parts give the same bytes ("ab"+"c" against "a"+"bc").
    told = _told(customer_id) + _told(cause.encode()) + _told(kind.encode()) + _told(run.encode())
    return blake2b(told, digest_size=ID_BYTES).hexdigest()


def _told(part: bytes) -> bytes:
    return len(part).to_bytes(4, "little") + part


def silence_cause(due_ms: int) -> str:
    """Name the silence that was noticed at a window's boundary.

    >>> silence_cause(1_700_438_400_000)
    'silence:1700438400000'
    """
    return f"silence:{due_ms}"


def model_cause(version: str, assessed_ms: int) -> str:
    """Name a change that only a new model brought about, for the customer as assessed at `assessed_ms`.

    >>> model_cause("2024-03-01.a1b2", 1_700_438_400_000)
    'model:2024-03-01.a1b2:1700438400000'
    """
    return f"model:{version}:{assessed_ms}"


def hash64(text: str | bytes) -> int:
    """Hash to 64 bits, the same on every machine (Python's own `hash` is salted in each process).

    Args:
        text: A string is hashed as its UTF-8 bytes.

    Returns:
        0 to 2**64 - 1: BLAKE2b with an 8-byte digest, read little-endian.

    >>> hash64("e-1") == hash64(b"e-1")
    True
    """
    return int.from_bytes(blake2b(text.encode() if isinstance(text, str) else text, digest_size=8).digest(), "little")
