"""One run of one row: the contender takes the history first, then the paced touchpoints, and the reader reads along.

Arrives: a contender, a place whose topics are full, a pace. Leaves: latencies, or the reason why
there are none. The reader is this process: it has nothing else to do meanwhile.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from streamseg.core.scores import Float64Array
from tests.bench.latency.pace import Kept, Pace
from tests.bench.latency.reader import Reader
from tests.bench.place import Place
from tests.bench.rows import Row
from tests.bench.running import STALL_S, CannotRun, Contender, started

GRACE_S = 2.0
"""After the last touchpoint, for outputs that are still on their way."""
CATCH_UP_S = 5.0
PUBLISHER_LATE_MS = 500.0
"""Above it the machine is too busy: what would be measured is the publisher."""
LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Latencies:
    """Of one run."""

    ms: Float64Array
    """(N,) of its outputs, the warm-up left out."""
    publisher_late_ms: float
    """99 % of the publisher's requests left at most so late: contained in `ms`."""


def latencies_of(row: Row, place: Place, pace: Pace, *, warm_up_s: float) -> Latencies:
    """Run a contender at a pace.

    Args:
        row: The contender.
        place: Where the history stands on the topic already.
        pace: Of the publisher.
        warm_up_s: Outputs of touchpoints before that are left out.

    Raises:
        CannotRun: If it ends by itself, can't keep up, or says nothing.
    """
    row.versions()
    with started(row.command(place), place) as contender:
        _until(contender, place.touchpoints, STALL_S, lambda left: f"had {left} touchpoints of the history left")
        reader = Reader(place.bootstrap, place.group)
        try:
            found = _read_along(reader, place, pace, warm_up_s)
        finally:
            reader.close()
        _until(
            contender,
            place.touchpoints + pace.touchpoints,
            CATCH_UP_S,
            lambda left: f"fell behind by {left} of {pace.touchpoints} touchpoints at {pace.rate:,.0f}/s",
        )
    if not len(found.ms):
        raise CannotRun(f"no output of {pace.touchpoints} touchpoints could be read")
    return found


def _read_along(reader: Reader, place: Place, pace: Pace, warm_up_s: float) -> Latencies:
    publisher = subprocess.Popen(pace.command(), env=place.environment(), stdout=subprocess.PIPE)
    try:
        reader.read_while(lambda: publisher.poll() is None, GRACE_S)
        said, _ = publisher.communicate()
    finally:
        publisher.kill()
        publisher.wait()
    if publisher.returncode != 0:
        raise CannotRun(f"the publisher ended with {publisher.returncode}")
    kept = Kept(**json.loads(said))
    if kept.late_ms_p99 > PUBLISHER_LATE_MS:
        raise CannotRun(
            f"the publisher itself was {kept.late_ms_p99:,.0f} ms late at {pace.rate:,.0f}/s; free the machine"
        )
    return Latencies(reader.latencies_ms(kept.begin_ms + round(1_000 * warm_up_s)), kept.late_ms_p99)


def _until(contender: Contender, count: int, limit_s: float, reason: Callable[[int], str]) -> None:
    """Wait until so many touchpoints are committed.

    Raises:
        CannotRun: With the reason, if they aren't within the limit.
    """
    deadline = time.monotonic() + limit_s
    while (done := contender.committed()) < count:
        if time.monotonic() > deadline:
            raise CannotRun(reason(count - done))
        time.sleep(LOOK_S)
