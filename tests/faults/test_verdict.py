"""The oracle of the fault tests sees each kind of fault, and calls it by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.verdict import Leaving, Verdict, compare, leaving, replayed, returned


def output(id: str, *, key: str = "c1", score: float = 0.5, processed: str = "then") -> Leaving:
    value: dict[str, Any] = {"event_id": id, "score": score, "processed_time": processed}
    return leaving("segment-changes", key, value)


REPLAY = [output("a"), output("b"), leaving("customer-profiles", "c1", None)]


def counts(verdict: Verdict) -> tuple[int, int, int, int]:
    return verdict.lost, verdict.doubled, verdict.wrong, verdict.disordered


@pytest.mark.parametrize(
    ("found", "lost_doubled_wrong_disordered"),
    [
        ([output("a", processed="now"), *REPLAY[1:]], (0, 0, 0, 0)),
        (REPLAY[1:], (1, 0, 0, 0)),
        (REPLAY[:2], (1, 0, 0, 0)),
        ([*REPLAY, REPLAY[0]], (0, 1, 0, 0)),
        ([*REPLAY, REPLAY[2]], (0, 1, 0, 0)),
        ([output("a", score=0.6), *REPLAY[1:]], (0, 0, 1, 0)),
        ([*REPLAY, output("never")], (0, 0, 1, 0)),
        ([*REPLAY, output("a", score=0.6)], (0, 0, 1, 0)),
        ([REPLAY[1], REPLAY[0], REPLAY[2]], (0, 0, 0, 1)),
        ([output("b"), output("b"), output("c")], (2, 1, 1, 0)),
        ([], (3, 0, 0, 0)),
    ],
    ids=[
        "the same, processed later",
        "one lost",
        "a lost tombstone",
        "one doubled",
        "a doubled tombstone",
        "one says something else",
        "one that nobody expected",
        "doubled with other words",
        "another order",
        "all at once",
        "nothing at all",
    ],
)
def test_each_fault_is_counted_under_its_own_name(
    found: list[Leaving], lost_doubled_wrong_disordered: tuple[int, int, int, int]
) -> None:
    verdict = compare(REPLAY, found)
    assert counts(verdict) == lost_doubled_wrong_disordered
    assert verdict.is_exactly_once == (lost_doubled_wrong_disordered == (0, 0, 0, 0))


def test_what_left_as_it_came_is_compared_by_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "replay.jsonl"
    file.write_text(
        '{"topic":"dead-letters","key":"c1","value":"{not JSON","headers":[]}\n'
        '{"topic":"dead-letters","key":{"base64":"/w=="},"value":{"base64":"/w=="},"headers":[]}\n'
        '{"topic":"late-touchpoints","key":"c1","value":{"event_id":"a","amount":1.5},"headers":[]}\n'
    )
    came = [
        returned("dead-letters", b"c1", b"{not JSON"),
        returned("dead-letters", b"\xff", b"\xff"),
        returned("late-touchpoints", b"c1", b'{"event_id":"a","amount":1.50}'),
    ]
    assert compare(replayed(file), came).is_exactly_once
    assert compare(replayed(file), came[1:]).lost == 1
    assert compare(replayed(file), [came[0], *came]).doubled == 1
