"""The shop of any size that growth is measured on, and what is made of the measurements."""

from __future__ import annotations

import re

import pytest

from streamseg.kafka.partitioner import partition_of
from streamseg.partition_row import PARTITION_KEY, PartitionRow, Position, read_partition_row
from tests.bench.growth.measures import MEASURES, measures_named
from tests.bench.growth.report import Found, as_json, as_text
from tests.bench.growth.shop import SIMULATED, Settled, next_lines
from tests.faults.cluster import PARTITIONS

STATE = PartitionRow(Position(0, "", PARTITIONS), 7, 7, "m", [], [7, 0])
CUSTOMER = re.compile(rb'"customer_id":"c(\d+)"')


def customers_of(lines: list[bytes]) -> list[int]:
    return [int(found[1]) for line in lines if (found := CUSTOMER.search(line))]


def test_a_larger_shop_holds_every_customer_again_with_the_same_state_on_the_right_partition() -> None:
    settled = Settled({b"cc3": b"life", b"w\0\0\0\0\0\0\0\x07c3": b"windows"}, STATE)
    shares = settled.shares(2 * SIMULATED + 4, Position(5, "id", PARTITIONS))
    held = {}
    for partition, block in enumerate(shares):
        rows = {row.key or b"": row.value for row in block}
        assert read_partition_row(rows.pop(PARTITION_KEY) or b"").position == Position(5, "id", PARTITIONS)
        for key, value in rows.items():
            customer_id = key.removeprefix(b"w\0\0\0\0\0\0\0\x07") if key[:1] == b"w" else key[1:]
            assert partition_of(customer_id, PARTITIONS) == partition
            held[key[:1], customer_id] = value
    who = [b"c3", b"c10003", b"c20003"]
    assert held == {(b"c", one): b"life" for one in who} | {(b"w", one): b"windows" for one in who}


@pytest.mark.parametrize("spread", [False, True])
def test_what_comes_next_is_the_same_for_every_size_but_for_who_comes(spread: bool) -> None:
    small, large = (list(next_lines(5_000, size, spread=spread)) for size in (SIMULATED, 3 * SIMULATED))
    assert [CUSTOMER.sub(b"", line) for line in small] == [CUSTOMER.sub(b"", line) for line in large]
    assert [one % SIMULATED for one in customers_of(large)] == customers_of(small)
    more = len(set(customers_of(large))) - len(set(customers_of(small)))
    assert more > 0 if spread else more == 0


def test_ratios_are_against_the_reference_of_the_same_round() -> None:
    found = Found(MEASURES[0], {1_000: [50.0, None, 30.0], 10_000: [100.0, 100.0, 20.0]})
    assert found.ratios(1_000) == [0.5, 1.5]


def test_a_setting_without_a_result_gives_the_reason_and_no_number() -> None:
    found = Found(MEASURES[0], {1_000: [None], 10_000: [20.0]}, "it ended with 1")
    assert "can't be measured: it ended with 1" in as_text([found])
    measures = as_json([found], {})["measures"]
    assert isinstance(measures, list)
    (described,) = measures
    assert [(one["median"], one["median_ratio"]) for one in described["settings"]] == [(None, None), (20.0, 1.0)]


def test_an_unknown_measure_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"^no measure memry; expected some of customers, spread, "):
        measures_named("memry")
