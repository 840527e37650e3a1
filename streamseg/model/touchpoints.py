"""All touchpoints that may be learnt from, as columns sorted by customer and time.

Arrives: batches in any order, with repeats. Leaves: `Touchpoints`, without what was said twice and what came before a
withdrawal of consent. Ids of touchpoints are forgotten as the batches pass by: only numbers stay in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamseg.core.columns import starts_of
from streamseg.core.windows import Int64Array
from streamseg.wire.batch import TouchpointBatch, UInt64Array

_KEPT = ("event_ms", "type_code", "channel_code", "amount_micro", "session_hash", "rating")
_JUDGED = ("event_hash", "consent")


@dataclass(frozen=True, slots=True)
class Touchpoints:
    """T touchpoints of C customers; each customer's stand together, by time. Columns as in `TouchpointBatch`, (T,)."""

    customer_ids: list[bytes]
    """C ids in ascending order: a customer's number depends on nothing but who is there."""
    bounds: Int64Array
    """(C + 1,) customer c has the touchpoints `bounds[c]` ... `bounds[c + 1]` - 1, at least one."""
    event_ms: Int64Array
    type_code: NDArray[np.uint8]
    channel_code: NDArray[np.uint8]
    amount_micro: Int64Array
    session_hash: UInt64Array
    rating: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.event_ms)

    @property
    def customer(self) -> Int64Array:
        """(T,) whose each touchpoint is; made anew at each call."""
        return np.repeat(np.arange(len(self.customer_ids)), np.diff(self.bounds))

    def keep(self, wanted: NDArray[np.bool_]) -> tuple[Touchpoints, Int64Array]:
        """Some of them, (T,) True, and the numbers here of the customers who have any of those."""
        seen = np.concatenate(([0], np.cumsum(wanted)))
        counts = np.diff(seen[self.bounds])
        kept = np.flatnonzero(counts)
        bounds = np.concatenate(([0], np.cumsum(counts[kept])))
        columns = {name: getattr(self, name)[wanted] for name in _KEPT}
        return Touchpoints([self.customer_ids[one] for one in kept.tolist()], bounds, **columns), kept


def gather(batches: Iterable[TouchpointBatch]) -> Touchpoints:
    """Sort touchpoints by customer and time, and leave out what may not be used.

    Touchpoints before a withdrawal of consent are left out, and so are customers who have not given it again. Of
    equal event ids of a customer the earliest touchpoint stays, however far apart they are.
    """
    number: defaultdict[bytes, int] = defaultdict(count().__next__)
    parts: dict[str, list[NDArray[Any]]] = {name: [np.empty(0, np.int64)] for name in ("customer", *_KEPT, *_JUDGED)}
    for batch in batches:
        parts["customer"].append(np.fromiter(map(number.__getitem__, batch.customer_id), np.int64, len(batch)))
        for name in (*_KEPT, *_JUDGED):
            parts[name].append(getattr(batch, name))
    # Without the empty first part, where there is another one: it would widen every column to its own type.
    columns = {name: np.concatenate(arrays[1:] or arrays) for name, arrays in parts.items()}
    customer_ids = sorted(number)
    rank = np.empty(len(number), np.int64)
    rank[[number[one] for one in customer_ids]] = np.arange(len(number))
    customer = rank[columns["customer"]]

    order = np.lexsort((columns["event_ms"], customer))
    order = order[_may_be_used(customer[order], columns["consent"][order])]
    order = order[_is_first(customer[order], columns["event_hash"][order])]
    present, starts = np.unique(customer[order], return_index=True)
    return Touchpoints(
        customer_ids=[customer_ids[one] for one in present.tolist()],
        bounds=np.append(starts, len(order)),
        **{name: columns[name][order] for name in _KEPT},
    )


def _may_be_used(customer: Int64Array, consent: Int64Array) -> NDArray[np.bool_]:
    """(T,) each customer's in order of time: False up to the consent that follows the last withdrawal, or the end."""
    position = np.arange(len(customer))
    size = int(customer.max(initial=-1)) + 1
    withdrawn = np.full(size, -1)
    np.maximum.at(withdrawn, customer[consent == 0], position[consent == 0])
    given = np.full(size, len(customer))
    again = (consent == 1) & (position > withdrawn[customer])
    np.minimum.at(given, customer[again], position[again])
    return np.where(withdrawn[customer] < 0, True, position >= given[customer])


def _is_first(customer: Int64Array, event_hash: UInt64Array) -> NDArray[np.bool_]:
    """(T,) True for the first of a customer's touchpoints with this id."""
    order = np.lexsort((event_hash, customer))  # stable: of equal pairs the first stays the first
    first = np.empty(len(order), np.bool_)
    first[order] = starts_of(customer[order]) | starts_of(event_hash[order])
    return first
