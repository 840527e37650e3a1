"""A rehearsal leaves nothing to compile: no real touchpoint waits for the compiler."""

from __future__ import annotations

import subprocess
import sys

AFTER_A_REHEARSAL = """
import gc
from numba.core.dispatcher import Dispatcher
from streamseg.datasets.jsonl import records
from streamseg.datasets.simulator import Options, simulate
from streamseg.pipeline import Pipeline, Rules
from streamseg.rehearsal import rehearse
from tests.unit.model.scorers import a_scorer

def compiled():
    loops = [one for one in gc.get_objects() if isinstance(one, Dispatcher)]
    return {loop.py_func.__qualname__: len(loop.signatures) for loop in loops if loop.signatures}

scorer = a_scorer("lstm")
rehearse(Rules(), scorer)
before = compiled()
pipeline = Pipeline(Rules(), scorer)
lines = list(simulate(Options(seed=3, customers=40, events=3_000, days=200)).lines())
counts = pipeline.process(list(records(lines)), now_ms=None).counts
print(counts.scored, counts.swept)
late = {name: number for name, number in compiled().items() if number > before.get(name, 0)}
assert not late, late
wanted = {"_read", "_nullable", "_scan", "_judge", "_describe", "_fold", "_write", "_lay_out", "_first_unsound"}
assert wanted <= set(before), before
"""


def test_after_a_rehearsal_a_stream_compiles_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", AFTER_A_REHEARSAL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scored, swept = done.stdout.split()
    assert int(scored) > 1_000
    assert int(swept) > 0
