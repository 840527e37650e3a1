"""What the simulated customers do: visits, each a short sequence of touchpoints, as columns in the order of time.

A visit may begin with an e-mail that was opened and clicked, goes on with views, and may end with a cart, a checkout,
purchase lines and a review. Whoever comes to the store is seen at its door and till only.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamseg.datasets.simulator.people import BROWSER, CHURNER, DAY_MS, LOYAL, NEVER, SEASONAL, People
from streamseg.wire.vocabulary import CHANNEL_CODES, TYPE_CODES

Int64Array = NDArray[np.int64]
BUYS: Final = np.array([0.45, 0.30, 0.50, 0.01, 0.45])
"""Probability that a visit ends with a purchase, by kind."""
_VIEWS: Final = np.array([1.5, 2.0, 2.0, 4.0, 1.5])
"""Mean number of views after the first, by kind."""
_STEP_MS: Final = 30_000
_SEASON_MONTHS: Final = (5, 11, 12)
_PARTS: Final = ("email_open", "email_click", "view", "cart_add", "checkout", "purchase", "review")
"""What a visit may consist of, in its order."""
_BOUGHT: Final = tuple(TYPE_CODES[name] for name in ("cart_add", "checkout", "purchase", "review"))
NO_SESSION: Final = -1


@dataclass(frozen=True, slots=True)
class Touches:
    """N touchpoints, in the order of their time. Every array has shape (N,)."""

    customer: NDArray[np.int64]
    event_ms: NDArray[np.int64]
    type_code: NDArray[np.int64]
    channel_code: NDArray[np.int64]
    session: NDArray[np.int64]
    """Number of the visit; `NO_SESSION` for what is none."""
    consent: NDArray[np.int64]
    """1 given, 0 withdrawn, -1 nothing said."""
    dice: NDArray[np.int64]
    """A random number below 2**62 for each: product, quantity, price and rating are read off it."""

    def __len__(self) -> int:
        return len(self.customer)


def draw_touches(rng: np.random.Generator, people: People, count: int) -> Touches:
    """Draw exactly `count` touchpoints; every customer visits at least once if there are enough."""
    # A visit has more than three touchpoints on average, but may have one: draw enough, keep what fits, cut the last.
    customer = np.concatenate([np.arange(len(people)), rng.choice(len(people), size=count, p=people.weight)])
    parts = _draw_parts(rng, people, customer)
    kept = int(np.searchsorted(np.cumsum(parts.sum(axis=1)), count)) + 1
    customer, parts = customer[:kept], parts[:kept]
    start_ms = _visit_times(rng, people, customer)

    ends = np.cumsum(parts, axis=1)
    lengths = ends[:, -1]
    visit = np.repeat(np.arange(kept), lengths)[:count]
    position = np.arange(count) - (np.cumsum(lengths) - lengths)[visit]
    part = (position[:, None] >= ends[visit]).sum(axis=1)
    who = customer[visit]
    at_store = people.in_store[who]
    dice = rng.integers(0, 2**62, count)

    look = np.where(
        at_store, TYPE_CODES["store_visit"], np.where(dice % 5 == 0, TYPE_CODES["search"], TYPE_CODES["view"])
    )
    type_code = np.where(part == 2, look, np.array([TYPE_CODES[name] for name in _PARTS])[part])
    home = np.where(people.on_app[who], CHANNEL_CODES["app"], CHANNEL_CODES["web"])
    home = np.where(at_store, CHANNEL_CODES["store"], home)
    event_ms = start_ms[visit] + position * _STEP_MS + rng.integers(0, _STEP_MS, count)
    event_ms = np.minimum(event_ms, people.active_until_ms[who] - 1)
    only_looks = (people.changed_ms[who] != NEVER) & (event_ms >= people.changed_ms[who])
    touches = Touches(
        customer=who,
        event_ms=event_ms,
        type_code=np.where(only_looks & np.isin(type_code, _BOUGHT), look, type_code),
        channel_code=np.where(part < 2, CHANNEL_CODES["email"], home),
        session=visit,
        consent=np.full(count, -1, dtype=np.int64),
        dice=dice,
    )
    return _in_time_order(touches)


def consent_touches(people: People) -> Touches:
    """Give the touchpoints in which customers withdraw their consent, and give it again."""
    withdraws = np.flatnonzero(people.withdrawn_ms != NEVER)
    restores = np.flatnonzero(people.restored_ms != NEVER)
    given = np.concatenate([np.zeros(len(withdraws), np.int64), np.ones(len(restores), np.int64)])
    return Touches(
        customer=np.concatenate([withdraws, restores]),
        event_ms=np.concatenate([people.withdrawn_ms[withdraws], people.restored_ms[restores]]),
        type_code=np.where(given == 1, TYPE_CODES["subscribe"], TYPE_CODES["unsubscribe"]),
        channel_code=np.full(len(given), CHANNEL_CODES["email"]),
        session=np.full(len(given), NO_SESSION),
        consent=given,
        dice=np.zeros(len(given), np.int64),
    )


def joined(first: Touches, second: Touches) -> Touches:
    """Put two sets of touchpoints into one order of time."""
    columns = {f.name: np.concatenate([getattr(first, f.name), getattr(second, f.name)]) for f in fields(Touches)}
    return _in_time_order(Touches(**columns))


def _draw_parts(rng: np.random.Generator, people: People, customer: Int64Array) -> Int64Array:
    """(V, len(_PARTS)) how many touchpoints of each part each visit has; at least one view (in a store: the door)."""
    kind = people.kind[customer]
    in_store = people.in_store[customer]
    buys = rng.random(len(customer)) < BUYS[kind]
    mailed = ~in_store & (rng.random(len(customer)) < 0.15)
    views = np.where(in_store, 1, 1 + rng.poisson(_VIEWS[kind]))
    carts = ~in_store & (buys | (rng.random(len(customer)) < 0.15))
    checkouts = ~in_store & buys
    bought = np.where(buys, 1 + rng.poisson(0.7, len(customer)), 0)
    reviews = buys & (rng.random(len(customer)) < 0.08)
    return np.stack([mailed, mailed, views, carts, checkouts, bought, reviews], axis=1).astype(np.int64)


def _visit_times(rng: np.random.Generator, people: People, customer: Int64Array) -> Int64Array:
    """Spread each customer's visits over its active time: evenly with a jitter for the steady, else anyhow."""
    n = len(customer)
    order = np.argsort(customer, kind="stable")
    visits = np.bincount(customer, minlength=len(people))
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n) - (np.cumsum(visits) - visits)[customer[order]]
    kind = people.kind[customer]
    jitter = rng.random(n)
    steady = (kind == LOYAL) | (kind == CHURNER) | (kind == BROWSER)
    fraction = np.where(steady, (rank + jitter) / visits[customer], jitter)
    born_ms = people.born_ms[customer]
    active_ms = people.active_until_ms[customer] - born_ms
    start_ms: Int64Array = born_ms + (fraction * active_ms).astype(np.int64)

    days = np.arange(people.start_ms // DAY_MS, people.end_ms // DAY_MS)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    season = days[np.isin(months, _SEASON_MONTHS)]
    if len(season):
        in_season_ms = season[rng.integers(0, len(season), n)] * DAY_MS + (jitter * DAY_MS).astype(np.int64)
        start_ms = np.where(kind == SEASONAL, np.maximum(in_season_ms, people.start_ms), start_ms)
    return start_ms


def _in_time_order(touches: Touches) -> Touches:
    order = np.argsort(touches.event_ms, kind="stable")
    return Touches(**{field.name: getattr(touches, field.name)[order] for field in fields(Touches)})
