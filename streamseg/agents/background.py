"""A process that makes way for others on its machine: at low priority, and with pauses where the processor is full.

Where the workers fill the processor, low priority alone isn't enough: it grants a share by weight, and all that is left
of the time is taken, on a core and with caches that others then find warm for somebody else. So this process pauses
for as long as it had to wait; where nobody else wants the processor, it never waits, and so never pauses.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

LOW_PRIORITY: Final = 10
"""Niceness: workers on the same machine go first."""
TURN_S: Final = 0.1
"""Time between two looks at how long this process had to wait."""


@contextmanager
def making_way() -> Iterator[None]:
    """Make way meanwhile (and keep the low priority). For the main thread, which alone should work; takes the alarm."""
    os.nice(LOW_PRIORITY)
    began, worked = time.monotonic(), time.process_time()

    def pause(*_: object) -> None:
        nonlocal began, worked
        time.sleep(waited_s(time.monotonic() - began, time.process_time() - worked))
        began, worked = time.monotonic(), time.process_time()
        # Only now: an alarm in the pause would count the pause as waiting.
        signal.setitimer(signal.ITIMER_REAL, TURN_S)

    signal.signal(signal.SIGALRM, pause)
    signal.setitimer(signal.ITIMER_REAL, TURN_S)
    try:
        yield
    finally:
        # First, so that no late alarm sets another one: while Python ends, its handlers are gone, and an alarm kills.
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)


def waited_s(elapsed_s: float, worked_s: float) -> float:
    """Seconds for which a process that always has work had no core; of two threads one may work while one waits.

    >>> waited_s(0.5, 0.125), waited_s(0.5, 0.75)
    (0.375, 0.0)
    """
    return max(elapsed_s - worked_s, 0.0)
