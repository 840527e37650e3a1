from __future__ import annotations

import asyncio
from collections import Counter
from io import StringIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from rich.console import Console

from streamseg.demo.feed import LARGEST_LAG, Feed
from streamseg.demo.screen import View, drawn, numbers
from streamseg.demo.tally import Tally
from streamseg.demo.validity import checker, problem, refuse_unknown_keywords
from streamseg.demo.worker_process import Said
from streamseg.errors import InvariantError
from streamseg.ops.metrics import Metrics
from streamseg.wire.schema import MESSAGES, json_schema

AN_ALERT: dict[str, Any] = {
    "event_id": "0" * 32,
    "kind": "churn_alert",
    "customer_id": "17850",
    "segment": "at_risk/regular",
    "previous_segment": "cooling/regular",
    "score": 0.81,
    "threshold": 0.75,
    "horizon_days": 90,
    "reasons": [
        {
            "name": "silence",
            "direction": "raises",
            "contribution": 0.2,
            "words": "silent for 41 days",
            "from_time": None,
            "until_time": None,
        }
    ],
    "model_version": "b6fffde45ecb",
    "event_time": "2011-10-17T00:00:00.000Z",
    "processed_time": "2011-10-17T00:00:00.000Z",
    "valid_until": "2012-01-15T00:00:00.000Z",
    "origin": "live",
    "holdout": False,
}


def test_a_valid_output_has_no_problem() -> None:
    assert checker()("churn-alerts", AN_ALERT) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"score": 1.5}, "score is 1.5; expected 0 to 1"),
        ({"kind": "entered"}, "kind is 'entered'; expected one of ['churn_alert']"),
        ({"holdout": 1}, "holdout is 1; expected boolean"),
        ({"horizon_days": 90.5}, "horizon_days is 90.5; expected integer"),
        ({"event_id": "ab"}, "event_id is 'ab'; expected ^[0-9a-f]{32}$"),
        ({"customer_id": ""}, "customer_id has 0 characters"),
        ({"reasons": [{"name": "x"}]}, "reasons[0].direction is missing"),
    ],
)
def test_what_is_wrong_is_said_in_words(change: dict[str, Any], words: str) -> None:
    assert checker()("churn-alerts", AN_ALERT | change) == words


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 200) | st.floats(-1, 2) | st.sampled_from(["", "live", "0" * 32]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(list(AN_ALERT)), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("message", MESSAGES[1:], ids=lambda message: message.name)
@given(name=st.sampled_from(list(AN_ALERT)), value=VALUES)
def test_the_light_checker_agrees_with_a_full_validator(message: Any, name: str, value: Any) -> None:
    schema, output = json_schema(message), AN_ALERT | {name: value}
    assert (problem(schema, output, "") is None) == Draft202012Validator(schema).is_valid(output)


def test_a_keyword_that_the_light_checker_does_not_read_is_refused() -> None:
    with pytest.raises(InvariantError, match="'multipleOf' is not read here"):
        refuse_unknown_keywords({"properties": {"x": {"multipleOf": 2}}})


def test_the_tally_knows_who_is_where() -> None:
    tally = Tally(problem_of=lambda topic, output: None)
    change = AN_ALERT | {"kind": "entered", "segment": "new", "previous_segment": None}
    tally.take("segment-changes", change)
    tally.take("segment-changes", change | {"kind": "changed", "segment": "active/a", "previous_segment": "new"})
    tally.take("segment-changes", change | {"customer_id": "2"})
    tally.take("segment-changes", change | {"customer_id": "2", "kind": "exited", "segment": None})
    tally.take("customer-profiles", None)
    assert (dict(tally.sizes), tally.changes, tally.alerts) == ({"active/a": 1}, 4, 0)


def test_an_alert_is_told_with_its_reason_in_words() -> None:
    tally = Tally(problem_of=checker())
    tally.take("churn-alerts", AN_ALERT)
    assert [*tally.last_alerts] == [
        "2011-10-17  customer 17850 may be lost: risk 81% within 90 days: silent for 41 days"
    ]


def test_an_invalid_output_is_counted_and_shown_not_tallied() -> None:
    tally = Tally(problem_of=checker())
    tally.take("churn-alerts", AN_ALERT | {"score": 7})
    assert (tally.alerts, tally.invalid) == (0, 1)
    assert str(tally.first_problem).startswith("churn-alerts: score is 7; expected 0 to 1: {")


def test_the_feed_does_not_run_far_ahead_of_the_worker() -> None:
    received = 0
    feed = Feed(np.arange(20_000, dtype=np.int64), seconds=0.001, received=lambda: received)

    async def admitted() -> tuple[bool, bool]:
        nonlocal received
        waiting = asyncio.create_task(feed.admit(LARGEST_LAG))
        done, _ = await asyncio.wait({waiting}, timeout=0.2)
        before = bool(done)
        received = 1
        await waiting
        return before, waiting.done()

    assert asyncio.run(admitted()) == (False, True)


def test_what_the_worker_says_is_read_from_its_metrics_page() -> None:
    metrics = Metrics()
    metrics.counted(received=10, scored=6, dead_lettered={"not_json": 1, "oversize": 2})
    metrics.changed("entered", 2)
    metrics.stands(0, event_lag_s=1.0, input_lag=0, sweep_backlog=4)
    metrics.stands(1, event_lag_s=1.0, input_lag=0, sweep_backlog=3)
    metrics.delivered(np.array([0.02] * 99 + [0.9]))
    said = Said.read(metrics.render().decode())
    assert (said.received, said.scored, said.dead_letters, said.changes, said.backlog) == (10, 6, 3, 2, 7)
    assert said.latency_ms(0.5) <= 25 < 500 < said.latency_ms(0.999) <= 1_000


def test_the_picture_holds_the_figures_the_segments_and_the_reasons() -> None:
    view = View(
        day="2011-10-17",
        speed=1.7,
        share=0.5,
        received=1_000,
        scored=900,
        rate=250.0,
        lag=3,
        latency_ms=(12.0, 80.0),
        changes=40,
        alerts=5,
        dead_letters=0,
        sizes=Counter({"at_risk/regular": 12, "new": 3}),
        last_alerts=("customer 17850 may be lost",),
    )
    console = Console(width=110, record=True, file=StringIO())
    console.print(drawn(view))
    text = console.export_text()
    assert numbers(view)[:40] in text
    assert all(part in text for part in ("at_risk/regular", "customer 17850 may be lost", "50% of the stream"))
