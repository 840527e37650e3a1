"""What training reads: every customer's closed windows and score instants, collected on the worker's own code path.

Arrives: touchpoints in any order. Leaves: a `History`: features of closed windows as ragged rows, instants at which
the worker would have scored, and what came after them. Knows nothing of networks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from streamseg.core.features import FEATURES
from streamseg.core.scores import Float32Array, Float64Array, Scorer
from streamseg.core.spec import CoreSpec
from streamseg.core.steps import Steps
from streamseg.core.table import CustomerTable
from streamseg.core.windows import BLOCK, Int64Array
from streamseg.model.outcomes import Outcomes
from streamseg.wire.batch import TouchpointBatch

CLOSE_AT_ONCE = 13
"""Windows whose features are asked for together: fewer than the table keeps behind an anchor."""
_CUSTOMERS_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True)
class Instants:
    """N instants at which the worker scores, none gated: some just after touchpoints, some at due boundaries."""

    customer: Int64Array
    window: Int64Array
    instant_ms: Int64Array
    is_touch: NDArray[np.bool_]
    x: Float32Array
    """(N, F)"""

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, which: Int64Array | NDArray[np.bool_]) -> Instants:
        """Some of them, in the order asked for."""
        return Instants(*(getattr(self, column.name)[which] for column in fields(self)))


@dataclass(frozen=True, slots=True)
class History:
    """C customers over time."""

    spec: CoreSpec
    first_window: Int64Array
    """(C,) window of the first touchpoint."""
    first_ms: Int64Array
    """(C,) time of the first touchpoint."""
    row_of: Int64Array
    """(C,) row in `closed` of the customer's first window; the next windows follow it."""
    closed: Float32Array
    """(R, F) features of every closed window of every customer since the first, silence included."""
    instants: Instants
    outcomes: Outcomes
    start_ms: int
    end_ms: int

    @property
    def customers(self) -> int:
        """C."""
        return len(self.first_window)

    def rows(self, customer: Int64Array, window: Int64Array | int) -> Int64Array:
        """Rows of `closed`; `window` not before the customer's first."""
        return self.row_of[customer] + (window - self.first_window[customer])

    def start(self, customer: Int64Array, window: Int64Array) -> Int64Array:
        """Where the fold that precedes `window` starts from zero: the anchor, or the customer's first window."""
        return np.maximum(BLOCK * (window // BLOCK - 1), self.first_window[customer])


def collect(batches: Iterable[TouchpointBatch], spec: CoreSpec, *, seed: int = 0) -> History:
    """Run touchpoints through a `CustomerTable` as the worker does, and keep what it would have scored.

    Touchpoints before a withdrawal of consent are left out, and so are customers who have not given it again. Of the
    instants just after touchpoints one is kept for each customer and window, drawn at random (seeded); all the
    instants at due boundaries are kept. A duplicate id is dropped wherever it is.
    """
    table = CustomerTable(spec)
    random = np.random.default_rng(seed)
    batch = _in_order(batches)
    windows = spec.windows.index(batch.event_ms)
    drawn: list[Instants] = []
    closed: list[tuple[Int64Array, int, Float32Array]] = []
    slots: list[Int64Array] = []
    done = int(windows[0]) if len(windows) else 0
    for part in _slices(batch, windows):
        window = spec.windows.index_of(int(part.event_ms[0]))
        if window >= done + CLOSE_AT_ONCE:
            closed.extend(_close(table, done, window))
            done = window
        which, admitted = table.admit(part)
        slots.append(which)
        steps = list(table.observe(part, which, admitted, model_key=0))
        while table.backlog():
            steps += table.sweep(len(table), model_key=0)
        drawn += _one_each([some for some in steps if some.kind == "touch"], random)
        drawn += [_instants(some) for some in steps if some.kind == "silence"]
    if len(windows):
        closed.extend(_close(table, done, int(windows[-1])))
    return _assemble(table, batch, slots, closed, drawn, int(windows[-1]) if len(windows) else 0)


def replay_scores(scorer: Scorer, history: History, which: Int64Array) -> dict[str, Float64Array]:
    """Score chosen instants as the worker would: states folded from the anchor, then one step on the running window.

    Returns:
        `churn`, `outcomes` and `value`, (len(which),) each.
    """
    instants = history.instants.take(which)
    results = {name: np.empty(len(which), np.float64) for name in ("churn", "outcomes", "value")}
    for block in np.unique(instants.window // BLOCK).tolist():
        inside = np.flatnonzero(instants.window // BLOCK == block)
        members = np.unique(instants.customer[inside])
        states = np.zeros((len(members), scorer.state_size), np.float32)
        start = max(BLOCK * (block - 1), int(history.first_window[members].min()))
        for window in range(start, int(instants.window[inside].max()) + 1):
            now = inside[instants.window[inside] == window]
            if len(now):
                at = np.searchsorted(members, instants.customer[now])
                scores = scorer.score(states[at], instants.x[now])
                results["churn"][now] = scores.churn_probability
                results["outcomes"][now] = scores.expected_outcomes
                results["value"][now] = scores.expected_value
            known = np.flatnonzero(history.first_window[members] <= window)
            if window < int(instants.window[inside].max()):
                x = history.closed[history.rows(members[known], window)]
                states[known] = scorer.advance(states[known], x)
    return results


def _in_order(batches: Iterable[TouchpointBatch]) -> TouchpointBatch:
    """One batch of everything that may be used, by event time; the first of equal ids of a customer stays."""
    parts = list(batches)
    ids = [customer for part in parts for customer in part.customer_id]
    events = [event for part in parts for event in part.event_id]
    arrays = {
        column.name: np.concatenate([getattr(part, column.name) for part in parts] or [np.empty(0, np.int64)])
        for column in fields(TouchpointBatch)
        if column.name not in ("customer_id", "event_id")
    }
    slot_of: dict[bytes, int] = {}
    customer = np.array([slot_of.setdefault(one, len(slot_of)) for one in ids], np.int64)
    order = np.argsort(arrays["event_ms"], kind="stable")
    order = order[_may_be_used(customer[order], arrays["consent"][order])]
    pairs = np.stack((customer[order].astype(np.uint64), arrays["event_hash"][order].astype(np.uint64)), axis=1)
    order = order[np.sort(np.unique(pairs, axis=0, return_index=True)[1])] if len(order) else order
    arrays["source"] = np.arange(len(ids), dtype=np.int32)
    picked = order.tolist()
    return TouchpointBatch(
        customer_id=[ids[i] for i in picked],
        event_id=[events[i] for i in picked],
        **{name: values[order] for name, values in arrays.items()},
    )


def _may_be_used(customer: Int64Array, consent: Int64Array) -> NDArray[np.bool_]:
    """(T,) in order of time: False up to the consent that follows a customer's last withdrawal, or the end."""
    position = np.arange(len(customer))
    size = int(customer.max(initial=-1)) + 1
    withdrawn = np.full(size, -1)
    np.maximum.at(withdrawn, customer[consent == 0], position[consent == 0])
    given = np.full(size, len(customer))
    again = (consent == 1) & (position > withdrawn[customer])
    np.minimum.at(given, customer[again], position[again])
    return np.where(withdrawn[customer] < 0, True, position >= given[customer])


def _slices(batch: TouchpointBatch, windows: Int64Array) -> Iterator[TouchpointBatch]:
    """The touchpoints of one window after the other."""
    cuts = [0, *(np.flatnonzero(np.diff(windows)) + 1).tolist(), len(windows)]
    for start, stop in pairwise(cuts):
        if stop > start:
            yield TouchpointBatch(**{f.name: getattr(batch, f.name)[start:stop] for f in fields(TouchpointBatch)})


def _close(table: CustomerTable, start: int, stop: int) -> Iterator[tuple[Int64Array, int, Float32Array]]:
    """(slots, window, features (W, N, F)) of the closed windows `start` ... `stop` - 1; newcomers from their first."""
    everybody = np.arange(len(table))
    begins = np.maximum(table.first_window(everybody), start) if len(table) else everybody
    for begin in np.unique(begins[begins < stop]).tolist():
        group = everybody[begins == begin]
        for at in range(0, len(group), _CUSTOMERS_AT_ONCE):
            some = group[at : at + _CUSTOMERS_AT_ONCE]
            yield some, begin, table.closed_features(some, begin, stop)


def _one_each(touches: list[Steps], random: np.random.Generator) -> list[Instants]:
    """One instant for each customer, of the touches of one window."""
    if not touches:
        return []
    slot = np.concatenate([steps.slot for steps in touches])
    lot = np.where(np.concatenate([steps.is_gated for steps in touches]), -1.0, random.random(len(slot)))
    order = np.lexsort((lot, slot))
    last = np.append(np.diff(slot[order]) != 0, True)
    chosen = np.zeros(len(slot), np.bool_)
    chosen[order[last]] = lot[order[last]] >= 0
    bounds = np.cumsum([0, *(len(steps) for steps in touches)])
    return [_instants(steps, chosen[bounds[i] : bounds[i + 1]]) for i, steps in enumerate(touches)]


def _instants(steps: Steps, chosen: NDArray[np.bool_] | None = None) -> Instants:
    kept = ~steps.is_gated if chosen is None else chosen
    n = int(kept.sum())
    is_touch = np.full(n, steps.kind == "touch")
    return Instants(steps.slot[kept], np.full(n, steps.window), steps.instant_ms[kept], is_touch, steps.x[kept])


def _assemble(
    table: CustomerTable,
    batch: TouchpointBatch,
    slots: list[Int64Array],
    closed: list[tuple[Int64Array, int, Float32Array]],
    drawn: list[Instants],
    last_window: int,
) -> History:
    everybody = np.arange(len(table))
    first = table.first_window(everybody) if len(table) else everybody
    lengths = last_window - first
    row_of = np.cumsum(lengths) - lengths
    flat = np.zeros((int(lengths.sum()), len(FEATURES)), np.float32)
    for who, begin, x in closed:
        rows = row_of[who] + (begin - first[who])  # (N,)
        flat[rows[None, :] + np.arange(len(x))[:, None]] = x
    no_time = np.empty(0, np.int64)
    empty = Instants(no_time, no_time, no_time, np.empty(0, np.bool_), np.empty((0, len(FEATURES)), np.float32))
    parts = drawn or [empty]
    instants = Instants(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Instants)))
    # Only what was read by then is an input, so instants need no order of their own; by customer suits training.
    instants = instants.take(np.lexsort((instants.instant_ms, instants.customer)))
    outcomes = Outcomes(
        np.concatenate(slots or [np.empty(0, np.int64)]),
        batch.event_ms,
        batch.type_code.astype(np.int64),
        batch.amount_micro,
        outcome_types=table.spec.outcome_types,
    )
    start_ms = int(batch.event_ms[0]) if len(batch) else 0
    end_ms = int(batch.event_ms[-1]) if len(batch) else 0
    first_ms = table.rows["first_ms"][: len(table)].copy()
    return History(table.spec, first, first_ms, row_of, flat, instants, outcomes, start_ms, end_ms)
