"""Online Retail as touchpoints: the facts of the source hold, and a worker accepts every line."""

from __future__ import annotations

from collections import Counter
from importlib import resources
from typing import Any

import orjson
import pytest

from streamseg.datasets import jsonl, online_retail
from streamseg.wire.touchpoint import DecodeLimits, decode


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return list(online_retail.lines())


@pytest.fixture(scope="module")
def touchpoints(lines: list[bytes]) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in lines]


def test_every_line_of_every_named_customer_is_told_once(touchpoints: list[dict[str, Any]]) -> None:
    assert len(touchpoints) == len({touchpoint["event_id"] for touchpoint in touchpoints}) == 406_829
    assert len({touchpoint["customer_id"] for touchpoint in touchpoints}) == 4_372


def test_purchases_cancellations_and_gifts_are_told_apart(touchpoints: list[dict[str, Any]]) -> None:
    assert Counter(touchpoint["type"] for touchpoint in touchpoints) == {
        "purchase": 397_884,
        "cancel": 8_905,
        "other": 40,
    }
    assert all(touchpoint["amount"] > 0 for touchpoint in touchpoints if touchpoint["type"] != "other")
    assert all(touchpoint["amount"] == 0 for touchpoint in touchpoints if touchpoint["type"] == "other")


def test_the_lines_come_in_the_order_of_time(touchpoints: list[dict[str, Any]]) -> None:
    times = [touchpoint["event_time"] for touchpoint in touchpoints]
    assert times == sorted(times)
    assert (times[0], times[-1]) == ("2010-12-01T08:26:00Z", "2011-12-09T12:50:00Z")


def test_an_amount_is_pieces_times_price_to_the_penny(touchpoints: list[dict[str, Any]]) -> None:
    first = touchpoints[0]
    assert (first["product_id"], first["quantity"], first["amount"]) == ("85123A", 6, 15.3)
    huge = next(touchpoint for touchpoint in touchpoints if touchpoint["event_id"] == "C581484-1")
    assert (huge["type"], huge["quantity"], huge["amount"]) == ("cancel", 80_995, 168_469.6)
    # What the source's authors' readers know: 8.3 million pounds net of cancellations.
    net = sum(t["amount"] if t["type"] == "purchase" else -t["amount"] for t in touchpoints)
    assert round(net, 2) == 8_300_065.81


def test_decoding_refuses_none_of_them(lines: list[bytes]) -> None:
    sample = [*lines[::40], *(line for line in lines if b'"type":"other"' in line)]
    decoded = decode(list(jsonl.records(sample)), limits=DecodeLimits())
    assert (decoded.rejected, decoded.unknown_types, decoded.foreign_currency) == ([], Counter(), 0)
    assert len(decoded.batch) == len(sample)


def test_source_and_licence_lie_beside_the_data() -> None:
    text = resources.files("streamseg.datasets").joinpath("data", "ONLINE_RETAIL.md").read_text("utf-8")
    assert "CC BY 4.0" in text
    assert "Daqing Chen" in text
    assert online_retail.SHA256 in text
