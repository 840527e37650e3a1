"""Any order within the lateness gives the same windows: what the network reads of them is the same to the last bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamseg.core.spec import CoreSpec
from streamseg.core.table import CustomerTable
from streamseg.wire.spans import joined
from streamseg.wire.touchpoint import decode
from tests.oracle.partition import LIMITS
from tests.oracle.streams import DAY, MONDAY, WEEK, Move, Record, moves, render

LATENESS = 3 * WEEK


@given(moves=st.lists(moves(), min_size=1, max_size=30), data=st.data())
def test_any_order_within_the_lateness_gives_the_same_windows(moves: list[Move], data: st.DataObject) -> None:
    records = render(within_three_weeks(moves), start_ms=MONDAY)
    shuffled = data.draw(st.permutations(records))
    sizes = data.draw(st.lists(st.integers(1, 10), min_size=1, max_size=4))
    one, other = table_of(records, [len(records)]), table_of(shuffled, sizes)
    for customer_id in one.customer_ids:
        assert windows_of(one, customer_id).tobytes() == windows_of(other, customer_id).tobytes()


def within_three_weeks(moves: list[Move]) -> list[Move]:
    """The same moves, each at most 12 hours on, without consent, repeats and bad records: 30 of them take 15 days."""
    return [
        Move(
            customer=move.customer,
            type=move.type,
            forward=min(move.forward, DAY // 2),
            amount=move.amount,
            channel=move.channel,
            session=move.session,
            rating=move.rating,
        )
        for move in moves
    ]


def table_of(records: list[Record], sizes: list[int]) -> CustomerTable:
    """A table that took the records in batches of these sizes."""
    table = CustomerTable(CoreSpec(allowed_lateness_ms=LATENESS))
    start, turn = 0, 0
    while start < len(records):
        batch = decode(records[start : start + sizes[turn % len(sizes)]], limits=LIMITS).batch
        slots, admitted = table.admit(batch)
        for _ in table.observe(batch, slots, admitted, model_key=1):
            pass
        start, turn = start + len(batch), turn + 1
    return table


def windows_of(table: CustomerTable, customer_id: bytes) -> np.ndarray:
    """What the network reads of the customer's four weeks, from the first touchpoint's on."""
    slots = table.slots(joined([customer_id]))
    first = int(table.first_window(slots)[0])
    return table.closed_features(slots, first, first + 4)
