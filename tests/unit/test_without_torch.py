"""Where torch can't be imported a model is served all the same: it is for learning alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from streamseg.datasets.simulator import Options, simulate
from streamseg.model.serving import ENCODERS
from tests.unit.model.scorers import a_blend, packed

WITHOUT_TORCH = "import sys; sys.modules['torch'] = None  # an import of it fails\n"
WORKER = """
from streamseg.app import create_app
from streamseg.settings import load
create_app(load({}))
"""
REHEARSAL = """
from runpy import run_module
run_module("streamseg.rehearsal", run_name="__main__")
"""
REPLAY = """
from streamseg.cli import main
main(sys.argv[1:])
"""


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_TORCH + program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("program", [WORKER, REHEARSAL], ids=["worker", "rehearsal"])
def test_a_process_that_serves_starts(program: str) -> None:
    done = run(program)
    assert done.returncode == 0, done.stderr


def test_a_model_of_every_encoder_scores_a_replay(tmp_path: Path) -> None:
    model = packed(a_blend(*ENCODERS, hidden=5, share=0.25))
    artifact, shop, said = (tmp_path / name for name in ("every.safetensors", "shop.jsonl", "said.jsonl"))
    artifact.write_bytes(model)
    lines = simulate(Options(seed=3, customers=20, events=1_000, days=120)).lines()
    shop.write_bytes(b"\n".join(lines))
    done = run(REPLAY, "replay", "--input", shop, "--model", artifact, "--output", said)
    assert done.returncode == 0, done.stderr
    topics = [orjson.loads(line)["topic"] for line in said.read_bytes().splitlines()]
    assert topics.count("customer-profiles") > 50


def test_training_needs_it() -> None:
    assert "import of torch halted" in run("import streamseg.model.train").stderr
