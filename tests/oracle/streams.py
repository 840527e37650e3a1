"""Touchpoint streams for the oracle: short lists of moves, drawn by hypothesis or by a seed, rendered as native JSON.

A move says how far the stream's clock goes, who acts and what is said; `render` turns moves into records of one
partition. Everything that the rules treat specially occurs often: silence of weeks and months, instants exactly on a
window start and one millisecond beside it, disorder within, at and beyond the lateness, duplicates, consent, refunds,
records that are no touchpoints. It knows nothing of how they are processed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import orjson
from hypothesis import strategies as st

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
MONDAY = 1_704_067_200_000
"""2024-01-01 00:00 UTC, a Monday: the start of a window by default."""
LATENESS = DAY

CUSTOMERS = ("ada", "bo", "çelik", "d")
TYPES = ("view", "click", "cart_add", "purchase", "renew", "refund", "email_open", "support_contact", "review", "dance")
CHANNELS = ("web", "app", "store", "email", None)
BAD = ("not json", "missing field", "wrong key", "no value", "duplicate key", "not finite")

FORWARD = (0, 0, 1, 7 * MINUTE, 5 * HOUR, DAY, 3 * DAY, WEEK, 5 * WEEK, 20 * WEEK)
"""How far a move takes the clock, milliseconds; drawn evenly."""
BEFORE_CLOCK = (0, 0, 0, 0, 1, 20 * HOUR, LATENESS, LATENESS + 1, 3 * DAY)
"""How far a touchpoint lies before the clock, milliseconds: in time, late within, at, just beyond and far beyond."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the touchpoints topic as a consumer hands it over; fits `wire.touchpoint.SourceRecord`."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    offset: int
    headers: Sequence[tuple[str, bytes]] = field(default=())


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that happens; `render` gives it a time. `repeat` > 0 sends an earlier record once more."""

    customer: str = "ada"
    type: str = "view"
    forward: int = 0
    """Milliseconds by which the clock goes on first."""
    to_boundary: int | None = None
    """After that, go on to the next window start plus this many milliseconds (-1, 0 or 1)."""
    before_clock: int = 0
    amount: float | None = None
    channel: str | None = None
    session: str | None = None
    rating: int | None = None
    consent: bool | None = None
    repeat: int = 0
    retimed: bool = False
    """A repeat at the clock's time, not the time that it had at first."""
    bad: str | None = None
    times: int = 1
    """How many such touchpoints, one minute apart, each under its own id."""


def render(moves: Iterable[Move], *, start_ms: int = MONDAY + 2 * DAY, prefix: str = "e") -> list[Record]:
    """The records of one partition, in order of offset. Ids are `prefix` and the number of the touchpoint."""
    records: list[Record] = []
    sent: list[dict[str, object]] = []
    clock = start_ms
    for move in moves:
        clock += move.forward
        if move.to_boundary is not None:
            clock = (clock - MONDAY) // WEEK * WEEK + WEEK + MONDAY + move.to_boundary
        for turn in range(move.times):
            clock += MINUTE if turn else 0
            if move.bad is not None:
                records.append(_bad_record(move, clock, len(records)))
                continue
            if move.repeat and sent:
                touchpoint = dict(sent[-1 - (move.repeat - 1) % len(sent)])
                if move.retimed:
                    touchpoint["event_time"] = clock
            else:
                touchpoint = _touchpoint(move, f"{prefix}{len(sent)}", max(clock - move.before_clock, 0))
                sent.append(touchpoint)
            records.append(_record(touchpoint, clock, len(records)))
    return records


def _touchpoint(move: Move, event_id: str, event_ms: int) -> dict[str, object]:
    optional = {
        "channel": move.channel,
        "session_id": move.session,
        "amount": move.amount,
        "rating": move.rating,
        "consent": None if move.consent is None else {"profiling": move.consent},
    }
    said = {name: value for name, value in optional.items() if value is not None}
    return {"event_id": event_id, "customer_id": move.customer, "type": move.type, "event_time": event_ms} | said


def _record(touchpoint: dict[str, object], clock: int, offset: int) -> Record:
    key = str(touchpoint["customer_id"]).encode()
    return Record(key=key, value=orjson.dumps(touchpoint), timestamp=clock, offset=offset)


def _bad_record(move: Move, clock: int, offset: int) -> Record:
    good = _touchpoint(move, f"bad{offset}", clock)
    key, value = move.customer.encode(), orjson.dumps(good)
    match move.bad:
        case "not json":
            return Record(key, b"\xff{not json", clock, offset, headers=(("trace", b"\x00\x01"),))
        case "missing field":
            del good["type"]
            return Record(key, orjson.dumps(good), clock, offset)
        case "wrong key":
            return Record(b"somebody else", value, clock, offset)
        case "no value":
            return Record(key, None, clock, offset)
        case "duplicate key":
            return Record(key, value[:-1] + b',"type":"view"}', clock, offset)
        case _:
            return Record(key, value[:-1] + b',"amount":NaN}', clock, offset)


def moves() -> st.SearchStrategy[Move]:
    """One move of any kind; the simplest one is a view by the first customer, now."""
    touch = st.builds(
        Move,
        customer=st.sampled_from(CUSTOMERS),
        type=st.sampled_from(TYPES),
        forward=st.sampled_from(FORWARD),
        to_boundary=st.sampled_from((None, None, None, 0, -1, 1)),
        before_clock=st.sampled_from(BEFORE_CLOCK),
        amount=st.sampled_from((None, 12.5, 0.01, 999.99)),
        channel=st.sampled_from(CHANNELS),
        session=st.sampled_from((None, "s1", "s2")),
        rating=st.sampled_from((None, None, 1, 5)),
        consent=st.sampled_from((None,) * 12 + (True, False)),
    )
    repeat = st.builds(
        Move,
        repeat=st.integers(1, 150),
        retimed=st.booleans(),
        forward=st.sampled_from((0, MINUTE, DAY)),
    )
    bad = st.builds(Move, customer=st.sampled_from(CUSTOMERS), bad=st.sampled_from(BAD))
    burst = st.builds(
        Move, customer=st.sampled_from(CUSTOMERS[:2]), times=st.sampled_from((3, 66, 130)), type=st.sampled_from(TYPES)
    )
    return st.one_of(touch, touch, touch, touch, touch, touch, repeat, bad, burst)


def move_lists(max_size: int = 40) -> st.SearchStrategy[list[Move]]:
    """Streams as moves, few customers, from empty to `max_size` moves."""
    return st.lists(moves(), max_size=max_size)


def seeded_moves(seed: int, count: int, customers: Sequence[str] = CUSTOMERS) -> list[Move]:
    """A longer stream than hypothesis draws, always the same for a seed: lively spells and long silences by turns."""
    rng = random.Random(seed)
    made: list[Move] = []
    lively = True
    for _ in range(count):
        lively = lively if rng.random() < 0.93 else not lively
        made.append(_seeded_move(rng, rng.choice(customers), lively))
    return made


def _seeded_move(rng: random.Random, customer: str, lively: bool) -> Move:
    lot = rng.random()
    if lot < 0.05:
        return Move(repeat=rng.randint(1, 150), retimed=rng.random() < 0.5)
    if lot < 0.08:
        return Move(customer=customer, bad=rng.choice(BAD))
    if lot < 0.09:
        return Move(customer=customer, times=rng.choice((3, 66, 130)), type=rng.choice(TYPES))
    kind = rng.choice(TYPES)
    return Move(
        customer=customer,
        type=kind,
        forward=rng.choice((0, 7 * MINUTE, 5 * HOUR, DAY, 2 * DAY) if lively else (DAY, WEEK, 3 * WEEK, 9 * WEEK)),
        to_boundary=rng.choice((None,) * 9 + (0, -1, 1)),
        before_clock=rng.choice(BEFORE_CLOCK) if rng.random() < 0.4 else 0,
        amount=rng.choice((None, round(rng.uniform(0.01, 500.0), 2))),
        channel=rng.choice(CHANNELS),
        session=rng.choice((None, f"s{rng.randint(0, 90)}")),
        rating=rng.choice((None, rng.randint(1, 5))),
        consent=rng.choice((None,) * 60 + (True, True, True, False)),
    )
