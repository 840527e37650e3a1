"""When touchpoints may be published: not before their time on the accelerated clock, nor far ahead of the worker.

Arrives: the event time of every touchpoint, and how many the worker has received. Leaves: a wait. The embedded broker
keeps about 5 MB a partition and drops what is older, so running ahead of the worker would lose touchpoints.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

import numpy as np
from numpy.typing import NDArray

LARGEST_LAG: Final = 5_000
"""Touchpoints published and not yet received: about 1.5 MB, so they fit even if all lay in one partition."""
PATIENCE_S: Final = 60.0
"""A worker that receives nothing for so long, with work at hand, has failed."""


class Feed:
    """The pace of the demo's publisher.

    Args:
        event_ms: (N,) event times of the touchpoints in the order of publishing, never decreasing.
        seconds: How long the whole stream lasts, above 0, if the worker keeps up.
        received: How many touchpoints the worker has received so far.
    """

    def __init__(self, event_ms: NDArray[np.int64], *, seconds: float, received: Callable[[], int]) -> None:
        self._event_ms, self._received = event_ms, received
        self._start_ms = int(event_ms[0])
        self.speed = (int(event_ms[-1]) - self._start_ms) / (seconds * 1_000)
        """Event time that passes in a unit of real time."""
        self.total = len(event_ms)
        self.sent = 0
        self._started: float | None = None

    @property
    def now_ms(self) -> int:
        """Event time of the touchpoint that leaves next."""
        return int(self._event_ms[min(self.sent, len(self._event_ms) - 1)])

    async def admit(self, sent: int) -> None:
        """Return when the touchpoint after the first `sent` may leave.

        Raises:
            TimeoutError: If the worker receives nothing for `PATIENCE_S` while it lags.
        """
        self.sent = sent
        if self._started is None:
            self._started = monotonic()
        due_s = self._started + (self.now_ms - self._start_ms) / 1_000 / self.speed
        await asyncio.sleep(max(0.0, due_s - monotonic()))
        await self.wait_until(lambda: sent - self._received() < LARGEST_LAG)

    async def wait_until(self, reached: Callable[[], bool]) -> None:
        """Wait for the worker to get somewhere.

        Raises:
            TimeoutError: If it receives nothing for `PATIENCE_S` meanwhile.
        """
        last, since = self._received(), monotonic()
        while not reached():
            await asyncio.sleep(0.05)
            if self._received() != last:
                last, since = self._received(), monotonic()
            elif monotonic() - since > PATIENCE_S:
                raise TimeoutError
