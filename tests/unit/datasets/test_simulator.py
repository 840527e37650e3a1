"""The simulated shop: one seed tells one story, trouble is made to measure, and the truth holds in the lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest

from streamseg.datasets import jsonl
from streamseg.datasets.simulator import DAY_MS, KINDS, Options, simulate
from streamseg.errors import ConfigError
from streamseg.wire.touchpoint import DecodeLimits, decode

CALM = Options(seed=5, customers=300, events=30_000, withdraw_share=0.1)
TROUBLED = replace(CALM, out_of_order_share=0.05, too_late_share=0.02, duplicate_share=0.03, bad_share=0.04)


def touchpoints(options: Options) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in simulate(options).lines()]


def test_the_same_options_give_the_same_bytes_and_another_seed_does_not() -> None:
    first, again, other = (b"".join(simulate(o).lines()) for o in (TROUBLED, TROUBLED, replace(TROUBLED, seed=6)))
    assert first == again
    assert first != other


def test_a_calm_shop_is_accepted_whole_in_the_order_of_time_with_every_customer() -> None:
    records = list(jsonl.records(simulate(CALM).lines()))
    decoded = decode(records, limits=DecodeLimits())
    assert (decoded.rejected, decoded.unknown_types, len(decoded.batch)) == ([], Counter(), 30_000)
    assert bool(np.all(np.diff(decoded.batch.event_ms) >= 0))
    assert len(set(decoded.batch.customer_id)) == 300
    assert len(set(decoded.batch.event_id)) == 30_000


def test_trouble_is_made_to_measure() -> None:
    shop = simulate(TROUBLED)
    records = list(jsonl.records(shop.lines()))
    decoded = decode(records, limits=DecodeLimits())
    assert len(records) == 30_000
    assert len(decoded.rejected) == shop.bad == 1_200
    assert {refused.reason for refused in decoded.rejected} == {
        "bad_json",
        "missing_field",
        "not_finite",
        "bad_utf8",
        "wrong_type",
    }
    assert len(decoded.batch) - len(set(decoded.batch.event_id)) == shop.duplicates == 900
    watermark_ms = np.maximum.accumulate(decoded.batch.event_ms)
    lateness_ms = watermark_ms - decoded.batch.event_ms
    assert int((lateness_ms > DAY_MS).sum()) == shop.too_late == 600
    # Of those that come late within the day, hardly any finds the partition so quiet that it is in order after all.
    in_time = int(((lateness_ms > 0) & (lateness_ms <= DAY_MS)).sum())
    assert shop.out_of_order == 1_500
    assert 1_400 <= in_time <= 1_500 + shop.duplicates


def test_a_repeat_comes_after_its_original_and_is_the_same_bytes() -> None:
    lines = list(simulate(replace(CALM, duplicate_share=0.05)).lines())
    assert len(lines) - len(set(lines)) == 1_500


def test_nobody_is_heard_of_before_birth_or_after_churn() -> None:
    shop = simulate(CALM)
    people, touches = shop.people, shop.touches
    assert bool(np.all(touches.event_ms >= people.born_ms[touches.customer]))
    assert bool(np.all(touches.event_ms < people.active_until_ms[touches.customer]))
    assert int((people.churn_ms >= 0).sum()) == 60


def test_the_kinds_of_customers_behave_as_they_are_called() -> None:
    shop = simulate(CALM)
    kind = shop.people.kind
    told = [orjson.loads(line) for line in shop.lines()]
    bought = Counter(int(kind[int(t["customer_id"][1:])]) for t in told if t["type"] == "purchase")
    seen = Counter(int(kind[int(t["customer_id"][1:])]) for t in told)
    share = {name: bought[code] / seen[code] for code, name in enumerate(KINDS)}
    assert share["browser"] < 0.01 < 0.1 < min(share["loyal"], share["churner"], share["seasonal"])
    months = {
        int(np.datetime64(t["event_time"], "ms").astype("datetime64[M]").astype(int)) % 12 + 1
        for t in told
        if KINDS[kind[int(t["customer_id"][1:])]] == "seasonal" and t["type"] == "purchase"
    }
    assert months == {5, 11, 12}


def test_consent_is_withdrawn_and_given_again_when_the_truth_says_so() -> None:
    shop = simulate(CALM)
    said = {(t["customer_id"], t["event_time"]): t["consent"]["profiling"] for t in touchpoints(CALM) if "consent" in t}
    people = shop.people
    withdrawn = {(f"c{i}", int(ms)): False for i, ms in enumerate(people.withdrawn_ms) if ms >= 0}
    restored = {(f"c{i}", int(ms)): True for i, ms in enumerate(people.restored_ms) if ms >= 0}
    assert (len(withdrawn), len(restored)) == (30, 15)
    assert said == withdrawn | restored


def test_who_changes_in_mid_stream_looks_on_and_buys_no_more_and_nothing_else_is_another() -> None:
    change = replace(CALM, change_day=200, change_share=0.4)
    before, after = touchpoints(CALM), touchpoints(change)
    at_ms = CALM.start_ms + 200 * DAY_MS
    changed = simulate(change).people.changed_ms == at_ms
    assert int(changed.sum()) == 120
    moved = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert len(moved) > 1_000
    for old, new in moved:
        assert changed[int(new["customer_id"][1:])]
        assert new["event_time"] >= at_ms
        assert old["type"] in ("cart_add", "checkout", "purchase", "review")
        assert new["type"] in ("view", "search", "store_visit")
    assert not any(
        t["type"] == "purchase" and t["event_time"] >= at_ms and changed[int(t["customer_id"][1:])] for t in after
    )


def test_few_customers_are_busy_and_many_are_not() -> None:
    counts = np.sort(np.bincount(simulate(CALM).touches.customer))[::-1]
    assert counts[:30].sum() > 0.25 * counts.sum()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (replace(CALM, bad_share=1.5), "bad_share is 1.5; expected 0 to 1, for example 0.01"),
        (replace(CALM, days=7), "days is 7; expected 28 to 3,650, for example 364"),
        (replace(CALM, change_day=400), "change_day is 400; expected 0 to days (364)"),
        (replace(CALM, events=10), "10 events for 300 customers; expected at least 1 customer and 2 events each"),
        (
            replace(CALM, bad_share=0.5, too_late_share=0.5),
            "the shares of trouble add up to 1; expected at most 0.9",
        ),
    ],
)
def test_options_out_of_range_are_refused_word_for_word(options: Options, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        simulate(options)
    assert str(refused.value) == message
