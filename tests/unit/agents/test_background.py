"""A process that makes way pauses for as long as it had to wait, and no longer."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from streamseg.agents.background import LOW_PRIORITY, making_way


class Machine:
    """Clocks that go on when told to, and the alarm."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.elapsed = self.worked = 0.0
        self.niceness = 0
        self.paused: list[float] = []
        self.alarms = 0
        self.is_ignored = False
        self.ring: Callable[[], None] = lambda: None
        monkeypatch.setattr(os, "nice", self._nice)
        monkeypatch.setattr(time, "monotonic", lambda: self.elapsed)
        monkeypatch.setattr(time, "process_time", lambda: self.worked)
        monkeypatch.setattr(time, "sleep", self._sleep)
        monkeypatch.setattr(signal, "signal", self._handle)
        monkeypatch.setattr(signal, "setitimer", self._arm)

    def turn(self, *, worked: float, waited: float) -> None:
        """Work and wait for so long; then the alarm rings."""
        self.worked += worked
        self.elapsed += worked + waited
        self.ring()

    def _nice(self, by: int) -> int:
        self.niceness += by
        return self.niceness

    def _sleep(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.elapsed += seconds

    def _handle(self, number: int, handler: Callable[[int, None], None] | signal.Handlers) -> None:
        self.is_ignored = handler is signal.SIG_IGN
        if callable(handler):
            self.ring = lambda: handler(number, None)

    def _arm(self, which: int, seconds: float) -> None:
        assert which == signal.ITIMER_REAL
        self.alarms += 1 if seconds else -self.alarms


def test_who_never_waits_never_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    with making_way():
        for _ in range(3):
            machine.turn(worked=0.125, waited=0.0)
    assert machine.paused == [0.0] * 3
    assert machine.niceness == LOW_PRIORITY


def test_each_turn_pauses_for_what_it_waited_and_a_pause_is_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    with making_way():
        for waited in (0.5, 0.25, 0.0):
            machine.turn(worked=0.125, waited=waited)
        assert machine.paused == [0.5, 0.25, 0.0]
        assert machine.alarms == 4, "the alarm is set again after each pause, and not before"


def test_two_threads_that_work_at_once_owe_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    with making_way():
        machine.worked = 0.5
        machine.turn(worked=0.125, waited=0.0)
    assert machine.paused == [0.0]


def test_an_alarm_that_comes_after_the_end_kills_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    with pytest.raises(RuntimeError), making_way():
        raise RuntimeError
    assert machine.is_ignored
    assert machine.alarms == 0
