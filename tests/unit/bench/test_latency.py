"""What the latency rows make of outputs and their instants, and how the publisher's pace is laid out."""

from __future__ import annotations

import numpy as np
import pytest

from streamseg.core.windows import DAY_MS
from streamseg.datasets.jsonl import records
from streamseg.wire.touchpoint import DecodeLimits, decode
from tests.bench.facts import Leaving
from tests.bench.latency.pace import Pace, Template, templates, touchpoint
from tests.bench.latency.reader import event_ms_of, latencies_ms
from tests.bench.latency.report import PacedResult, as_json, as_text, quantiles
from tests.bench.latency.rows import ROWS, paced_rows_named
from tests.bench.latency.run import Latencies
from tests.bench.limits.copy_loop import copies

BEGIN_MS = 1_700_000_000_000
PACE = Pace(rate=5_000.0, seconds=2.0, begin_ms=BEGIN_MS, new_every=50)
VIEW: Template = (b"c1", b'"type":"view","channel":"web"}', 3)


def found(*ms: float) -> Latencies:
    return Latencies(np.array(ms), 1.5)


def test_the_publisher_spreads_its_touchpoints_evenly_and_never_goes_back() -> None:
    due = np.array([PACE.due_ms(number) for number in range(PACE.touchpoints)])
    assert PACE.touchpoints == 10_000
    assert set(np.unique(due, return_counts=True)[1].tolist()) == {25}
    assert (np.diff(due) >= 0).all()


def test_a_paced_touchpoint_is_one_that_the_worker_takes() -> None:
    _, _, value = touchpoint(7, VIEW, PACE)
    batch = decode(list(records([value])), limits=DecodeLimits(allowed_skew_ms=None)).batch
    assert batch.event_ms.tolist() == [PACE.due_ms(7)]


def test_no_two_paced_touchpoints_have_one_id_and_each_so_many_th_is_of_a_new_customer() -> None:
    sent = [touchpoint(number, VIEW, PACE) for number in range(200)]
    assert len({value for _, _, value in sent}) == 200
    assert [number for number, (_, key, _) in enumerate(sent) if key != b"c1"] == [49, 99, 149, 199]


def test_what_the_load_has_broken_is_not_published_again() -> None:
    assert templates(iter([b"{", b"[]", b'{"customer_id":7}'])) == []


def test_an_output_of_the_warm_up_counts_for_nothing() -> None:
    read = [(b'{"event_time":%d}' % event_ms, 1_100_000_000) for event_ms in (999, 1_000, 1_050)]
    assert latencies_ms(read, 1_000).tolist() == [100.0, 50.0]


def test_what_is_said_of_silence_has_no_touchpoint_to_wait_for() -> None:
    assert latencies_ms([(b'{"event_time":%d}' % (3 * DAY_MS), 4 * DAY_MS * 1_000_000)], 0).tolist() == []


def test_an_output_without_an_event_time_is_named() -> None:
    with pytest.raises(ValueError, match=r"^output b'\{\}' has no event_time; expected one of a touchpoint's millis"):
        event_ms_of(b"{}")


def test_the_copy_loop_passes_on_the_touchpoint_that_an_output_is_said_to_come_from() -> None:
    one = Leaving("churn-alerts", per_touchpoint=0.5, key_bytes=8, value_bytes=4)
    told = [value for _, value in copies(one, before=2, values=[b"c", b"d", b"efghi", b"j"])]
    assert told == [b"c   ", b"efgh"]


def test_few_outputs_tell_no_last_quantile() -> None:
    assert quantiles(found(*range(101))) == {"p50": 50.0, "p99": 99.0, "p999": None}
    assert quantiles(found(*range(1_001)))["p999"] == 999.0


def test_the_ratio_is_that_of_the_worker_at_the_same_pace_and_round() -> None:
    steady, copy, idle = (PacedResult(row) for row in paced_rows_named("steady-worker,steady-copy,idle-worker"))
    steady.add(found(10.0), 5_000)
    steady.add(found(30.0), 5_000)
    idle.add(found(1.0), 3)
    copy.add(found(5.0), 5_000)
    copy.rounds.append(None)
    copy.reason = "it ended with 1"
    report = as_json([steady, copy, idle], {})
    rows = report["rows"]
    assert isinstance(rows, list)
    assert [row["worker_ratio"]["p99"] for row in rows] == [1.0, 2.0, 1.0]
    assert rows[1]["rounds_ms"] == [{"p50": 5.0, "p99": 5.0, "p999": None}, None]
    assert "once without a result: it ended with 1" in as_text([steady, copy, idle])


def test_a_row_that_fell_behind_gives_its_reason_and_no_number() -> None:
    alone = PacedResult(ROWS[0], [None], reason="fell behind by 5 of 10 touchpoints at 5,000/s")
    assert "steady-worker  can't be measured: fell behind by 5 of 10 touchpoints at 5,000/s" in as_text([alone])
