"""Decisions and profiles as the JSON of their topics: columns in, bytes out, by one compiled pass over a batch.

Arrives: what was decided at N instants, as columns, with keys, causes and reasons. Leaves: the records in the order of
their causes. Names and order of the members are those that `outputs.py` declares; ids are those of `ids.output_id`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.wire.blake2b import BLOCK_BYTES, DIGEST_WORDS, UInt64Array, blake2b
from streamseg.wire.ids import HOLDOUT, ID_BYTES
from streamseg.wire.outputs import CustomerProfile, Decision, Reason
from streamseg.wire.pen import put_hex, put_number, put_string, put_time, put_word
from streamseg.wire.spans import Spans, UInt8Array, joined

# Numba notices a change of the file in which a kernel stands, not of what it takes from others: the pen, blake2b and
# the declared members need `make clean` (see compiled.py).

STAYS, ENTERED, CHANGED, EXITED, ALERT, PROFILE = range(6)
"""What becomes of a segment, then the other kinds of output."""
KINDS: Final = ("", "entered", "changed", "exited", "churn_alert", "profile")

SAID: Final = np.dtype(
    [
        ("becomes", "i8"),  # STAYS, ENTERED, CHANGED or EXITED
        ("is_alert", "?"),
        ("is_scored", "?"),  # else all numbers are null
        ("is_reconciled", "?"),  # another model alone brought it about
        ("segment", "i8"),  # index in the names of segments; 0 = none
        ("previous", "i8"),
        ("forecast", "f8", (5,)),  # as a profile has it from churn_probability on; each below `pen.LARGEST`
        ("event_ms", "i8"),
        ("processed_ms", "i8"),
        ("valid_ms", "i8"),
        ("first_reason", "i8"),  # its reasons are first_reason ... last_reason - 1
        ("last_reason", "i8"),
    ]
)
"""What was decided about a customer at one instant; a profile is written for each but EXITED."""
REASON: Final = np.dtype(
    [
        ("name", "i8"),  # index in the names of reasons
        ("raises", "i8"),  # 1 = the churn risk, 0 = lowers it
        ("contribution", "f8"),
        ("from_ms", "i8"),  # -1 = about the whole life
        ("until_ms", "i8"),
    ]
)
LEFT: Final = np.dtype([("kind", "i8"), ("said", "i8"), ("start", "i8"), ("stop", "i8")])
"""One record: its kind, the decision that it comes of, and where its value stands; start -1 is a tombstone."""

# Words by their place: the names of members as declared, then what else is said (see `terms`).
_DECISION: Final = 0
_REASON: Final = len(Decision._fields)
_PROFILE: Final = _REASON + len(Reason._fields)
_NULL: Final = _PROFILE + len(CustomerProfile._fields)
_FALSE, _LOWERS, _HORIZON, _THRESHOLD, _MODEL, _ORIGIN, _KIND = (_NULL + place for place in (1, 3, 5, 6, 7, 8, 10))
_SEGMENT: Final = _KIND + len(KINDS)
_WHOLE_LIFE_MS: Final = -1
_VALUES_BYTES: Final = 400
"""More than all numbers, times and signs of a record take."""
_LENGTHS_BYTES: Final = 64
"""More than kind and lengths take in the message of an id."""


class Terms(NamedTuple):
    """What all records of a batch share."""

    words: Spans
    """JSON by the places above, then the names of segments (the first is null), then those of reasons."""
    first_reason: int
    """Place of the first name of a reason."""
    run: UInt8Array
    """Name of a backfill, a part of every id; empty for live work."""
    holdout_percent: int


def terms(
    *,
    threshold: float,
    horizon_days: int,
    model: str,
    origin: str,
    segments: Sequence[str],
    reasons: Sequence[str],
    run: str,
    holdout_percent: int,
) -> Terms:
    """Spell what all records of a batch share; `segments` and `reasons` are names by their index, segments from 1."""
    members = [*_members(Decision._fields), *_members(Reason._fields), *_members(CustomerProfile._fields)]
    said = (None, False, True, "lowers", "raises", horizon_days, threshold, model, origin, "reconcile")
    words = [*members, *map(orjson.dumps, (*said, *KINDS, None, *segments, *reasons))]
    return Terms(joined(words), _SEGMENT + 1 + len(segments), np.frombuffer(run.encode(), np.uint8), holdout_percent)


def _members(names: tuple[str, ...]) -> list[bytes]:
    return [b'%s"%s":' % (b"," if place else b"{", name.encode()) for place, name in enumerate(names)]


class Given(NamedTuple):
    """N decisions, and all that is said of them."""

    terms: Terms
    said: NDArray[Any]
    """(N,) of `SAID`."""
    customers: Spans
    """(N,) keys, in UTF-8."""
    causes: Spans
    """(N,) in UTF-8."""
    reasons: NDArray[Any]
    """(P,) of `REASON`."""
    phrases: Spans
    """(P,) JSON strings."""


def write(given: Given) -> tuple[UInt8Array, NDArray[Any]]:
    """Write for each decision its change, then its alert, then the profile (for who leaves, a tombstone).

    Returns:
        The values as one text, and (R,) of `LEFT` in the order of the decisions.
    """
    said, words = given.said, given.terms.words
    key_bytes = given.customers.stop - given.customers.start
    cause_bytes = given.causes.stop - given.causes.start
    sizes = words.stop - words.start
    fixed = int(sizes[:_NULL].sum() + 4 * sizes.max()) + _VALUES_BYTES
    told = np.concatenate(([0], np.cumsum(given.phrases.stop - given.phrases.start + fixed)))
    decisions = (said["becomes"] != STAYS).astype(np.int64) + said["is_alert"]
    reasons = told[said["last_reason"]] - told[said["first_reason"]]
    # The most that it can be; memory that isn't reached costs nothing.
    most = ((decisions + 1) * (fixed + 6 * key_bytes) + decisions * reasons).sum()
    out, left = np.empty(int(most), np.uint8), np.empty(int(decisions.sum()) + len(said), LEFT)
    longest = int((key_bytes + cause_bytes).max(initial=0)) + len(given.terms.run) + _LENGTHS_BYTES
    message = np.zeros(-(-longest // BLOCK_BYTES) * BLOCK_BYTES, np.uint8)
    size = _write(given, message, np.zeros(DIGEST_WORDS, np.uint64), out, left)
    return out[:size].copy(), left


@compiled
def _write(given: Given, message: UInt8Array, chain: UInt64Array, out: UInt8Array, left: NDArray[Any]) -> int:
    at = records = 0
    digest = chain.view(np.uint8)
    for row in range(len(given.said)):
        one = given.said[row]
        is_held_out = _is_held_out(given, row, message, chain)
        for kind in (one.becomes, ALERT if one.is_alert else STAYS, PROFILE):
            if kind == STAYS:
                continue
            record = left[records]
            records += 1
            record.kind, record.said, record.start = kind, row, at
            if kind == PROFILE and one.becomes == EXITED:
                record.start = record.stop = -1
                continue
            _identify(given, row, kind, message, chain)
            if kind == PROFILE:
                at = _profile(given, row, is_held_out, digest, out, at)
            else:
                at = _decision(given, row, kind, is_held_out, digest, out, at)
            record.stop = at
    return at


@compiled
def _decision(
    given: Given, row: int, kind: int, is_held_out: bool, digest: UInt8Array, out: UInt8Array, at: int
) -> int:
    words, one, name = given.terms.words, given.said[row], _DECISION
    at = put_hex(out, put_word(out, at, words, name), digest, ID_BYTES)
    at = put_word(out, put_word(out, at, words, name + 1), words, _KIND + kind)
    at = put_string(out, put_word(out, at, words, name + 2), given.customers, row)
    at = put_word(out, put_word(out, at, words, name + 3), words, _SEGMENT + one.segment)
    at = put_word(out, put_word(out, at, words, name + 4), words, _SEGMENT + one.previous)
    at = _number(given, row, 0, out, put_word(out, at, words, name + 5))
    at = put_word(out, put_word(out, at, words, name + 6), words, _THRESHOLD if one.is_scored else _NULL)
    at = put_word(out, put_word(out, at, words, name + 7), words, _HORIZON)
    at = put_word(out, at, words, name + 8)
    out[at] = ord("[")
    at += 1
    for reason in range(one.first_reason, one.last_reason):
        if reason > one.first_reason:
            out[at] = ord(",")
            at += 1
        at = _reason(given, reason, out, at)
    out[at] = ord("]")
    at = put_word(out, put_word(out, at + 1, words, name + 9), words, _MODEL if one.is_scored else _NULL)
    at = put_time(out, put_word(out, at, words, name + 10), one.event_ms)
    at = put_time(out, put_word(out, at, words, name + 11), one.processed_ms)
    at = put_time(out, put_word(out, at, words, name + 12), one.valid_ms)
    return _end(given, row, is_held_out, out, at, name + 13)


@compiled
def _reason(given: Given, reason: int, out: UInt8Array, at: int) -> int:
    words, one, name = given.terms.words, given.reasons[reason], _REASON
    at = put_word(out, put_word(out, at, words, name), words, given.terms.first_reason + one.name)
    at = put_word(out, put_word(out, at, words, name + 1), words, _LOWERS + one.raises)
    at = put_number(out, put_word(out, at, words, name + 2), one.contribution)
    at = put_word(out, put_word(out, at, words, name + 3), given.phrases, reason)
    at = _time_or_null(words, out, put_word(out, at, words, name + 4), one.from_ms)
    at = _time_or_null(words, out, put_word(out, at, words, name + 5), one.until_ms)
    out[at] = ord("}")
    return at + 1


@compiled
def _profile(given: Given, row: int, is_held_out: bool, digest: UInt8Array, out: UInt8Array, at: int) -> int:
    words, one, name = given.terms.words, given.said[row], _PROFILE
    at = put_hex(out, put_word(out, at, words, name), digest, ID_BYTES)
    at = put_string(out, put_word(out, at, words, name + 1), given.customers, row)
    at = put_word(out, put_word(out, at, words, name + 2), words, _SEGMENT + one.segment)
    for number in range(5):
        at = _number(given, row, number, out, put_word(out, at, words, name + 3 + number))
    at = put_time(out, put_word(out, at, words, name + 8), one.valid_ms)
    at = put_word(out, put_word(out, at, words, name + 9), words, _MODEL if one.is_scored else _NULL)
    at = put_time(out, put_word(out, at, words, name + 10), one.event_ms)
    at = put_time(out, put_word(out, at, words, name + 11), one.processed_ms)
    at = put_word(out, put_word(out, at, words, name + 12), words, _HORIZON)
    return _end(given, row, is_held_out, out, at, name + 13)


@compiled
def _end(given: Given, row: int, is_held_out: bool, out: UInt8Array, at: int, name: int) -> int:
    words = given.terms.words
    at = put_word(out, put_word(out, at, words, name), words, _ORIGIN + given.said[row].is_reconciled)
    at = put_word(out, put_word(out, at, words, name + 1), words, _FALSE + is_held_out)
    out[at] = ord("}")
    return at + 1


@compiled
def _number(given: Given, row: int, which: int, out: UInt8Array, at: int) -> int:
    one = given.said[row]
    return put_number(out, at, one.forecast[which]) if one.is_scored else put_word(out, at, given.terms.words, _NULL)


@compiled
def _time_or_null(words: Spans, out: UInt8Array, at: int, time_ms: int) -> int:
    return put_word(out, at, words, _NULL) if time_ms == _WHOLE_LIFE_MS else put_time(out, at, time_ms)


@compiled
def _identify(given: Given, row: int, kind: int, message: UInt8Array, chain: UInt64Array) -> None:
    """The id of an output, as `ids.output_id` makes it."""
    words, run = given.terms.words, given.terms.run
    at = _told(message, 0, given.customers.text, given.customers.start[row], given.customers.stop[row])
    at = _told(message, at, given.causes.text, given.causes.start[row], given.causes.stop[row])
    at = _told(message, at, words.text, words.start[_KIND + kind] + 1, words.stop[_KIND + kind] - 1)  # less its quotes
    blake2b(message, _told(message, at, run, 0, len(run)), ID_BYTES, chain)


@compiled
def _told(message: UInt8Array, at: int, text: UInt8Array, start: int, stop: int) -> int:
    for byte in range(4):
        message[at + byte] = (stop - start) >> 8 * byte & 0xFF
    for place in range(stop - start):
        message[at + 4 + place] = text[start + place]
    return at + 4 + stop - start


@compiled
def _is_held_out(given: Given, row: int, message: UInt8Array, chain: UInt64Array) -> bool:
    """The customer's draw, as `ids.lot` makes it: the same for ever, so that a holdout stays one."""
    start, size = given.customers.start[row], given.customers.stop[row] - given.customers.start[row]
    for place in range(len(HOLDOUT)):
        message[place] = HOLDOUT[place]
    for place in range(size):
        message[len(HOLDOUT) + place] = given.customers.text[start + place]
    blake2b(message, len(HOLDOUT) + size, 8, chain)
    is_held_out: bool = chain[0] % np.uint64(100) < np.uint64(given.terms.holdout_percent)
    return is_held_out
