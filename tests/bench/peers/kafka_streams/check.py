"""Does the Java peer compute what the Python scorer does? A peer that doesn't isn't measured.

Arrives: a model artefact. Leaves: the largest differences, over rows of features and over a simulated stream of
touchpoints that both fold from the start. Without Kafka; some seconds, and Maven's for the first build.

    python -m tests.bench.peers.kafka_streams.check --model MODEL
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from streamseg.core.decide import Policy, decide
from streamseg.core.folds import FoldCache
from streamseg.core.scores import Float64Array
from streamseg.core.spec import CoreSpec
from streamseg.core.table import CustomerTable
from streamseg.core.windows import BLOCK
from streamseg.datasets.jsonl import records
from streamseg.datasets.simulator import Options, simulate
from streamseg.model.artifact import Artifact, load
from streamseg.model.blend import Blend
from streamseg.model.scorer import ModelScorer
from streamseg.wire.touchpoint import DecodeLimits, decode
from tests.bench.peers.kafka_streams.maven import NoPeerError, build, java
from tests.bench.peers.kafka_streams.weights import export, the_network

LIMIT: Final = 1e-4
"""Of a churn probability, and of the share by which days and spend differ. Sums in another order differ by 1e-6."""
OTHERWISE: Final = 1e-3
"""Share of touchpoints at which only one side may say something: a probability within 1e-6 of a threshold."""
ROWS: Final = 2_000
STREAM: Final = Options(seed=3, customers=300, events=20_000, days=7 * (BLOCK - 1), withdraw_share=0.0)
"""Shorter than what a fold forgets, in order and without changes of consent: what the peer leaves out plays no part."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Differences between the peer and the scorer."""

    rows: int
    by_row: float
    """Largest difference of a churn probability, from the same state and features; before and after one more fold."""
    by_row_relative: float
    """Largest relative difference of expected days and spend."""
    touchpoints: int
    """Scored on both sides."""
    by_touchpoint: float
    """Largest difference of a churn probability, from the same touchpoints."""
    said: int
    """Touchpoints at which the worker says something without regard to silence."""
    said_otherwise: int
    """Touchpoints at which only one of the two says something."""


def prepare(artifact: Artifact, folder: Path) -> Path:
    """Build the peer, export its weights into `folder`, and vouch for it.

    Raises:
        ConfigError: If the artefact isn't one of one LSTM.
        NoPeerError: If the peer can't be built, or computes something else.
    """
    build()
    weights = folder / "weights.bin"
    weights.write_bytes(export(artifact))
    found = agreement(artifact, weights, folder)
    worst = max(found.by_row, found.by_row_relative, found.by_touchpoint)
    if worst > LIMIT or found.said_otherwise > OTHERWISE * found.touchpoints:
        raise NoPeerError(f"the Kafka Streams peer doesn't compute what the scorer does (limit {LIMIT}): {found}")
    return weights


def agreement(artifact: Artifact, weights: Path, folder: Path) -> Agreement:
    """Compare on rows and on a stream; `folder` takes the files in between."""
    scorer = _scorer(artifact)
    by_row, relative = _by_row(scorer, weights, folder)
    touchpoints, by_touchpoint, said, otherwise = _by_touchpoint(scorer, weights, folder)
    return Agreement(ROWS, by_row, relative, touchpoints, by_touchpoint, said, otherwise)


def _scorer(artifact: Artifact) -> ModelScorer:
    """The network alone, since the peer is spared the classical model."""
    alone = Blend((the_network(artifact),), None, 0.0, artifact.scorer.average)
    return ModelScorer(
        alone, calibration=artifact.scorer.calibration, behaviours=artifact.behaviours, digest=artifact.digest
    )


def _by_row(scorer: ModelScorer, weights: Path, folder: Path) -> tuple[float, float]:
    random = np.random.default_rng(0)
    state = random.uniform(-1.0, 1.0, (ROWS, scorer.state_size)).astype(np.float32)
    x = (scorer.average * random.uniform(0.0, 2.5, (ROWS, len(scorer.average)))).astype(np.float32)
    file = folder / "rows.bin"
    file.write_bytes(np.concatenate((state, x), axis=1).astype("<f4").tobytes())
    found = np.array([line.split() for line in _lines("rows", weights, file)], np.float64)
    before, after = scorer.score(state, x), scorer.score(scorer.advance(state, x), x)
    chance = np.column_stack((before.churn_probability, after.churn_probability))
    amounts = np.column_stack((before.expected_outcomes, before.expected_value))
    relative = np.abs(found[:, 1:3] - amounts) / (amounts + 1e-3)
    return float(np.abs(found[:, [0, 3]] - chance).max()), float(relative.max())


def _by_touchpoint(scorer: ModelScorer, weights: Path, folder: Path) -> tuple[int, float, int, int]:
    file = folder / "stream.jsonl"
    with file.open("wb") as lines:
        for line in simulate(STREAM).lines():
            touch = orjson.loads(line)
            # A session is a bit by its hash, and the peer has another hash: without sessions both count the same.
            touch.pop("session_id", None)
            lines.write(orjson.dumps(touch) + b"\n")
    found = {key: (float(chance), int(said)) for key, chance, said in map(str.split, _lines("stream", weights, file))}
    expected = _scored(scorer, file)
    if found.keys() != expected.keys():
        raise AssertionError(f"scored here and not there, or there and not here: {found.keys() ^ expected.keys()}")
    chances: Float64Array = np.array([(found[key][0], expected[key][0]) for key in expected])
    says = np.array([(found[key][1] > 0, expected[key][1]) for key in expected])
    otherwise = int((says[:, 0] != says[:, 1]).sum())
    return len(expected), float(np.abs(np.diff(chances)).max()), int(says[:, 1].sum()), otherwise


def _scored(scorer: ModelScorer, file: Path) -> dict[str, tuple[float, bool]]:
    """Churn probability after each touchpoint above the gate, and whether something is said there."""
    spec = CoreSpec()
    table, folds = CustomerTable(spec), FoldCache(scorer)
    scored: dict[str, tuple[float, bool]] = {}
    batch = decode([*records(file.read_bytes().splitlines())], limits=DecodeLimits()).batch
    slots, admitted = table.admit(batch)
    for steps in table.observe(batch, slots, admitted, model_key=0):
        if steps.kind != "touch":
            continue
        scores = folds.score(table, steps)
        verdicts = decide(table.rows, steps, scores, Policy(), window_ms=spec.windows.length_ms)
        says = set(verdicts["at"].tolist())
        for at in np.flatnonzero(~steps.is_gated).tolist():
            scored[batch.event_id[steps.row[at]]] = (float(scores.churn_probability[at]), at in says)
    return scored


def _lines(what: str, weights: Path, file: Path) -> list[str]:
    done = subprocess.run(java("Check", [str(weights), what, str(file)]), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the peer's check of {what} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout.splitlines()


def main() -> None:
    """Compare, fail where it isn't the same, and say what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="an artefact of `streamseg train` with one LSTM")
    artifact = load(parser.parse_args().model.read_bytes(), spec=CoreSpec().windows)
    with tempfile.TemporaryDirectory(prefix="streamseg-peer-") as name:
        folder = Path(name)
        print(agreement(artifact, prepare(artifact, folder), folder))


if __name__ == "__main__":
    main()
