"""A retraining alongside: what `streamseg retrain` runs in its child, over and over, until it is ended.

Arrives: the history that the bench's model was trained on. Leaves: nothing but load on the machine.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from streamseg.agents.training import Bounds, TrainingJob, train_challengers
from streamseg.core.spec import CoreSpec
from streamseg.datasets import jsonl
from streamseg.model.plan import TrainingPlan
from streamseg.wire.touchpoint import DecodeLimits, decode
from tests.bench.place import Place

BOUNDS = Bounds(minutes=60.0, memory_mb=8_192)
HIDDEN = 64


def main() -> None:
    """Train; the child lowers its own priority."""
    limits = DecodeLimits(allowed_skew_ms=None)
    past = jsonl.read(Place.here().model.with_name("past.jsonl"))
    batches = [decode(records, limits=limits).batch for records in past]
    job = TrainingJob(batches, CoreSpec(), TrainingPlan(hidden=HIDDEN), ("lstm",), None)
    print("training", flush=True)
    while True:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(train_challengers(job, Path(folder), BOUNDS))


if __name__ == "__main__":
    main()
