"""Batches grow while they are scored quickly, and shrink when one would hold up the others."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from streamseg.kafka.fetch import Fetch
from streamseg.kafka.intake import FIRST_RECORDS, LEAST_RECORDS, QUICK_S, SLOW_S, Intake, Turns

HERE = TopicPartition("touchpoints", 0)


def intake(max_records: int = 8_000) -> Intake:
    # No record is read here: only the size of the next batch is looked at.
    nobody = cast(Any, None)
    fetch = Fetch(nobody, HERE, check_crcs=True, wait_ms=500)
    return Intake(nobody, fetch, max_records=max_records, flush_deadline_ms=50, turns=Turns())


def test_full_batches_that_are_quick_are_followed_by_larger_ones_up_to_the_limit() -> None:
    sizes, reads = [], intake()
    for _ in range(5):
        sizes.append(reads.limit)
        reads.adapt(reads.limit, QUICK_S / 2)
    assert sizes == [FIRST_RECORDS, 2_000, 4_000, 8_000, 8_000]


def test_a_batch_that_was_not_full_says_nothing_about_larger_ones() -> None:
    reads = intake()
    reads.adapt(FIRST_RECORDS - 1, 0.0)
    assert reads.limit == FIRST_RECORDS


def test_a_slow_batch_is_followed_by_smaller_ones_but_never_by_none() -> None:
    reads = intake()
    for _ in range(20):
        reads.adapt(reads.limit, 2 * SLOW_S)
    assert reads.limit == LEAST_RECORDS


def test_the_limit_of_the_settings_holds_below_every_other() -> None:
    reads = intake(max_records=7)
    reads.adapt(7, 2 * SLOW_S)
    assert reads.limit == 7


def test_small_batches_of_all_partitions_take_turns_and_after_a_rest_nobody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> list[float]:
        clock, waits, turns = iter((100.0, 100.0, 100.25, 103.0)), list[float](), Turns(apart_s=0.5)

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        with monkeypatch.context() as patched:
            patched.setattr(asyncio.get_running_loop(), "time", lambda: next(clock))
            patched.setattr(asyncio, "sleep", sleep)
            for _ in range(4):
                await turns.come()
        return waits

    assert asyncio.run(story()) == [0.0, 0.5, 0.75, 0.0]
