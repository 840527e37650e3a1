"""Decisions and profiles as the JSON of their topics: columns in, bytes out, by one compiled pass over a batch.

Arrives: what was decided at N instants, as columns, with keys, causes and reasons. Leaves: the records in the order of
their causes. Names and order of the members are those that `outputs.py` declares; ids are those of `ids.output_id`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.wire.blake2b import BLOCK_BYTES, CHAIN_WORDS, UInt64Array, blake2b
from streamseg.wire.ids import HOLDOUT, ID_BYTES
from streamseg.wire.outputs import WHOLE_LIFE_MS, CustomerProfile, Decision, Reason
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
        ("time_ms", "i8", (3,)),  # of the event, of the decision, and until when it is valid
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
        ("span_ms", "i8", (2,)),  # from and until; WHOLE_LIFE_MS = of no span
    ]
)
LEFT: Final = np.dtype([("kind", "i8"), ("said", "i8"), ("start", "i8"), ("stop", "i8")])
"""One record: its kind, the decision that it comes of, and where its value stands; start -1 is a tombstone."""

_MEMBERS: Final = (*Decision._fields, *Reason._fields, *CustomerProfile._fields)
_DECISION, _REASON, _PROFILE, _END = np.cumsum(
    [0, len(Decision._fields), len(Reason._fields), len(CustomerProfile._fields)]
).tolist()
"""Where the members of each begin, in the words and in `_VALUES`."""
# Words by their place: the names of members as declared, then what else is said (see `terms`).
_NULL: Final = _END
_FALSE, _LOWERS, _HORIZON, _THRESHOLD, _MODEL, _ORIGIN, _KIND = (_NULL + place for place in (1, 3, 5, 6, 7, 8, 10))
_SEGMENT: Final = _KIND + len(KINDS)
# What stands behind a member's name: a word, or (by tens, since some are several in a row) something of its own.
_KIND_WORD, _SEGMENT_WORD, _PREVIOUS_WORD, _HORIZON_WORD, _THRESHOLD_WORD = range(5)
_MODEL_WORD, _ORIGIN_WORD, _HOLDOUT_WORD, _NAME_WORD, _DIRECTION_WORD = range(5, 10)
_AN_ID, _A_CUSTOMER, _REASONS, _PHRASE, _A_CONTRIBUTION, _A_TIME, _A_SPAN, _A_FORECAST = range(10, 90, 10)
_VALUE_OF: Final = {
    "event_id": _AN_ID,
    "kind": _KIND_WORD,
    "customer_id": _A_CUSTOMER,
    "segment": _SEGMENT_WORD,
    "previous_segment": _PREVIOUS_WORD,
    "score": _A_FORECAST,
    "threshold": _THRESHOLD_WORD,
    "horizon_days": _HORIZON_WORD,
    "reasons": _REASONS,
    "model_version": _MODEL_WORD,
    "event_time": _A_TIME,
    "processed_time": _A_TIME + 1,
    "valid_until": _A_TIME + 2,
    "origin": _ORIGIN_WORD,
    "holdout": _HOLDOUT_WORD,
    **{name: _A_FORECAST + place for place, name in enumerate(CustomerProfile._fields[3:8])},
    "name": _NAME_WORD,
    "direction": _DIRECTION_WORD,
    "contribution": _A_CONTRIBUTION,
    "words": _PHRASE,
    "from_time": _A_SPAN,
    "until_time": _A_SPAN + 1,
}
_VALUES: Final = np.array([_VALUE_OF[name] for name in _MEMBERS])
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


@lru_cache(maxsize=16)  # of all partitions the same, until the model is another
def terms(
    *,
    threshold: float,
    horizon_days: int,
    model: str,
    origin: str,
    segments: tuple[str, ...],
    reasons: tuple[str, ...],
    run: str,
    holdout_percent: int,
) -> Terms:
    """Spell what all records of a batch share; `segments` and `reasons` are names by their index, segments from 1."""
    members = [name for declared in (Decision, Reason, CustomerProfile) for name in _members(declared._fields)]
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
    size = _write(given, message, np.zeros(CHAIN_WORDS, np.uint64), out, left)
    return out[:size].copy(), left


@compiled
def _write(given: Given, message: UInt8Array, chain: UInt64Array, out: UInt8Array, left: NDArray[Any]) -> int:
    at = records = 0
    digest = chain.view(np.uint8)
    for row in range(len(given.said)):
        one = given.said[row]
        _draw(given, row, message, chain)
        is_held_out = chain[0] % np.uint64(100) < np.uint64(given.terms.holdout_percent)
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
            at = _record(given, row, kind, is_held_out, digest, out, at)
            record.stop = at
    return at


# Members go through one loop, since each place that writes a word is compiled anew: spelled out, it took ten seconds.
@compiled
def _record(given: Given, row: int, kind: int, is_held_out: bool, digest: UInt8Array, out: UInt8Array, at: int) -> int:
    words, one = given.terms.words, given.said[row]
    first, end = (_PROFILE, _END) if kind == PROFILE else (_DECISION, _REASON)
    for member in range(first, end):
        at = put_word(out, at, words, member)
        value = _VALUES[member]
        if value == _AN_ID:
            at = put_hex(out, at, digest, ID_BYTES)
        elif value == _A_CUSTOMER:
            at = put_string(out, at, given.customers, row)
        elif value == _REASONS:
            at = _reasons(given, one.first_reason, one.last_reason, out, at)
        elif _A_TIME <= value < _A_SPAN:
            at = put_time(out, at, one.time_ms[value - _A_TIME])
        elif value >= _A_FORECAST and one.is_scored:
            at = put_number(out, at, one.forecast[value - _A_FORECAST])
        else:
            at = put_word(out, at, words, _word(one, value, kind, is_held_out))
    out[at] = ord("}")
    return at + 1


@compiled
def _word(one: Any, value: int, kind: int, is_held_out: bool) -> int:
    """Place of the word that is the value of a member; of what a score would have told, null without one."""
    word: int = _NULL
    if value == _KIND_WORD:
        word = _KIND + kind
    elif value == _SEGMENT_WORD:
        word = _SEGMENT + one.segment
    elif value == _PREVIOUS_WORD:
        word = _SEGMENT + one.previous
    elif value == _HORIZON_WORD:
        word = _HORIZON
    elif value == _ORIGIN_WORD:
        word = _ORIGIN + one.is_reconciled
    elif value == _HOLDOUT_WORD:
        word = _FALSE + is_held_out
    elif one.is_scored:
        word = _THRESHOLD if value == _THRESHOLD_WORD else _MODEL
    return word


@compiled
def _reasons(given: Given, first: int, last: int, out: UInt8Array, at: int) -> int:
    words = given.terms.words
    out[at] = ord("[")
    at += 1
    for reason in range(first, last):
        one = given.reasons[reason]
        if reason > first:
            out[at] = ord(",")
            at += 1
        for member in range(_REASON, _PROFILE):
            at = put_word(out, at, words, member)
            value = _VALUES[member]
            if value == _A_CONTRIBUTION:
                at = put_number(out, at, one.contribution)
            elif value == _PHRASE:
                at = put_word(out, at, given.phrases, reason)
            elif value >= _A_SPAN and one.span_ms[value - _A_SPAN] != WHOLE_LIFE_MS:
                at = put_time(out, at, one.span_ms[value - _A_SPAN])
            else:
                word = given.terms.first_reason + one.name if value == _NAME_WORD else _LOWERS + one.raises
                at = put_word(out, at, words, _NULL if value >= _A_SPAN else word)
        out[at] = ord("}")
        at += 1
    out[at] = ord("]")
    return at + 1


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
def _draw(given: Given, row: int, message: UInt8Array, chain: UInt64Array) -> None:
    """The customer's draw for the holdout, `ids.hash64` behind `HOLDOUT`: the same for ever, so that it stays one."""
    start, size = given.customers.start[row], given.customers.stop[row] - given.customers.start[row]
    for place in range(len(HOLDOUT)):
        message[place] = HOLDOUT[place]
    for place in range(size):
        message[len(HOLDOUT) + place] = given.customers.text[start + place]
    blake2b(message, len(HOLDOUT) + size, 8, chain)
