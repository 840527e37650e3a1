"""What the bench makes of commits, and what it says of a row that can't be measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.report import Result, as_json, as_text
from tests.bench.rows import ROWS, rows_named
from tests.bench.running import CannotRun, last_words, rate_of

WORKER, BARE = ROWS[:2]


def test_the_warm_up_is_left_out() -> None:
    assert rate_of([(0.0, 0), (50.0, 10), (51.0, 60)], 100) == 50.0


def test_a_contender_that_waits_with_its_last_commit_is_not_slower_for_it() -> None:
    assert rate_of([(0.0, 0), (1.0, 10), (2.0, 90), (60.0, 100)], 100) == 80.0


def test_a_slow_row_is_measured_up_to_where_it_came() -> None:
    assert rate_of([(0.0, 0), (1.0, 10), (2.0, 12), (3.0, 14)], 100) == 2.0


@pytest.mark.parametrize("commits", [[(1.0, 100)], [(1.0, 60), (2.0, 100)]])
def test_one_commit_before_the_last_is_too_few(commits: list[tuple[float, int]]) -> None:
    with pytest.raises(CannotRun, match=r"^committed too rarely to be measured; give it more touchpoints$"):
        rate_of([(0.0, 0), *commits], 100)


def test_an_unknown_row_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"^no row wrker; expected some of worker, bare, "):
        rows_named("wrker,bare")


def test_no_names_are_all_rows() -> None:
    assert rows_named("") == ROWS


def test_a_round_without_a_rate_counts_for_no_ratio() -> None:
    worker, bare = Result(WORKER, [50.0, None, 30.0]), Result(BARE, [100.0, 100.0, 100.0])
    assert bare.ratios(worker) == [0.5, 0.3]


def test_a_row_that_never_ran_gives_its_reason_and_no_number() -> None:
    found = as_json([Result(WORKER, [None], "it ended with 1")], "worker", {})
    assert found["rows"] == [
        {
            "name": "worker",
            "kind": "worker",
            "label": "streamseg worker",
            "versions": {},
            "per_s": [None],
            "median_per_s": None,
            "ratios": [],
            "median_ratio": None,
            "reason": "it ended with 1",
        }
    ]
    assert "can't be measured: it ended with 1" in as_text([Result(WORKER, [None], "it ended with 1")], "worker")


def test_the_reason_is_the_last_line_that_says_something(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\nValueError: two\n\n")
    assert last_words(log) == "ValueError: two"
