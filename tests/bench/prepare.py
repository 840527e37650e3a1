"""What a measurement needs before its first row: a load, a model, what the worker makes of both, and full topics.

Arrives: a folder or a broker. Leaves: what the rows only read.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from streamseg.datasets import jsonl
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.produce import produce
from tests.bench.load import Load
from tests.bench.place import Place
from tests.bench.topics import clear
from tests.faults.cluster import run


def loaded(folder: Path, load: Load, max_batch: int) -> tuple[Place, float]:
    """Make the load and the model, and tell the mean bytes of a line; the place knows no broker yet."""
    place = Place(
        bootstrap="",
        group="bench",
        touchpoints=load.touchpoints,
        load=folder / "touchpoints.jsonl",
        model=load.train(folder),
        facts=folder / "facts.json",
        scratch=folder / "scratch",
        max_batch=max_batch,
    )
    return place, load.write(place.load)


def prepared(folder: Path, load: Load, max_batch: int) -> tuple[Place, float]:
    """The same, and the facts about them."""
    place, touchpoint_bytes = loaded(folder, load, max_batch)
    # In a process of its own, like every row: the state of all customers is not to stay in this one.
    subprocess.run([sys.executable, "-m", "tests.bench.facts"], env=place.environment(), check=True)
    return place, touchpoint_bytes


def publish(place: Place) -> None:
    """Put the load and the model onto topics that hold nothing else."""
    env = place.environment()
    clear(place.bootstrap, env, kept=())
    run(["models", "publish", str(place.model)], env)
    records = (record for chunk in jsonl.read(place.load) for record in chunk)
    sent = asyncio.run(produce(KafkaAccess(place.bootstrap), records))
    if sent != place.touchpoints:
        raise RuntimeError(f"{sent} of {place.touchpoints} touchpoints were published")
