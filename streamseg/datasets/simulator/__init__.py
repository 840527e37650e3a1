"""A made-up shop whose truth is known: touchpoints of customers of five kinds, from one seed, and what was behind them.

For load tests (a million touchpoints in seconds) and for tests that ask whether silence and behaviour are recognised:
`Simulated.people` says of every customer the kind, the moment of churn and of consent. Trouble is made to measure:
exact numbers of lines out of order, too late, repeated and undecodable. The same options give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamseg.datasets.simulator.lines import formatted, spoiled
from streamseg.datasets.simulator.people import DAY_MS, KINDS, People, draw_change, draw_people
from streamseg.datasets.simulator.visits import Touches, consent_touches, draw_touches, joined
from streamseg.errors import ConfigError

__all__ = ["DAY_MS", "KINDS", "Options", "People", "Simulated", "simulate"]

Int64Array = NDArray[np.int64]
_HOUR_MS: Final = 3_600_000
_SLICE: Final = 65_536
"""Lines made at a time: the event columns of all are in memory (about 150 bytes each), the text of one slice is."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to simulate. Shares are of all lines, each from 0 to 1; together they may make up 0.9."""

    seed: int = 1
    customers: int = 2_000
    events: int = 100_000
    """Lines in all, trouble and repeats included; at least two for each customer."""
    start_ms: int = 1_704_067_200_000
    """2024-01-01, a Monday."""
    days: int = 364
    """Length of the simulated time; 28 to 3,650."""
    zipf_exponent: float = 0.6
    """Activity of the r-th busiest customer goes with r to the minus this; 0 = all alike."""
    withdraw_share: float = 0.01
    """Share of customers (not of lines) who withdraw their consent; half of them give it again later."""
    change_day: int = 0
    """From the start of this day on a share of the customers looks and buys nothing; 0 to `days`."""
    change_share: float = 0.0
    """That share of the customers (not of lines), of all kinds alike; 0 = nobody changes."""
    out_of_order_share: float = 0.0
    """Lines that come 1 minute to 20 hours after their time: late, and within the default lateness of a day."""
    too_late_share: float = 0.0
    """Lines that come 2 to 5 days after their time: beyond the default lateness."""
    duplicate_share: float = 0.0
    """Lines that repeat an earlier one byte for byte, at most an hour after it."""
    bad_share: float = 0.0
    """Lines that no decoder may accept: cut short, without a field, NaN, bad UTF-8, a number for an id."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A drawn year: who lived in it (`people`), and the lines in the order in which they arrive."""

    options: Options
    people: People
    touches: Touches
    """The distinct touchpoints in the order of their time; repeats are not in it."""
    order: Int64Array
    """(events,) For each line, which of `touches` it tells; a repeat names the same one again."""
    is_bad: NDArray[np.bool_]
    """(touches,) Told as a line that can't be decoded."""
    out_of_order: int
    too_late: int
    duplicates: int
    bad: int

    def lines(self) -> Iterator[bytes]:
        """Give the JSON lines, without line endings, as they arrive; may be called again."""
        for start in range(0, len(self.order), _SLICE):
            index = self.order[start : start + _SLICE]
            text = formatted(self.touches, index, self.people.spend_level)
            for at in np.flatnonzero(self.is_bad[index]).tolist():
                text[at] = spoiled(text[at], int(index[at]))
            yield from text


def simulate(options: Options) -> Simulated:
    """Draw people, their visits and the trouble on the way.

    Raises:
        ConfigError: If an option is out of its range.

    >>> shop = simulate(Options(seed=7, customers=10, events=200))
    >>> len(list(shop.lines())), len(shop.people)
    (200, 10)
    """
    _check(options)
    rng = np.random.default_rng(options.seed)
    repeats = round(options.events * options.duplicate_share)
    people = draw_people(
        rng,
        customers=options.customers,
        start_ms=options.start_ms,
        end_ms=options.start_ms + options.days * DAY_MS,
        zipf_exponent=options.zipf_exponent,
        withdraw_share=options.withdraw_share,
        changed_ms=draw_change(
            options.seed,
            customers=options.customers,
            at_ms=options.start_ms + options.change_day * DAY_MS,
            share=options.change_share,
        ),
    )
    consents = consent_touches(people)
    touches = joined(draw_touches(rng, people, options.events - repeats - len(consents)), consents)
    return _sent(rng, options, people, touches)


def _sent(rng: np.random.Generator, options: Options, people: People, touches: Touches) -> Simulated:
    """Send the touchpoints on their way: some come late, twice or spoiled."""
    shares = (options.out_of_order_share, options.too_late_share, options.duplicate_share, options.bad_share)
    counts = [round(options.events * share) for share in shares]
    n = len(touches)
    # Each touchpoint gets one trouble at most, so the numbers are exact; none that speaks of consent gets any, so the
    # truth about consent stays true. The last days get none either: nothing would come after them to make them late.
    calm = touches.event_ms < people.end_ms - 6 * DAY_MS
    troubled = rng.permutation(np.flatnonzero(calm & (touches.consent < 0)))
    if len(troubled) < sum(counts):
        raise ConfigError(f"{sum(counts)} lines with trouble among {n}; expected fewer: lower the shares or raise days")
    late_at, too_late_at, repeat_at, bad_at, _ = np.split(troubled, np.cumsum(counts))

    arrival_ms = touches.event_ms.copy()
    arrival_ms[late_at] += rng.integers(60_000, 20 * _HOUR_MS, len(late_at))
    arrival_ms[too_late_at] += rng.integers(2 * DAY_MS, 5 * DAY_MS, len(too_late_at))
    repeat_ms = arrival_ms[repeat_at] + rng.integers(0, _HOUR_MS, len(repeat_at))
    told = np.concatenate([np.arange(n), repeat_at])
    order = told[np.argsort(np.concatenate([arrival_ms, repeat_ms]), kind="stable")]
    is_bad = np.zeros(n, dtype=np.bool_)
    is_bad[bad_at] = True
    return Simulated(options, people, touches, order, is_bad, *counts)


def _check(options: Options) -> None:
    shares = {field.name: getattr(options, field.name) for field in fields(options) if field.name.endswith("_share")}
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ConfigError(f"{name} is {share}; expected 0 to 1, for example 0.01")
    if not 28 <= options.days <= 3_650:
        raise ConfigError(f"days is {options.days}; expected 28 to 3,650, for example 364")
    if not 0 <= options.change_day <= options.days:
        raise ConfigError(f"change_day is {options.change_day}; expected 0 to days ({options.days})")
    if options.customers < 1 or options.events < 2 * options.customers:
        raise ConfigError(
            f"{options.events} events for {options.customers} customers; expected at least 1 customer and 2 events each"
        )
    trouble = sum(share for name, share in shares.items() if name not in ("withdraw_share", "change_share"))
    if trouble > 0.9:
        raise ConfigError(f"the shares of trouble add up to {trouble:g}; expected at most 0.9")
