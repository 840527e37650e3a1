"""Replay: the journey over a file gives the same lines however the file is cut, and each partition has its clock."""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamseg.datasets import jsonl
from streamseg.datasets.jsonl import FileRecord
from streamseg.datasets.simulator import Options, simulate
from streamseg.errors import ConfigError
from streamseg.kafka.partitioner import partition_of
from streamseg.pipeline import Rules
from streamseg.replay import Replayed, replay
from tests.oracle.fake_scorer import FakeScorer

SHOP = Options(
    seed=11,
    customers=40,
    events=2_000,
    withdraw_share=0.1,
    out_of_order_share=0.05,
    too_late_share=0.02,
    duplicate_share=0.02,
    bad_share=0.03,
)
RULES = Rules()
DAY = 86_400_000
MONDAY_MS = 1_704_067_200_000


@pytest.fixture(scope="module")
def records() -> list[FileRecord]:
    return list(jsonl.records(simulate(SHOP).lines()))


Ran = tuple[Replayed, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def ran(records: list[FileRecord], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(records, tmp_path_factory.mktemp("replay"))


def run(records: list[FileRecord], folder: Path, *, chunk: int = 512, partitions: int = 1) -> Ran:
    output = folder / f"out-{chunk}-{partitions}.jsonl"
    done = replay(jsonl.chunked(records, chunk), output, rules=RULES, scorer=FakeScorer(), partitions=partitions)
    return done, [orjson.loads(line) for line in output.read_bytes().splitlines()]


def as_multiset(lines: list[dict[str, Any]]) -> Counter[bytes]:
    return Counter(orjson.dumps(line) for line in lines)


def touch(number: int, customer: str, type_: str, event_ms: int) -> bytes:
    return orjson.dumps({"event_id": f"t{number}", "customer_id": customer, "type": type_, "event_time": event_ms})


def test_the_same_file_gives_the_same_bytes(records: list[FileRecord], tmp_path: Path) -> None:
    paths = [tmp_path / "first.jsonl", tmp_path / "second.jsonl"]
    for path in paths:
        replay(jsonl.chunked(records[:800], 512), path, rules=RULES, scorer=FakeScorer(), partitions=2)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("partitions", [1, 3])
def test_the_lines_do_not_depend_on_the_size_of_the_chunks(
    records: list[FileRecord], tmp_path: Path, partitions: int
) -> None:
    _, whole = run(records, tmp_path, chunk=len(records), partitions=partitions)
    _, cut = run(records, tmp_path, chunk=61, partitions=partitions)
    assert as_multiset(cut) == as_multiset(whole)


def test_partitions_split_customers_as_kafka_does_and_keep_a_clock_each(
    records: list[FileRecord], tmp_path: Path
) -> None:
    _, together = run(records, tmp_path, partitions=2)
    apart: list[dict[str, Any]] = []
    for partition in range(2):
        mine = [record for record in records if partition_of(record.key, 2) == partition]
        own = [record._replace(offset=offset) for offset, record in enumerate(mine)]
        (tmp_path / str(partition)).mkdir()
        _, lines = run(own, tmp_path / str(partition))
        for line in lines:
            for header in line.get("headers", ()):
                header[1] = str(partition) if header[0] == "streamseg-partition" else header[1]
        apart += lines
    assert as_multiset(together) == as_multiset(apart)


def test_every_line_of_the_input_counts_once(ran: Ran) -> None:
    done, lines = ran
    counts = done.counts
    refused = sum(counts.dead_lettered.values())
    assert counts.received == SHOP.events
    assert counts.received == refused + counts.duplicate + counts.too_late + counts.suppressed + counts.scored
    assert refused == 60
    assert counts.duplicate == 40
    assert done.topics == Counter(line["topic"] for line in lines)
    assert done.topics["dead-letters"] == refused
    assert done.topics["late-touchpoints"] == counts.too_late > 0
    assert counts.swept > 0


def test_outputs_carry_their_event_time_as_processed_time(ran: Ran) -> None:
    _, lines = ran
    told = [
        line["value"] for line in lines if line["topic"] in ("segment-changes", "churn-alerts", "customer-profiles")
    ]
    assert any(value is None for value in told)
    assert all(value["processed_time"] == value["event_time"] for value in told if value is not None)
    assert all(line["key"] == line["value"]["customer_id"] for line in lines if line["topic"] == "churn-alerts")


def test_dead_letters_keep_their_bytes_with_reason_and_place(records: list[FileRecord], ran: Ran) -> None:
    _, lines = ran
    letters = [line for line in lines if line["topic"] == "dead-letters"]
    seen = Counter[str]()
    for letter in letters:
        headers = dict(letter["headers"])
        original = records[int(headers["streamseg-offset"])]
        value = letter["value"]
        assert (value.encode() if isinstance(value, str) else b64decode(value["base64"])) == original.value
        assert letter["key"].encode() == original.key
        seen[headers["streamseg-reason"]] += 1
    assert set(seen) == {"bad_json", "missing_field", "not_finite", "bad_utf8", "wrong_type"}


def test_silence_is_swept_though_the_silent_customer_says_nothing_more(tmp_path: Path) -> None:
    lines = [touch(day, "quiet", "purchase", MONDAY_MS + day * DAY) for day in range(0, 28, 4)]
    lines += [touch(1_000 + day, "busy", "view", MONDAY_MS + day * DAY) for day in range(28, 200)]
    _, told = run(list(jsonl.records(lines)), tmp_path)
    alerts = [line["value"] for line in told if line["topic"] == "churn-alerts" and line["key"] == "quiet"]
    assert len(alerts) == 1
    # Nobody spoke at that instant: it is a boundary of windows, a Monday at midnight.
    assert alerts[0]["event_time"].endswith("T00:00:00.000Z")


def test_the_end_of_the_input_closes_no_window(tmp_path: Path) -> None:
    lines = [touch(day, "quiet", "purchase", MONDAY_MS + day * DAY) for day in range(0, 28, 4)]
    _, told = run(list(jsonl.records(lines)), tmp_path)
    assert max(line["value"]["event_time"] for line in told) <= "2024-01-25T00:00:00.000Z"
    assert "churn-alerts" not in {line["topic"] for line in told}


def test_progress_is_told_and_reaches_the_number_of_records(records: list[FileRecord], tmp_path: Path) -> None:
    seen: list[int] = []
    chunks = jsonl.chunked(records, 1_000)
    replay(chunks, tmp_path / "out.jsonl", rules=RULES, scorer=FakeScorer(), progress=seen.append)
    assert seen == [1_000, 2_000]


def test_an_output_that_cannot_be_written_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't write .*out\.jsonl: No such file .*; choose a place"):
        replay([], tmp_path / "nowhere" / "out.jsonl", rules=RULES, scorer=FakeScorer())


def test_an_input_that_is_damaged_leaves_no_output(tmp_path: Path) -> None:
    damaged = tmp_path / "in.jsonl.gz"
    jsonl.write(damaged, simulate(SHOP).lines())
    damaged.write_bytes(damaged.read_bytes()[:10_000])
    with pytest.raises(ConfigError, match=r"in\.jsonl\.gz is damaged after line"):
        replay(jsonl.read(damaged), tmp_path / "out.jsonl", rules=RULES, scorer=FakeScorer())
    assert list(tmp_path.iterdir()) == [damaged]
