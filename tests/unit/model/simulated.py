"""Customers with a known habit, for tests of training: each buys at a rate of its own and leaves for good some day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamseg.wire.batch import MICRO, TouchpointBatch
from streamseg.wire.event_ids import EventIds
from streamseg.wire.ids import hash64
from streamseg.wire.spans import Strings, joined
from streamseg.wire.vocabulary import CHANNEL_CODES, TYPE_CODES

DAY_MS = 86_400_000
START_MS = 1_609_718_400_000
"""2021-01-04T00:00:00Z, a Monday."""


def a_batch(rows: Sequence[tuple[str, str, int, float]], *, consent: Sequence[int] | None = None) -> TouchpointBatch:
    """Touchpoints from (customer, type, event_ms, amount), with ids by position."""
    n = len(rows)
    ids = [f"e{index}" for index in range(n)]
    return TouchpointBatch(
        customer_id=Strings(joined([customer.encode() for customer, *_ in rows])),
        event_id=EventIds.of(joined([one.encode() for one in ids])),
        event_hash=np.array([hash64(one) for one in ids], np.uint64),
        type_code=np.array([TYPE_CODES[kind] for _, kind, _, _ in rows], np.uint8),
        channel_code=np.full(n, CHANNEL_CODES["web"], np.uint8),
        event_ms=np.array([event_ms for _, _, event_ms, _ in rows], np.int64),
        amount_micro=np.array([round(amount * MICRO) for *_, amount in rows], np.int64),
        session_hash=np.zeros(n, np.uint64),
        rating=np.zeros(n, np.int8),
        consent=np.array(consent if consent is not None else [-1] * n, np.int8),
        source=np.arange(n, dtype=np.int32),
    )


def some_shoppers(customers: int, days: int, *, seed: int = 0) -> list[TouchpointBatch]:
    """A view and, a third of the time, a purchase, at a gamma rate; a third of the customers leave half-way or later.

    Who leaves stops viewing first, so silence and browsing tell more than a past rate does.
    """
    random = np.random.default_rng(seed)
    rows: list[tuple[str, str, int, float]] = []
    for index in range(customers):
        rate = random.gamma(1.5, 0.12) + 0.01
        spend = float(np.exp(random.normal(3.0, 0.5)))
        gone = random.uniform(0.3, 1.0) * days if random.random() < 0.5 else float(days)
        at = random.uniform(0.0, 20.0)
        while at < gone:
            event_ms = START_MS + int(at * DAY_MS)
            kind = "purchase" if random.random() < 0.4 else "view"
            rows.append((f"c{index}", kind, event_ms, spend * random.uniform(0.5, 1.5) if kind == "purchase" else 0.0))
            at += random.exponential(1.0 / rate)
    rows.sort(key=lambda row: row[2])
    return [a_batch(rows)]
