"""`make bench`: the worker beside what the machine allows and what a user would pick instead, in the same run.

Arrives: a machine with Java (or Docker). Leaves: a table of touchpoints per second, and on demand JSON and a picture.
It asserts no time. `python -m tests.bench --rows worker,bare --rounds 1`
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

from tests.bench import plot, report
from tests.bench.facts import Facts, summary
from tests.bench.load import Load
from tests.bench.place import Place
from tests.bench.prepare import prepared, publish
from tests.bench.report import Result
from tests.bench.rows import ROWS, Row, rows_named
from tests.bench.running import CannotRun
from tests.bench.topics import clear
from tests.kafka import broker as brokers


def main() -> None:
    """Measure, and say what was measured."""
    arguments = _arguments()
    try:
        rows = rows_named(arguments.rows)
    except ValueError as error:
        sys.exit(str(error))
    load = Load(arguments.touchpoints, arguments.customers, arguments.weeks, arguments.hidden)
    with tempfile.TemporaryDirectory(prefix="streamseg-bench-") as name, ExitStack() as stack:
        place, touchpoint_bytes = prepared(Path(name), load, arguments.max_batch)
        facts = Facts.read(place.facts)
        print(f"{load.touchpoints:,} touchpoints of {touchpoint_bytes:.0f} bytes: {summary(facts)}", flush=True)
        if any(row.reads == "topic" for row in rows):
            broker = brokers.start(require_real=True)
            stack.callback(broker.stop)
            place = replace(place, bootstrap=broker.bootstrap)
            publish(place)
        results = _rounds(rows, place, arguments.rounds, arguments.most_seconds)
    about = {
        "load": {**asdict(load), "touchpoint_bytes": round(touchpoint_bytes)},
        "leaving": [asdict(one) for one in facts.leaving],
        "max_batch_records": arguments.max_batch,
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.machine()},
    }
    found = report.as_json(results, arguments.reference, about)
    print(report.as_text(results, arguments.reference))
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")
    if arguments.plot is not None:
        plot.draw(found, arguments.plot)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = ",".join(row.name for row in ROWS)
    parser.add_argument("--rows", default="", metavar="NAMES", help=f"some of {names} (default: all)")
    parser.add_argument("--reference", default="worker", help="row that ratios are against (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--touchpoints", type=int, default=1_000_000, help="a round (default: %(default)s)")
    parser.add_argument("--customers", type=int, default=50_000, help="default: %(default)s")
    parser.add_argument("--weeks", type=int, default=52, help="event time of the load (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=64, help="units of the model (default: %(default)s)")
    parser.add_argument("--max-batch", type=int, default=16_000, help="records a transaction (default: %(default)s)")
    parser.add_argument("--most-seconds", type=float, default=120.0, help="of a slow row (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it there (docs/img/bench.svg)")
    return parser.parse_args()


def _rounds(rows: Sequence[Row], place: Place, rounds: int, most_s: float) -> list[Result]:
    """Every row once a round, so that a machine that slows down slows them all."""
    results = [Result(row) for row in rows]
    for number in range(1, rounds + 1):
        for result in results:
            row = result.row
            here = replace(place, group=f"bench-{row.name}-{number}")
            shutil.rmtree(place.scratch, ignore_errors=True)
            place.scratch.mkdir()
            if row.reads == "topic":
                clear(here.bootstrap, here.environment())
            try:
                rate = row.rate(here, most_s=most_s)
                result.rates.append(rate)
                print(f"round {number}: {row.name} {rate:,.0f}/s", flush=True)
            except CannotRun as reason:
                result.rates.append(None)
                result.reason = str(reason)
                print(f"round {number}: {row.name} can't be measured: {reason}", flush=True)
    return results


if __name__ == "__main__":
    main()
