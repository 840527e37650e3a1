"""One run of one row: a process is started, and its touchpoints per second are read off its commits, or off its word.

Arrives: a command and a `Place`. Leaves: a rate, or the reason why there is none. Nothing is retried.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.place import Place
from tests.faults.cluster import Progress

WARM_UP_SHARE = 0.1
"""Of the touchpoints, left out: start-up, first fetches, first scores, growing tables."""
LOOK_S = 0.05
STALL_S = 180.0
"""A contender that commits nothing for so long is given up."""
END_S = 30.0

Advance = tuple[float, int]
"""Seconds on the clock, and touchpoints committed by then."""


class CannotRun(RuntimeError):  # noqa: N818 - what is so, not an error of ours
    """A row can't be measured; the message is the reason that stands in the table."""


def by_commits(command: Sequence[str], place: Place, *, most_s: float) -> float:
    """Touchpoints per second between the end of the warm-up and the last commit.

    Args:
        command: Of the contender.
        place: What it is told.
        most_s: Look for so many seconds after the warm-up at most: a slow contender needn't do it all.

    Raises:
        CannotRun: If it ends by itself, commits nothing for long, or too rarely to be measured.
    """
    with started(command, place) as contender:
        return rate_of(_advances(contender, place.touchpoints, most_s), place.touchpoints)


@dataclass(frozen=True, slots=True)
class Contender:
    """A running process, what it said, and how far its group has come."""

    process: subprocess.Popen[bytes]
    progress: Progress
    log: Path

    def committed(self) -> int:
        """Touchpoints.

        Raises:
            CannotRun: If it has ended by itself.
        """
        done = sum(self.progress.committed().values())
        if self.process.poll() is not None:
            raise CannotRun(f"ended with {self.process.returncode} after {done} touchpoints: {last_words(self.log)}")
        return done


@contextmanager
def started(command: Sequence[str], place: Place) -> Iterator[Contender]:
    """Run a contender for as long as the block lasts."""
    log = place.scratch / "log"
    progress = Progress(place.bootstrap, (), group=place.group)
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, env=place.environment(), stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield Contender(process, progress, log)
        finally:
            progress.close()
            _end(process)


def by_its_word(command: Sequence[str], place: Place, *, most_s: float) -> float:
    """Touchpoints per second as the row measured them: its last line is `{"touchpoints": …, "seconds": …}`.

    Raises:
        CannotRun: If it fails, or says nothing within `most_s` and what a start takes.
    """
    told = last_word(command, place, most_s=most_s)
    return float(told["touchpoints"] / told["seconds"])


def last_word(command: Sequence[str], place: Place, *, most_s: float) -> Any:
    """Run a process to its end: the JSON of the last line that it prints.

    Raises:
        CannotRun: If it fails, or says nothing within `most_s` and what a start takes.
    """
    log = place.scratch / "log"
    with log.open("ab") as sink:
        try:
            limit_s = most_s + STALL_S
            done = subprocess.run(
                command, env=place.environment(), stdout=subprocess.PIPE, stderr=sink, timeout=limit_s, check=False
            )
        except subprocess.TimeoutExpired:
            raise CannotRun(f"said nothing within {limit_s:.0f} s") from None
    if done.returncode != 0:
        raise CannotRun(f"ended with {done.returncode}: {last_words(log)}")
    return json.loads(done.stdout.splitlines()[-1])


def rate_of(advances: Sequence[Advance], count: int) -> float:
    """The slope between the first commit past the warm-up and the last one that came at full speed.

    What commits every few seconds commits the last touchpoints when its time has come, and not when they are done: the
    interval before the commit that completes the load is left out, for every row alike.

    Raises:
        CannotRun: If there were fewer than two commits left to measure between.

    >>> rate_of([(0.0, 0), (1.0, 10), (2.0, 50), (3.0, 90), (7.0, 100)], 100)
    40.0
    """
    steady = [advance for advance in advances if advance[1] >= WARM_UP_SHARE * count]
    if steady and steady[-1][1] >= count:
        steady.pop()
    if len(steady) < 2:
        raise CannotRun("committed too rarely to be measured; give it more touchpoints")
    (since, had), (until, done) = steady[0], steady[-1]
    return (done - had) / (until - since)


def last_words(log: Path) -> str:
    """The last line of a log that says something, cut to what fits in a table."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "without a word"


def _advances(contender: Contender, touchpoints: int, most_s: float) -> list[Advance]:
    """Each time that more was committed, until all is, or `most_s` after the warm-up."""
    advances: list[Advance] = [(time.perf_counter(), 0)]
    warm_at: float | None = None
    while True:
        done, now = contender.committed(), time.perf_counter()
        if done > advances[-1][1]:
            advances.append((now, done))
            if warm_at is None and done >= WARM_UP_SHARE * touchpoints:
                warm_at = now
        if done >= touchpoints or (warm_at is not None and now - warm_at > most_s):
            return advances
        if now - advances[-1][0] > STALL_S:
            raise CannotRun(
                f"committed nothing for {STALL_S:.0f} s after {done} touchpoints: {last_words(contender.log)}"
            )
        time.sleep(LOOK_S)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing of it behind: it has its own session, so that what it started ends with it."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, how)
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                continue
