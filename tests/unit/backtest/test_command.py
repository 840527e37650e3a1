"""`streamseg backtest` as a user types it: what it prints and writes, and what it says when it can't."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import pytest

from streamseg.backtest.progress import stages
from streamseg.cli import main
from tests.unit.backtest.shop import CUTOFF_MS, a_file, a_touchpoint, other_customers, shoppers


def arguments(path: Path, *more: str, cutoff: str = "2021-04-14", days: int = 60) -> list[str]:
    return ["backtest", "--input", str(path), "--cutoff", cutoff, "--horizon-days", str(days), *more]


def test_a_backtest_prints_a_table_and_writes_figures_and_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STREAMSEG_MODEL_HIDDEN_SIZE", "4")
    path = a_file(tmp_path / "shop.jsonl.gz", shoppers())
    wanted = ["--json", str(tmp_path / "figures.json"), "--plot", str(tmp_path / "pictures")]
    assert main(arguments(path, *wanted)) == 0
    said = capsys.readouterr()
    figures = orjson.loads((tmp_path / "figures.json").read_bytes())
    assert f"* {figures['served']} " in said.out
    for name, contender in figures["contenders"].items():
        assert name in said.out
        assert f"{contender['log_loss']:.4f}" in said.out
    assert {"lstm", "lstm:outcomes_only", "pareto_nbd", "lightgbm"} <= set(figures["contenders"])
    assert f"the gate serves {figures['served']}:\n  {figures['gate']['reasons'][0]}\n" in said.out
    assert f"{figures['segments']['k']} segments: " in said.out
    assert figures["command"]["encoder"] == "lstm"
    assert figures["command"]["seeds"] == 1
    assert all((tmp_path / "pictures" / f"{name}.svg").stat().st_size for name in ("calibration", "tracking", "lift"))
    assert said.err.splitlines()[0] == "reading shop.jsonl.gz"


@pytest.mark.parametrize(
    "wrong",
    [
        ["--horizon-days", "0"],
        ["--horizon-days", "7.5"],
        ["--cutoff", "yesterday"],
        ["--encoder", "transformer"],
        ["--seeds", "0"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_exit_code_2(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments(Path("a.jsonl"), *wrong))
    assert end.value.code == 2


def test_a_horizon_behind_the_data_is_exit_code_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = a_file(tmp_path / "a.jsonl", other_customers())
    assert main(arguments(path, days=101)) == 2
    assert capsys.readouterr().err == (
        "reading a.jsonl\n"
        f"streamseg: --horizon-days 101 ends at 2021-07-24T00:00:00.000Z, after the data of {path} (last touchpoint "
        "2021-07-22T00:00:00.000Z): what came would be cut short; at most 100 days fit after this cut-off, more after "
        "an earlier one\n"
    )


def test_a_place_where_no_figures_can_be_written_is_refused_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "none" / "figures.json"
    assert main(arguments(tmp_path / "missing.jsonl", "--json", str(target))) == 2
    said = capsys.readouterr().err
    assert said == f"streamseg: --json {target}: {target.parent} is no directory; make it, or choose another\n"


def test_the_currency_of_the_deployment_is_that_of_the_backtest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dollars = a_touchpoint("c0", "purchase", CUTOFF_MS, 5.0, currency="USD")
    path = a_file(tmp_path / "a.jsonl", [*shoppers(customers=80), dollars])
    remark = "touchpoints have an amount in another currency than GBP"
    assert main(arguments(path)) == 0
    assert remark in capsys.readouterr().out
    monkeypatch.setenv("STREAMSEG_BASE_CURRENCY", "USD")
    assert main(arguments(path)) == 0
    assert remark not in capsys.readouterr().out


def test_a_stage_is_told_once_in_lines_and_drawn_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with stages() as show:
        for share in (0.0, 0.5, 1.0):
            show("fitting", share)
    assert capsys.readouterr().err == "fitting\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with stages() as show:
        for share in (0.0, 0.5, 1.0):
            show("fitting", share)
    drawn = capsys.readouterr().err
    assert "fitting" in drawn
    assert "100%" in drawn
