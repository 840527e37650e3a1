"""Whether a worker lives and whether it is ready, each with the reason in words.

Arrives: what the parts of the worker say of themselves. Leaves: two answers. Live is false only when a restart would
help; ready is false while the worker can't do its work and says what it waits for. It knows neither HTTP nor Kafka.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True, slots=True)
class Answer:
    """Yes, or no with its reasons."""

    ok: bool
    reasons: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """One line for a person: `ok`, or the reasons."""
        return "ok" if self.ok else "; ".join(self.reasons)


class Health:
    """What each part of the worker waits for. Any thread may report, and any may ask.

    >>> health = Health()
    >>> health.ready.text
    'starting'
    >>> health.waits("model", "no model: publish one with `streamseg models publish FILE`")
    >>> health.started()
    >>> health.ready.text
    'no model: publish one with `streamseg models publish FILE`'
    >>> health.has("model")
    >>> health.ready.ok
    True
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._waits: dict[str, str] = {"start": "starting"}
        self._failed: str | None = None

    def started(self) -> None:
        """The service tree is up; from now on only what was named with `waits` is waited for."""
        self.has("start")

    def waits(self, part: str, reason: str) -> None:
        """`part` can't do its work; `reason` says why and, where there is one, the remedy. Replaces its last reason."""
        with self._lock:
            self._waits[part] = reason

    def has(self, part: str) -> None:
        """`part` has what it waited for."""
        with self._lock:
            self._waits.pop(part, None)

    def fail(self, reason: str) -> None:
        """The worker can't recover by itself; the first reason stays."""
        with self._lock:
            self._failed = self._failed or reason

    @property
    def live(self) -> Answer:
        """False = restart it."""
        with self._lock:
            return Answer(self._failed is None, (self._failed,) if self._failed else ())

    @property
    def ready(self) -> Answer:
        """False = it does not do its work now."""
        with self._lock:
            reasons = ((self._failed,) if self._failed else ()) + tuple(
                self._waits[part] for part in sorted(self._waits)
            )
        return Answer(not reasons, reasons)
