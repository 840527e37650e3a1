"""The whole of a backtest on simulated shoppers, with real contenders and with one that knows the future."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from streamseg.backtest.contenders import classical
from streamseg.backtest.figures import CLASSICAL, METRICS
from streamseg.backtest.learning import Learnt, NextTypes
from streamseg.backtest.report import Report
from streamseg.backtest.run import run
from streamseg.core.scores import Float64Array
from streamseg.core.spec import CoreSpec
from streamseg.errors import InvariantError
from streamseg.model.forecaster import Forecaster
from streamseg.model.history import History
from streamseg.model.instants import Instants
from streamseg.wire.touchpoint import DecodeLimits
from streamseg.wire.vocabulary import TYPES
from tests.unit.backtest.shop import CUTOFF_MS, Constant, Knowing, a_file, a_touchpoint, other_customers, shoppers
from tests.unit.model.simulated import DAY_MS, START_MS

VIEW, PURCHASE = TYPES.index("view"), TYPES.index("purchase")
REASONS = ("log loss 0.5 is within 0.6 (bg_nbd)",)


def gone_customers(number: int) -> list[dict[str, Any]]:
    """As the other customers at the cut-off, who then never come back."""
    return [
        a_touchpoint(f"gone-{index:02}", "purchase", START_MS + day * DAY_MS, 10.0)
        for index in range(number)
        for day in (10, 90)
    ]


def backtest(
    path: Path,
    contenders: Mapping[str, Forecaster],
    served: str,
    *,
    horizon_days: int = 60,
    next_types: NextTypes | None = None,
) -> Report:
    return run(
        path,
        cutoff_ms=CUTOFF_MS,
        horizon_days=horizon_days,
        spec=CoreSpec(),
        limits=DecodeLimits(),
        learning=lambda history: Learnt(contenders, served, REASONS, next_types),
        command={"seeds": 1},
        progress=lambda stage, share: None,
    )


def test_classical_contenders_on_simulated_shoppers(tmp_path: Path) -> None:
    seen: list[int] = []
    stages: list[str] = []

    def learning(history: History) -> Learnt:
        seen.append(history.end_ms)
        fitted = classical(history, until_ms=CUTOFF_MS, horizon_days=60, progress=lambda stage, share: None)
        return Learnt({**fitted, "constant": Constant()}, "pareto_nbd", REASONS)

    report = run(
        a_file(tmp_path / "shop.jsonl.gz", shoppers()),
        cutoff_ms=CUTOFF_MS,
        horizon_days=60,
        spec=CoreSpec(),
        limits=DecodeLimits(),
        learning=learning,
        command={"encoder": "lstm", "seeds": 1},
        progress=lambda stage, share: stages.append(stage),
        plot_dir=tmp_path / "pictures",
    )
    assert seen[0] < CUTOFF_MS
    assert list(report.contenders) == [*CLASSICAL, "constant"]
    assert report.contenders["pareto_nbd"]["auc"] > 0.6 > report.contenders["constant"]["auc"]
    assert report.contenders["pareto_nbd"]["mae"] < report.contenders["constant"]["mae"]
    found = orjson.loads(report.as_json())
    assert all(set(figures) == set(METRICS) for figures in found["contenders"].values())
    assert set(found["intervals_by_classical"]) == set(CLASSICAL)
    assert found["command"] == {
        "input": str(tmp_path / "shop.jsonl.gz"),
        "cutoff": "2021-04-14T00:00:00.000Z",
        "horizon_days": 60,
        "encoder": "lstm",
        "seeds": 1,
    }
    assert found["gate"] == {"serves": "pareto_nbd", "reasons": list(REASONS)}
    segments = found["segments"]
    assert segments["k"] == len(segments["names"]) == len(segments["sizes"]) == 6
    assert sum(segments["sizes"]) == found["data"]["customers"]
    for kind in ("behaviours", "rfm"):
        assert 0.3 < segments[kind]["ari"] <= 1.0
        assert 0.05 < segments[kind]["eta2"] < 1.0
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {"calibration.svg", "tracking.svg", "lift.svg"}
    assert list(dict.fromkeys(stages)) == [
        "reading shop.jsonl.gz", "asking the contenders", "comparing", "tracking the weeks",
    ]  # fmt: skip


def test_who_knows_the_future_is_perfect_so_every_forecast_meets_its_own_customer(tmp_path: Path) -> None:
    often = {f"fan-{index}": index for index in range(20)}
    touchpoints = [a_touchpoint(who, "purchase", CUTOFF_MS - (1 + index) * DAY_MS) for who, index in often.items()]
    touchpoints += [
        a_touchpoint(who, "purchase", CUTOFF_MS + day * DAY_MS, 5.0)
        for who, days in often.items()
        for day in range(days)
    ]
    count = {who.encode(): days for who, days in often.items()} | {f"other-{i:02}".encode(): 1 for i in range(50)}
    spend = {who: 5.0 * days if who.startswith(b"fan") else 10.0 for who, days in count.items()}
    path = a_file(tmp_path / "a.jsonl", [*touchpoints, *other_customers()])
    found = backtest(path, {"knowing": Knowing(count, spend)}, "knowing").contenders["knowing"]
    perfect = {"auc": 1.0, "gini_spend": 1.0, "gini_net_spend": 1.0}
    assert found == pytest.approx({**dict.fromkeys(METRICS, 0.0), **perfect}, abs=2e-6)


def test_the_segments_are_those_of_what_would_be_served(tmp_path: Path) -> None:
    """Who knows the future tells apart buyers and others; who says the same of everybody tells nobody apart."""
    path = a_file(tmp_path / "a.jsonl", [*other_customers(60), *gone_customers(60)])
    count = {f"other-{i:02}".encode(): 1 for i in range(60)}
    knowing = Knowing(count, dict.fromkeys(count, 10.0))
    contenders: dict[str, Forecaster] = {"knowing": knowing, "constant": Constant()}
    explained = {
        served: backtest(path, contenders, served).sections["segments"]["behaviours"]["eta2"] for served in contenders
    }
    assert explained == pytest.approx({"knowing": 1.0, "constant": 0.0})


def test_what_comes_next_is_measured_on_those_who_came_again_beside_how_often_each_type_comes(tmp_path: Path) -> None:
    """Known are 50 pairs of purchases; then 50 buy again and 20 look, which only one of two says."""
    lookers = [a_touchpoint(f"gone-{i:02}", "view", CUTOFF_MS + (20 if i < 20 else 80) * DAY_MS) for i in range(30)]
    path = a_file(tmp_path / "a.jsonl", [*other_customers(), *gone_customers(30), *lookers])

    def knowing(history: History, instants: Instants) -> Float64Array:
        looks = np.array([history.customer_ids[one].startswith(b"gone") for one in instants.customer.tolist()])
        types = np.where(looks, VIEW, PURCHASE)
        said: Float64Array = np.eye(len(TYPES))[types]
        return said

    found = backtest(path, {"constant": Constant()}, "constant", next_types=knowing).sections["next_touchpoint"]
    assert (found["customers"], found["accuracy"], found["log_loss"]) == (70.0, 1.0, 0.0)
    assert found["usual_accuracy"] == pytest.approx(50 / 70)
    assert found["usual_log_loss"] > 0.5
    assert backtest(path, {"constant": Constant()}, "constant").sections["next_touchpoint"] == {}


def test_what_must_be_known_to_read_the_figures_is_remarked(tmp_path: Path) -> None:
    odd = [{"event_time": "soon"}, a_touchpoint("x", "view", CUTOFF_MS, 3.0, currency="USD")]
    gifts = [{**one, "amount": 0.0} for one in other_customers()]
    report = backtest(
        a_file(tmp_path / "a.jsonl", [*odd, *gifts]), {"constant": Constant()}, "constant", horizon_days=95
    )
    assert report.remarks == [
        "1 lines are no touchpoints: missing_field",
        "1 touchpoints have an amount in another currency than GBP and count as spend 0; set STREAMSEG_BASE_CURRENCY "
        "to the file's",
        "the horizon of 95 days is longer than the 90 days of history, so no forecast of that length could be tried "
        "before the cut-off",
        "every customer has an outcome in the horizon: there is no one to tell apart, and AUC is 0.5",
        "no one spends in the horizon: there is nothing to order, and the Ginis are 0",
    ]
    assert report.data == {
        "touchpoints": 201,
        "from": "2021-01-14T00:00:00.000Z",
        "until": "2021-07-22T00:00:00.000Z",
        "history_days": 90.0,
        "customers": 50,
        "share_returning": 1.0,
        "mean_count": 1.0,
        "mean_spend": 0.0,
    }


def test_where_lightgbm_is_not_installed_its_row_says_so_and_its_figures_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    report = run(
        a_file(tmp_path / "shop.jsonl", shoppers()),
        cutoff_ms=CUTOFF_MS,
        horizon_days=60,
        spec=CoreSpec(),
        limits=DecodeLimits(),
        learning=lambda history: Learnt(
            classical(history, until_ms=CUTOFF_MS, horizon_days=60, progress=lambda stage, share: None),
            "bg_nbd",
            REASONS,
        ),
        command={},
        progress=lambda stage, share: None,
    )
    assert report.absent == {"lightgbm": "not installed, so it did not compete; pip install 'streamseg[backtest]'"}
    assert list(report.contenders) == ["past_rate", "bg_nbd", "pareto_nbd"]


def test_a_contender_that_forecasts_no_number_is_refused_by_name(tmp_path: Path) -> None:
    path = a_file(tmp_path / "a.jsonl", other_customers())
    with pytest.raises(InvariantError) as refused:
        backtest(path, {"lstm": Constant(value=math.inf)}, "lstm")
    assert str(refused.value) == "lstm.value is inf for 50 of 50 customers; expected finite numbers"


def test_what_would_be_served_must_have_competed(tmp_path: Path) -> None:
    path = a_file(tmp_path / "a.jsonl", other_customers())
    with pytest.raises(InvariantError) as refused:
        backtest(path, {"constant": Constant()}, "lstm")
    assert str(refused.value) == "lstm would be served and is none of the contenders constant"
