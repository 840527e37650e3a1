"""Where a file is cut: what is known, who is asked about, what counts as having come, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamseg.backtest.protocol import Cut, cut_file
from streamseg.core.spec import CoreSpec
from streamseg.errors import ConfigError
from streamseg.wire.touchpoint import DecodeLimits
from tests.unit.backtest.shop import CUTOFF_MS, a_file, a_touchpoint, other_customers
from tests.unit.model.simulated import DAY_MS

HOUR_MS = DAY_MS // 24


def cut(path: Path, cutoff_ms: int = CUTOFF_MS, horizon_days: int = 30) -> Cut:
    return cut_file(path, cutoff_ms=cutoff_ms, horizon_days=horizon_days, spec=CoreSpec(), limits=DecodeLimits())


def anna(tmp_path: Path, *touchpoints: dict[str, Any], cutoff_ms: int = CUTOFF_MS) -> tuple[int, float, float, int]:
    """Outcome days, net and gross spend that came of Anna, and her touchpoints in the history."""
    found = cut(a_file(tmp_path / "a.jsonl", [*touchpoints, *other_customers()]), cutoff_ms)
    who = found.history.customer_ids.index(b"anna")
    row = found.customer.tolist().index(who)
    truth, bounds = found.truth(), found.history.touchpoints.bounds
    return int(truth.count[row]), truth.net_spend[row], truth.gross_spend[row], int(bounds[who + 1] - bounds[who])


def buys(event_ms: int, amount: float = 1.0, **more: Any) -> dict[str, Any]:
    return a_touchpoint("anna", "purchase", event_ms, amount, **more)


EARLIER = buys(CUTOFF_MS - 50 * DAY_MS)


def test_a_purchase_at_the_cut_off_is_to_be_forecast_and_one_just_before_it_is_known(tmp_path: Path) -> None:
    assert anna(tmp_path, EARLIER, buys(CUTOFF_MS, 7.0)) == (1, 7.0, 7.0, 1)
    assert anna(tmp_path, EARLIER, buys(CUTOFF_MS - 1, 7.0)) == (0, 0.0, 0.0, 2)


def test_the_horizon_ends_just_before_its_last_day_is_over(tmp_path: Path) -> None:
    end_ms = CUTOFF_MS + 30 * DAY_MS
    assert anna(tmp_path, EARLIER, buys(end_ms - 1))[0] == 1
    assert anna(tmp_path, EARLIER, buys(end_ms)) == (0, 0.0, 0.0, 1)


def test_two_purchases_on_one_utc_day_are_one_outcome_and_both_spends_count(tmp_path: Path) -> None:
    day_ms = CUTOFF_MS + 3 * DAY_MS
    assert anna(tmp_path, EARLIER, buys(day_ms, 2.0), buys(day_ms + DAY_MS - 1, 3.0)) == (1, 5.0, 5.0, 1)
    assert anna(tmp_path, EARLIER, buys(day_ms - 1, 2.0), buys(day_ms, 3.0))[0] == 2


def test_a_day_that_the_cut_off_divides_counts_if_a_purchase_lies_behind_it(tmp_path: Path) -> None:
    noon_ms = CUTOFF_MS + 12 * HOUR_MS
    morning, evening = buys(noon_ms - HOUR_MS, 2.0), buys(noon_ms + HOUR_MS, 3.0)
    assert anna(tmp_path, morning, evening, cutoff_ms=noon_ms) == (1, 3.0, 3.0, 1)
    assert anna(tmp_path, morning, cutoff_ms=noon_ms) == (0, 0.0, 0.0, 1)


def test_what_is_given_back_in_the_horizon_is_subtracted_whenever_it_was_paid(tmp_path: Path) -> None:
    refund = a_touchpoint("anna", "refund", CUTOFF_MS + DAY_MS, 4.0)
    assert anna(tmp_path, EARLIER, refund) == (0, -4.0, 0.0, 1)
    assert anna(tmp_path, EARLIER, buys(CUTOFF_MS, 10.0), refund) == (1, 6.0, 10.0, 1)


def test_asked_about_are_all_with_an_outcome_before_the_cut_off_below_the_gate_too(tmp_path: Path) -> None:
    touchpoints = [
        buys(CUTOFF_MS - 1),  # a single touchpoint, not a day old: the worker would not score it
        a_touchpoint("views", "view", CUTOFF_MS - 50 * DAY_MS),
        a_touchpoint("views", "purchase", CUTOFF_MS + DAY_MS),
        a_touchpoint("later", "purchase", CUTOFF_MS + DAY_MS),
    ]
    found = cut(a_file(tmp_path / "a.jsonl", [*touchpoints, *other_customers()]))
    asked = [found.history.customer_ids[one] for one in found.customer.tolist()]
    assert asked == [b"anna", *(f"other-{index:02}".encode() for index in range(50))]
    assert b"views" in found.history.customer_ids
    assert b"later" not in found.history.customer_ids
    assert found.history.end_ms < CUTOFF_MS


def test_a_repeated_event_counts_once_even_across_the_cut_off(tmp_path: Path) -> None:
    known, again = buys(CUTOFF_MS - DAY_MS, event_id="x"), buys(CUTOFF_MS + DAY_MS, event_id="x")
    assert anna(tmp_path, again, known) == (0, 0.0, 0.0, 1)
    assert anna(tmp_path, EARLIER, again, {**again, "event_time": CUTOFF_MS + 9 * DAY_MS}) == (1, 1.0, 1.0, 1)


def test_who_withdraws_consent_in_the_horizon_is_on_neither_side(tmp_path: Path) -> None:
    withdrawal = a_touchpoint("anna", "view", CUTOFF_MS + DAY_MS, consent={"profiling": False})
    found = cut(a_file(tmp_path / "a.jsonl", [EARLIER, withdrawal, *other_customers()]))
    assert b"anna" not in found.history.customer_ids


def test_what_the_file_held_is_counted(tmp_path: Path) -> None:
    foreign, nonsense = buys(CUTOFF_MS - DAY_MS, 5.0, currency="USD"), {"event_time": "soon", "customer_id": "x"}
    found = cut(a_file(tmp_path / "a.jsonl", [foreign, nonsense, *other_customers()]))
    assert (found.reading.foreign, dict(found.reading.refused), found.touchpoints) == (1, {"missing_field": 1}, 201)


def refusal(path: Path, cutoff_ms: int = CUTOFF_MS, horizon_days: int = 30) -> str:
    with pytest.raises(ConfigError) as refused:
        cut(path, cutoff_ms, horizon_days)
    return str(refused.value)


@pytest.mark.parametrize("day", [10, 200])
def test_a_cut_off_outside_the_data_is_refused(tmp_path: Path, day: int) -> None:
    path = a_file(tmp_path / "a.jsonl", other_customers())
    time = {10: "2021-01-14", 200: "2021-07-23"}[day]
    assert refusal(path, CUTOFF_MS + (day - 100) * DAY_MS) == (
        f"--cutoff {time}T00:00:00.000Z lies outside the data of {path}, 2021-01-14T00:00:00.000Z to "
        "2021-07-22T00:00:00.000Z; choose a time between them"
    )


def test_a_horizon_behind_the_last_day_of_the_data_is_refused_with_the_longest_that_fits(tmp_path: Path) -> None:
    path = a_file(tmp_path / "a.jsonl", other_customers())
    assert refusal(path, horizon_days=101) == (
        f"--horizon-days 101 ends at 2021-07-24T00:00:00.000Z, after the data of {path} (last touchpoint "
        "2021-07-22T00:00:00.000Z): what came would be cut short; at most 100 days fit after this cut-off, more after "
        "an earlier one"
    )
    assert cut(path, horizon_days=100).truth().count.tolist() == [1] * 50


def test_too_few_customers_are_refused(tmp_path: Path) -> None:
    path = a_file(tmp_path / "a.jsonl", other_customers(49))
    assert refusal(path) == (
        "49 customers have an outcome (purchase, renew) before 2021-04-14T00:00:00.000Z, at least 50 needed: fewer say "
        "nothing about the next one; choose a later --cutoff, or give a larger file"
    )


def test_a_horizon_in_which_nobody_buys_is_refused(tmp_path: Path) -> None:
    path = a_file(tmp_path / "a.jsonl", other_customers())
    assert refusal(path, horizon_days=10) == (
        "none of the 50 known customers has an outcome (purchase, renew) in the 10 days from 2021-04-14T00:00:00.000Z "
        "on, so there is nothing to measure; choose another --cutoff or a longer --horizon-days"
    )


def test_a_file_without_touchpoints_is_refused(tmp_path: Path) -> None:
    path = a_file(tmp_path / "a.jsonl", [{"event_time": "soon"}, {"event_time": "late"}])
    assert refusal(path) == f"{path} has no touchpoint (lines refused: missing_field 2); give a file with history"
