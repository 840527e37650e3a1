"""The report for people, word for word, and for programs: stable keys, finite numbers."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import orjson
import pytest

from streamseg.backtest.figures import COMPARED, METRICS, best_classical
from streamseg.backtest.report import Report, show
from streamseg.errors import InvariantError
from streamseg.model.bootstrap import Interval
from streamseg.model.segment_report import SegmentReport, Worth

FIGURES = {
    "past_rate": dict(zip(METRICS, (0.997, 1.626, -24.4, 0.733, 0.2153, 0.616, 0.106, 0.643, 0.777), strict=True)),
    "lstm": dict(zip(METRICS, (0.961, 1.508, -11.9, 0.741, 0.2086, 0.599, 0.060, 0.666, 0.766), strict=True)),
}


SECTIONS: dict[str, dict[str, Any]] = {
    "gate": {
        "serves": "lstm",
        "reasons": [
            "log loss 0.5990 is within 0.6180 (past_rate)",
            "high end of the AUC deficit 0.0021 is within 0.0100 (past_rate)",
        ],
    },
    "segments": asdict(
        SegmentReport(
            k=6,
            names=("steady", "often", "big", "rare", "leaving", "new"),
            sizes=(1_200, 300, 17, 800, 700, 300),
            behaviours=Worth(ari=0.912, eta2=0.304),
            rfm=Worth(ari=0.655, eta2=0.231),
        )
    ),
    "next_touchpoint": {
        "customers": 1951.0,
        "accuracy": 0.912,
        "log_loss": 0.301,
        "usual_accuracy": 0.884,
        "usual_log_loss": 0.355,
    },
}


def a_report() -> Report:
    differences = {name: FIGURES["lstm"][name] - FIGURES["past_rate"][name] for name in COMPARED}
    found = {name: Interval(value, value - 0.01, value + 0.01) for name, value in differences.items()}
    return Report(
        data={"customers": 3317, "history_days": 273.6, "share_returning": 0.588, "mean_count": 1.449},
        contenders=FIGURES,
        served="lstm",
        absent={"lightgbm": "not installed"},
        intervals={"past_rate": found},
        best_classical=best_classical(FIGURES),
        remarks=["3 lines are no touchpoints: bad_json"],
        command={"cutoff": "2011-09-01T00:00:00.000Z", "horizon_days": 100},
        sections=SECTIONS,
    )


TEXT = """\
3,317 customers with an outcome before 2011-09-01T00:00:00.000Z, known for up to 274 days; in the 100 days from then \
on 58.8% of them have another, 1.449 outcome days on average

contender      MAE   RMSE  bias %    AUC   Brier  log loss     ECE   Gini    net
  past_rate  0.997  1.626   -24.4  0.733  0.2153    0.6160  0.1060  0.643  0.777
* lstm       0.961  1.508   -11.9  0.741  0.2086    0.5990  0.0600  0.666  0.766
  lightgbm: not installed
* is what would be served

lstm minus the best classical contender, 95% of 1,000 resamples of customers:
  MAE                  -0.0360  [-0.0460, -0.0260]  better than past_rate
  RMSE                 -0.1180  [-0.1280, -0.1080]  better than past_rate
  AUC                  +0.0080  [-0.0020, +0.0180]  level with past_rate
  Brier                -0.0067  [-0.0167, +0.0033]  level with past_rate
  log loss             -0.0170  [-0.0270, -0.0070]  better than past_rate
  ECE                  -0.0460  [-0.0560, -0.0360]  better than past_rate
  Gini of gross spend  +0.0230  [+0.0130, +0.0330]  better than past_rate
  Gini of net spend    -0.0110  [-0.0210, -0.0010]  worse than past_rate

the gate serves lstm:
  log loss 0.5990 is within 0.6180 (past_rate)
  high end of the AUC deficit 0.0021 is within 0.0100 (past_rate)

6 segments: stability (ARI), share of the variance of log(1 + outcome days) explained
  behaviours  0.912  0.304
  rfm         0.655  0.231

type of the next touchpoint of the 1,951 who came again: foreseen 91.2% (the most usual one 88.4%), log loss 0.301 (by \
how often each comes 0.355)

note: 3 lines are no touchpoints: bad_json
"""


def test_the_report_for_people_says_who_is_served_and_how_much_better_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show(a_report(), terminal=False)
    assert capsys.readouterr().out == TEXT


def test_a_terminal_that_is_too_narrow_for_the_table_gets_it_as_text_with_no_number_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    show(a_report(), terminal=True)
    assert capsys.readouterr().out == TEXT
    monkeypatch.setenv("COLUMNS", "120")
    show(a_report(), terminal=True)
    wide = capsys.readouterr().out
    assert wide != TEXT
    assert all(f"{figures['log_loss']:.4f}" in wide for figures in FIGURES.values())


def test_without_rich_a_terminal_gets_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rich.table", None)
    show(a_report(), terminal=True)
    assert capsys.readouterr().out == TEXT


def test_the_report_for_programs_has_stable_keys() -> None:
    found = orjson.loads(a_report().as_json())
    assert set(found) == {
        "command", "data", "contenders", "served", "intervals", "intervals_by_classical", "remarks", "gate", "segments",
        "next_touchpoint",
    }  # fmt: skip
    assert found["contenders"] == FIGURES
    assert found["served"] == "lstm"
    assert set(found["intervals"]) == set(COMPARED)
    assert set(found["intervals"]["log_loss"]) == {"against", "difference", "low", "high"}
    assert found["intervals"]["log_loss"]["against"] == "past_rate"
    assert found["intervals_by_classical"]["past_rate"]["auc"]["difference"] == pytest.approx(0.008)
    assert found["gate"] == SECTIONS["gate"]
    assert set(found["segments"]) == {"k", "names", "sizes", "behaviours", "rfm"}
    assert found["segments"]["behaviours"] == {"ari": 0.912, "eta2": 0.304}
    assert found["segments"]["rfm"] == {"ari": 0.655, "eta2": 0.231}
    assert found["next_touchpoint"] == SECTIONS["next_touchpoint"]


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_number_that_is_not_finite_never_leaves(number: float) -> None:
    with pytest.raises(InvariantError) as refused:
        replace(a_report(), sections={"segments": {"sizes": [1.0, number]}}).as_json()
    assert str(refused.value) == f"report.segments.sizes[1] is {number}; expected a finite number"
