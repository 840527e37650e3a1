"""What came after an instant: outcome days, spend and the next touchpoint, for any customer, instant and horizon.

Arrives: the touchpoints of all customers, as columns. Leaves: answers for N (customer, instant) pairs at once, by
binary search. These are the labels of training and the truth of every evaluation.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from streamseg.core.scores import Float64Array
from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.wire.vocabulary import TYPE_CODES

DEFAULT_OUTCOMES = frozenset({"purchase", "renew"})


class Outcomes:
    """Touchpoints sorted by customer and time, each pair packed in one int64 key, so a search serves all customers."""

    def __init__(
        self,
        customer: Int64Array,
        event_ms: Int64Array,
        type_code: Int64Array,
        amount_micro: Int64Array,
        *,
        outcome_types: Collection[str] = DEFAULT_OUTCOMES,
    ) -> None:
        """(T,) columns in any order; `customer` counts from 0."""
        # One millisecond early: an instant before all touchpoints is then before the first one, too.
        self._zero_ms = int(event_ms.min()) - 1 if len(event_ms) else 0
        self._end_ms = int(event_ms.max()) if len(event_ms) else 0
        # Twice the span: t + h may lie behind the data without running into the next customer.
        self._stride = 2 * (self._end_ms - self._zero_ms) + 2
        key = self._key(customer, event_ms)
        order = np.argsort(key, kind="stable")
        self._all, self._type = key[order], type_code[order]
        wanted = np.array(sorted(TYPE_CODES[name] for name in outcome_types))
        is_outcome = np.isin(type_code[order], wanted)
        outcome_key = self._all[is_outcome]
        outcome_ms = event_ms[order][is_outcome]
        owner = customer[order][is_outcome]
        changes = (np.diff(owner) != 0) | (np.diff(outcome_ms // DAY_MS) != 0)
        opens = np.concatenate((np.ones(min(len(owner), 1), bool), changes))
        closes = np.concatenate((changes, np.ones(min(len(owner), 1), bool)))
        self._day_first, self._day_last = outcome_key[opens], outcome_key[closes]
        paid = np.maximum(amount_micro[order], 0) * is_outcome
        self._gross = np.concatenate(([0], np.cumsum(paid)))
        self._net = np.concatenate(([0], np.cumsum(amount_micro[order])))
        self._spent = np.concatenate(([0], np.cumsum(np.maximum(amount_micro[order], 0))))
        self._outcome = outcome_key

    @property
    def end_ms(self) -> int:
        """Time of the last touchpoint: nothing is known after it."""
        return self._end_ms

    @property
    def days(self) -> int:
        """Outcome days of all customers together."""
        return len(self._day_first)

    def position(self, customer: Int64Array, instant_ms: Int64Array) -> Int64Array:
        """(N,) how many touchpoints, by customer and time, come before the customer's first one after t."""
        return np.searchsorted(self._all, self._key(customer, instant_ms), side="right")

    def count(self, customer: Int64Array, instant_ms: Int64Array, horizon_ms: int) -> Int64Array:
        """(N,) distinct UTC days with an outcome in (t, t + horizon]; `horizon_ms` at least one day."""
        # Days are disjoint intervals in order, so: those begun by t + h, less those ended by t.
        begun = np.searchsorted(self._day_first, self._key(customer, instant_ms + horizon_ms), side="right")
        ended = np.searchsorted(self._day_last, self._key(customer, instant_ms), side="right")
        return (begun - ended).astype(np.int64)

    def past_days(self, customer: Int64Array, instant_ms: Int64Array) -> Int64Array:
        """(N,) distinct UTC days with an outcome at or before t."""
        begun = np.searchsorted(self._day_first, self._key(customer, instant_ms), side="right")
        before = np.searchsorted(self._day_first, self._key(customer, np.full_like(instant_ms, self._zero_ms)))
        return (begun - before).astype(np.int64)

    def first_and_last_ms(self, customer: Int64Array, instant_ms: Int64Array) -> tuple[Int64Array, Int64Array]:
        """(N,) times of the first and of the last outcome at or before t; -1 and -1 where there was none."""
        first = np.searchsorted(self._outcome, self._key(customer, np.full_like(instant_ms, self._zero_ms)))
        last = np.searchsorted(self._outcome, self._key(customer, instant_ms), side="right") - 1
        ever, final = last >= first, max(len(self._outcome) - 1, 0)
        known = self._outcome if len(self._outcome) else np.zeros(1, np.int64)
        times = (known[np.minimum(at, final)] % self._stride + self._zero_ms for at in (first, last))
        first_ms, last_ms = (np.where(ever, time_ms, -1) for time_ms in times)
        return first_ms, last_ms

    def past_spend(self, customer: Int64Array, instant_ms: Int64Array) -> Float64Array:
        """(N,) money paid at or before t in touchpoints of any type; what was given back is not subtracted."""
        start = self.position(customer, np.full_like(instant_ms, self._zero_ms))
        return (self._spent[self.position(customer, instant_ms)] - self._spent[start]) / 1e6

    def gross_spend(self, customer: Int64Array, instant_ms: Int64Array, horizon_ms: int) -> Float64Array:
        """(N,) money paid in outcomes in (t, t + horizon], base currency; what was given back is not subtracted."""
        return self._between(self._gross, customer, instant_ms, horizon_ms)

    def net_spend(self, customer: Int64Array, instant_ms: Int64Array, horizon_ms: int) -> Float64Array:
        """(N,) all amounts in (t, t + horizon], refunds subtracted."""
        return self._between(self._net, customer, instant_ms, horizon_ms)

    def spend_by_day(self, until_ms: int) -> tuple[Int64Array, Float64Array]:
        """Outcome days that had ended by t, by customer and time: (D,) whose each is, (D,) money paid in outcomes."""
        ended = self._day_last % self._stride + self._zero_ms <= until_ms
        first, last = self._day_first[ended], self._day_last[ended]
        start, stop = np.searchsorted(self._all, first), np.searchsorted(self._all, last, side="right")
        return first // self._stride, (self._gross[stop] - self._gross[start]) / 1e6

    def next_type(self, customer: Int64Array, instant_ms: Int64Array) -> Int64Array:
        """(N,) type of the first touchpoint after t; -1 where none is known."""
        found, same = self._next(customer, instant_ms)
        return np.where(same, self._type[found], -1).astype(np.int64)

    def next_ms(self, customer: Int64Array, instant_ms: Int64Array) -> Int64Array:
        """(N,) time of the first touchpoint after t; the largest integer where none is known."""
        found, same = self._next(customer, instant_ms)
        return np.where(same, self._all[found] % self._stride + self._zero_ms, np.iinfo(np.int64).max)

    def _next(self, customer: Int64Array, instant_ms: Int64Array) -> tuple[Int64Array, NDArray[np.bool_]]:
        at = np.searchsorted(self._all, self._key(customer, instant_ms), side="right")
        found = np.minimum(at, len(self._all) - 1)
        return found, (at < len(self._all)) & (self._all[found] // self._stride == customer)

    def _between(self, sums: Int64Array, customer: Int64Array, instant_ms: Int64Array, horizon_ms: int) -> Float64Array:
        start = np.searchsorted(self._all, self._key(customer, instant_ms), side="right")
        stop = np.searchsorted(self._all, self._key(customer, instant_ms + horizon_ms), side="right")
        return (sums[stop] - sums[start]) / 1e6

    def _key(self, customer: Int64Array, instant_ms: Int64Array) -> Int64Array:
        return customer * self._stride + np.clip(instant_ms - self._zero_ms, 0, self._stride - 1)
