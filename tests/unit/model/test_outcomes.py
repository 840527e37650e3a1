"""Labels against counting by hand: strictly after the instant, up to and with the end of the horizon."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.model.outcomes import Outcomes
from streamseg.wire.vocabulary import TYPE_CODES

DAY = 86_400_000


def outcomes_of(rows: list[tuple[int, int, str, float]]) -> Outcomes:
    """From (customer, event_ms, type, amount)."""
    customer = np.array([row[0] for row in rows], np.int64)
    event_ms = np.array([row[1] for row in rows], np.int64)
    codes = np.array([TYPE_CODES[row[2]] for row in rows], np.int64)
    return Outcomes(customer, event_ms, codes, np.array([round(row[3] * 1e6) for row in rows], np.int64))


def one(value: int) -> np.ndarray:
    return np.array([value], np.int64)


def test_an_outcome_at_the_instant_is_past_and_one_at_the_end_of_the_horizon_counts() -> None:
    known = outcomes_of([(0, 10 * DAY, "purchase", 5.0), (0, 17 * DAY, "renew", 7.0), (0, 40 * DAY, "view", 0.0)])
    assert known.count(one(0), one(10 * DAY), 7 * DAY) == [1]
    assert known.count(one(0), one(10 * DAY), 7 * DAY - 1) == [0]
    assert known.count(one(0), one(10 * DAY - 1), 7 * DAY) == [1]
    assert known.past_days(one(0), one(10 * DAY)) == [1]
    assert known.gross_spend(one(0), one(10 * DAY), 7 * DAY) == [7.0]


def test_two_outcomes_on_one_day_are_one_day_and_views_are_none() -> None:
    rows = [(0, DAY + 1, "purchase", 1.0), (0, DAY + 2, "purchase", 2.0), (0, 2 * DAY, "view", 0.0)]
    assert outcomes_of(rows).count(one(0), one(0), 30 * DAY) == [1]
    assert outcomes_of(rows).days == 1


def test_refunds_are_subtracted_from_net_spend_only() -> None:
    known = outcomes_of([(0, DAY, "purchase", 20.0), (0, 2 * DAY, "refund", -8.0), (1, DAY, "purchase", 99.0)])
    assert known.gross_spend(one(0), one(0), 9 * DAY) == [20.0]
    assert known.net_spend(one(0), one(0), 9 * DAY) == [12.0]


def test_the_next_touchpoint_is_the_customers_own() -> None:
    known = outcomes_of([(0, DAY, "view", 0.0), (0, 3 * DAY, "cart_add", 0.0), (1, 2 * DAY, "purchase", 1.0)])
    assert known.next_type(np.array([0, 0, 0, 1]), np.array([0, DAY, 3 * DAY, 2 * DAY])).tolist() == [
        TYPE_CODES["view"],
        TYPE_CODES["cart_add"],
        -1,
        -1,
    ]
    assert known.next_ms(one(0), one(DAY)) == [3 * DAY]


touchpoints = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 40 * 24).map(lambda hour: hour * DAY // 24),
        st.sampled_from(["purchase", "view", "renew", "refund"]),
        st.integers(-50, 50).map(float),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(rows=touchpoints, customer=st.integers(0, 3), hour=st.integers(0, 45 * 24), days=st.integers(1, 60))
def test_binary_search_says_what_counting_one_by_one_says(
    rows: list[tuple[int, int, str, float]], customer: int, hour: int, days: int
) -> None:
    known, t = outcomes_of(rows), hour * DAY // 24
    own = [row for row in rows if row[0] == customer]
    inside = [row for row in own if t < row[1] <= t + days * DAY]
    bought = [row for row in inside if row[2] in ("purchase", "renew")]
    past = {row[1] // DAY for row in own if row[1] <= t and row[2] in ("purchase", "renew")}
    arguments = one(customer), one(t), days * DAY
    assert known.count(*arguments) == [len({row[1] // DAY for row in bought})]
    assert known.gross_spend(*arguments) == [sum(max(row[3], 0.0) for row in bought)]
    assert known.net_spend(*arguments) == [sum(row[3] for row in inside)]
    assert known.past_days(one(customer), one(t)) == [len(past)]
    so_far = [row for row in own if row[1] <= t]
    times = [row[1] for row in so_far if row[2] in ("purchase", "renew")] or [-1]
    found = known.first_and_last_ms(one(customer), one(t))
    assert [int(time_ms[0]) for time_ms in found] == [min(times), max(times)]
    assert known.past_spend(one(customer), one(t)) == [sum(max(row[3], 0.0) for row in so_far)]
    ended = {day: [row for row in own if row[1] // DAY == day and row[2] in ("purchase", "renew")] for day in past}
    paid = [sum(max(row[3], 0.0) for row in day) for _, day in sorted(ended.items()) if max(row[1] for row in day) <= t]
    owner, spend = known.spend_by_day(t)
    assert spend[owner == customer].tolist() == paid
    later = [row[1] for row in own if row[1] > t]
    assert known.next_ms(one(customer), one(t)) == [min(later) if later else np.iinfo(np.int64).max]
