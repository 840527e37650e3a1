from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamseg.cli import main

COMMANDS = [
    ["demo"],
    ["train"],
    ["backtest"],
    ["replay"],
    ["worker"],
    ["retrain"],
    ["broker"],
    ["topics", "create"],
    ["topics", "check"],
    ["models", "list"],
    ["models", "show"],
    ["models", "compare"],
    ["models", "publish"],
    ["models", "promote"],
    ["models", "rollback"],
    ["produce"],
    ["watch"],
    ["datasets", "list"],
    ["datasets", "export"],
    ["settings"],
]


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return int(end.value.code or 0)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(*command, "--help") == 0
    said = capsys.readouterr().out
    assert "example:" in said
    assert f"streamseg {' '.join(command)}" in said


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("--help") == 0
    said = capsys.readouterr().out
    assert all(f"    {command[0]} " in said for command in COMMANDS)


def test_help_waits_for_no_heavy_package() -> None:
    heavy = "('torch', 'faust', 'aiokafka', 'numpy', 'orjson', 'rich')"
    look = f"import sys; from streamseg.cli import main; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["train", "--input", "a.jsonl"],
        ["replay", "--input", "a", "--model", "m", "--output", "o", "--partitions", "0"],
        ["produce", "--input", "a", "--rate", "fast"],
        ["produce", "--input", "a", "--rate", "nan"],
        ["train", "--input", "a", "--output", "b", "--until", "yesterday"],
        ["train", "--input", "a", "--output", "b", "--until", "2011-09-01T00:00:00"],
        ["models", "promote"],
        ["demo", "--dataset", "other"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_exit_code_2(arguments: list[str]) -> None:
    assert ended(*arguments) == 2


def test_an_unknown_setting_is_exit_code_2_and_one_line_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STREAMSEG_GRUOP_ID", "shop")
    assert main(["settings"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == (
        "",
        "streamseg: STREAMSEG_GRUOP_ID is not a setting; did you mean STREAMSEG_GROUP_ID? "
        "`streamseg settings` lists all\n",
    )


def test_settings_shows_what_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STREAMSEG_KAFKA_BOOTSTRAP_SERVERS", "kafka:9092")
    assert main(["settings"]) == 0
    assert 'bootstrap_servers = "kafka:9092"' in capsys.readouterr().out


@pytest.mark.parametrize(
    "command", [["train", "--output", "{0}/m"], ["replay", "--model", "{0}/none", "--output", "{0}/o"]]
)
def test_a_missing_file_is_exit_code_2_and_one_line_that_names_it(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [part.format(tmp_path) for part in command]
    assert main([*arguments, "--input", str(tmp_path / "none")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("streamseg: ")
    assert str(tmp_path / "none") in said
    assert said.count("\n") == 1
    assert "Traceback" not in said


def test_a_file_that_is_no_model_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, touchpoints = tmp_path / "model", tmp_path / "touchpoints.jsonl"
    model.write_bytes(b"no model")
    touchpoints.write_text("")
    arguments = ["--input", str(touchpoints), "--model", str(model), "--output", str(tmp_path / "out")]
    assert main(["replay", *arguments]) == 2
    assert "streamseg train" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["models", "list"], ["topics", "check"], ["watch"]], ids=" ".join)
def test_brokers_that_do_not_answer_are_exit_code_1_and_one_line(command: list[str]) -> None:
    # A process of its own: what packages log to standard error must not be there either.
    environ = os.environ | {"STREAMSEG_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-m", "streamseg", *command], check=False, capture_output=True, text=True, env=environ
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("streamseg: ")
    assert done.stderr.count("\n") == 1
    assert "127.0.0.1" in done.stderr


def test_a_dataset_that_is_not_there_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "export", "shop", "--output", str(tmp_path / "x.jsonl")]) == 2
    assert "online_retail" in capsys.readouterr().err


def test_running_the_package_is_running_the_program() -> None:
    done = subprocess.run([sys.executable, "-m", "streamseg", "--version"], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()[0]) == (0, "streamseg")
