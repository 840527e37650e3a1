"""`make bench SUITE=growth`: how cost grows with customers, windows, batches, partitions and processes.

Arrives: a machine, with Java (or Docker) for what is measured on Kafka. Leaves: a table, on demand JSON and a picture.
It asserts no time. `python -m tests.bench.growth --rows customers,memory --rounds 1`
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from tests.bench.growth import plot, report
from tests.bench.growth.measures import LOAD, MEASURES, Measure, measures_named
from tests.bench.growth.report import Found
from tests.bench.place import Place
from tests.bench.prepare import loaded
from tests.bench.running import CannotRun, last_word
from tests.bench.topics import clear
from tests.faults.cluster import run
from tests.kafka import broker as brokers

MOST_S = 600.0
"""Of one measurement in a process of its own."""


def main() -> None:
    """Measure, and say what was measured."""
    arguments = _arguments()
    try:
        measures = measures_named(arguments.rows)
    except ValueError as error:
        sys.exit(str(error))
    load = replace(LOAD, touchpoints=arguments.touchpoints)
    with tempfile.TemporaryDirectory(prefix="streamseg-growth-") as name, ExitStack() as stack:
        place, _ = loaded(Path(name), load, arguments.max_batch)
        place = replace(place, group="growth")
        if any(measure.online for measure in measures):
            broker = brokers.start(require_real=True)
            stack.callback(broker.stop)
            place = replace(place, bootstrap=broker.bootstrap)
            clear(place.bootstrap, place.environment())
            run(["models", "publish", str(place.model)], place.environment())
        found = _rounds(measures, place, arguments.rounds)
    about = {
        "load": asdict(load),
        "max_batch_records": arguments.max_batch,
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.machine()},
    }
    told = report.as_json(found, about)
    print(report.as_text(found))
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(told, indent=2) + "\n")
    if arguments.plot is not None:
        plot.draw(told, arguments.plot)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = ",".join(measure.name for measure in MEASURES)
    parser.add_argument("--rows", default="", metavar="NAMES", help=f"some of {names} (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--touchpoints", type=int, default=LOAD.touchpoints, help="default: %(default)s")
    parser.add_argument("--max-batch", type=int, default=16_000, help="records of a partition (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it there (docs/img/growth.svg)")
    return parser.parse_args()


def _rounds(measures: Sequence[Measure], place: Place, rounds: int) -> list[Found]:
    """Every setting once a round, so that a machine that slows down slows them all."""
    found = [Found(measure, {setting: [] for setting in measure.settings}) for measure in measures]
    for number in range(1, rounds + 1):
        for one in found:
            for setting, values in one.values.items():
                here = replace(place, group=f"growth-{one.measure.name}-{setting}-{number}")
                try:
                    value = _taken(one.measure, setting, here)
                    values.append(value)
                    print(
                        f"round {number}: {one.measure.name} {setting:,}: {value:,.2f} {one.measure.unit}", flush=True
                    )
                except CannotRun as reason:
                    values.append(None)
                    one.reason = str(reason)
                    print(f"round {number}: {one.measure.name} {setting:,} can't be measured: {reason}", flush=True)
    return found


def _taken(measure: Measure, setting: int, place: Place) -> float:
    """One measurement.

    Raises:
        CannotRun: If it can't be made.
    """
    shutil.rmtree(place.scratch, ignore_errors=True)
    place.scratch.mkdir()
    if measure.online is not None:
        return measure.online(place, setting)
    command = (sys.executable, "-m", "tests.bench.growth.offline", measure.name, str(setting))
    return float(last_word(command, place, most_s=MOST_S))


if __name__ == "__main__":
    main()
