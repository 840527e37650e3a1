"""The latency rows of the benchmark: a table of milliseconds, and on demand JSON. It asserts no time.

`python -m tests.bench.latency --rows steady-worker,steady-copy --rounds 1`
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from streamseg.core.windows import DAY_MS
from tests.bench.facts import Facts
from tests.bench.latency import report
from tests.bench.latency.pace import Pace
from tests.bench.latency.report import PacedResult
from tests.bench.latency.rows import ROWS, PacedRow, PaceName, paced_rows_named
from tests.bench.latency.run import latencies_of
from tests.bench.load import Load
from tests.bench.place import Place
from tests.bench.prepare import prepared, publish
from tests.bench.rows import rows_named
from tests.bench.running import CannotRun
from tests.kafka import broker as brokers

WARM_UP_S: Final = 5.0
IDLE_RATE: Final = 1_000 / 300
"""One touchpoint every 300 ms."""
IDLE_WARM_UP_S: Final = 3.0
NEW_EVERY: Final = 50
"""As in the throughput's load: some two of a hundred touchpoints are the first of a customer."""
PEAK_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Paces:
    """How fast and how long, by the kind of row."""

    rate: float
    """Of the steady rows, touchpoints a second."""
    seconds: float
    """Of steady and half rows, behind the warm-up."""
    idle_touchpoints: int

    def of(self, name: PaceName, peak: float) -> tuple[Pace, float]:
        """The pace, and the seconds of its warm-up."""
        if name == "idle":
            return Pace(IDLE_RATE, IDLE_WARM_UP_S + self.idle_touchpoints / IDLE_RATE, 1), IDLE_WARM_UP_S
        rate = self.rate if name == "steady" else peak / 2
        return Pace(rate, WARM_UP_S + self.seconds, NEW_EVERY), WARM_UP_S


def main() -> None:
    """Measure, and say what was measured."""
    arguments = _arguments()
    try:
        rows = paced_rows_named(arguments.rows)
    except ValueError as error:
        sys.exit(str(error))
    # The history ends now, so that time goes on without a jump when the paced touchpoints come.
    start_ms = time.time_ns() // 1_000_000 - arguments.weeks * 7 * DAY_MS
    load = Load(arguments.touchpoints, arguments.customers, arguments.weeks, arguments.hidden, start_ms=start_ms)
    paces = Paces(arguments.rate, arguments.seconds, arguments.idle_touchpoints)
    with tempfile.TemporaryDirectory(prefix="streamseg-bench-") as name, ExitStack() as stack:
        place, _ = prepared(Path(name), load, arguments.max_batch)
        broker = brokers.start(require_real=True)
        stack.callback(broker.stop)
        place = replace(place, bootstrap=broker.bootstrap)
        peak = arguments.peak or (_peak(place) if any(row.pace == "half" for row in rows) else 0.0)
        results = _rounds(rows, place, paces, peak, arguments.rounds)
    print(report.as_text(results))
    if arguments.json is not None:
        about = {
            "history": asdict(load),
            "paces": asdict(paces),
            "peak_per_s": round(peak),
            "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.machine()},
        }
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report.as_json(results, about), indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = ",".join(row.name for row in ROWS)
    parser.add_argument("--rows", default="", metavar="NAMES", help=f"some of {names} (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--rate", type=float, default=5_000.0, help="of the steady rows (default: %(default)s/s)")
    parser.add_argument("--peak", type=float, help="of the worker, touchpoints a second (default: measured first)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of a steady or half run (default: %(default)s)")
    parser.add_argument("--idle-touchpoints", type=int, default=100, help="of an idle run (default: %(default)s)")
    parser.add_argument("--touchpoints", type=int, default=200_000, help="of the history (default: %(default)s)")
    parser.add_argument("--customers", type=int, default=10_000, help="default: %(default)s")
    parser.add_argument("--weeks", type=int, default=4, help="of the history (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=64, help="units of the model (default: %(default)s)")
    parser.add_argument("--max-batch", type=int, default=16_000, help="records a transaction (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    return parser.parse_args()


def _peak(place: Place) -> float:
    """Touchpoints a second of the worker, at full speed through the history."""
    (worker,) = rows_named("worker")
    here = replace(place, group="latency-peak")
    _refill(here)
    peak = worker.rate(here, most_s=PEAK_SECONDS)
    print(f"peak of the worker: {peak:,.0f}/s", flush=True)
    return peak


def _rounds(rows: Sequence[PacedRow], place: Place, paces: Paces, peak: float, rounds: int) -> list[PacedResult]:
    """Every row once a round, so that a machine that slows down slows them all."""
    results = [PacedResult(row) for row in rows]
    for number in range(1, rounds + 1):
        for result in results:
            row = result.row
            pace, warm_up_s = paces.of(row.pace, peak)
            here = replace(place, group=f"latency-{row.name}-{number}")
            _refill(here)
            if row.pace == "idle":
                here = _answering_each(here)
            try:
                found = latencies_of(row.contender, here, pace, warm_up_s=warm_up_s)
                result.add(found, pace.rate)
                said = ", ".join(f"{name} {value} ms" for name, value in report.quantiles(found).items() if value)
            except CannotRun as reason:
                result.rounds.append(None)
                result.reason = str(reason)
                said = f"can't be measured: {reason}"
            print(f"round {number}: {row.name} {said}", flush=True)
    return results


def _refill(place: Place) -> None:
    """Leave the history alone on the topics, and nothing of an earlier run."""
    shutil.rmtree(place.scratch, ignore_errors=True)
    place.scratch.mkdir()
    publish(place)


def _answering_each(place: Place) -> Place:
    """The copy loop answers each touchpoint, as everybody does a new customer's: with no output fewer than one."""
    facts = Facts.read(place.facts)
    leaving = tuple(replace(one, per_touchpoint=max(1.0, one.per_touchpoint)) for one in facts.leaving)
    path = place.scratch / "facts.json"
    path.write_text(json.dumps(asdict(replace(facts, leaving=leaving))))
    return replace(place, facts=path)


if __name__ == "__main__":
    main()
