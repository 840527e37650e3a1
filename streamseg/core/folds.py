"""The cache of hidden states: what the network has made of each customer's closed windows. The summaries are the truth.

A state is folded on when the customer is next scored, and from zero again after a late touchpoint, a restore, a new
model, a new anchor, or when it was forgotten; all ways give the same bits, since every step does.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from streamseg.core.columns import grown, starts_of
from streamseg.core.explain import Scored
from streamseg.core.history import missed_features
from streamseg.core.scores import Float32Array, Scorer, Scores
from streamseg.core.steps import Steps
from streamseg.core.summaries import NO_WINDOW
from streamseg.core.table import CustomerTable
from streamseg.core.windows import Int64Array

_WINDOWS_AT_ONCE = 4_096
"""Folded in together, of however many customers: bounds what describes them to two megabytes."""
_NONE = -1


class FoldCache:
    """States of the customers who were scored lately, for one scorer; make a new one when the model changes.

    A state has a place in a pool, found by slot. When the pool is full, whoever was not scored since the window before
    last loses his (nobody looks at him any more), and only then it grows.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self._place = np.empty(0, np.int64)
        """By slot."""
        self._used = 0
        self._states: Float32Array = np.empty((0, scorer.state_size), np.float32)
        self._slot = np.empty(0, np.int64)
        self._start = np.empty(0, np.int64)  # the window before which the state was zero
        self._stop = np.empty(0, np.int64)  # the first window that is not folded in
        self._generation = np.empty(0, np.int64)

    def __len__(self) -> int:
        return self._used

    def score(self, table: CustomerTable, steps: Steps) -> Scores:
        """Forecast the rows of the steps from the windows before theirs; those of gated rows are zeros."""
        asked = np.flatnonzero(~steps.is_gated)
        found = self.scorer.score(self.states(table, steps.slot[asked], steps.window), steps.x[asked])
        if len(asked) == len(steps):
            return found
        columns = {column.name: getattr(found, column.name) for column in fields(Scores)}
        for name, told in columns.items():
            columns[name] = np.zeros((len(steps), *told.shape[1:]))
            columns[name][asked] = told
        return Scores(**columns)

    def scored(self, table: CustomerTable, steps: Steps, rows: Int64Array, scores: Scores) -> Scored:
        """All that went into the scores of some rows of the steps that were just scored: what an explanation reads."""
        slots = steps.slot[rows]
        distinct, member = np.unique(slots, return_inverse=True)
        return Scored(
            window=steps.window,
            state=self.states(table, slots, steps.window),
            x=steps.x[rows],
            risk=scores.churn_probability[rows],
            running=steps.summary[rows],
            instant_ms=steps.instant_ms[rows],
            closed=table.closed_windows(distinct, table.spec.windows.anchor(steps.window), steps.window),
            member=member,
        )

    def states(self, table: CustomerTable, slots: Int64Array, window: int) -> Float32Array:
        """(N, S) each customer's state with all windows before `window` folded in, since its anchor.

        The slots of one customer are adjacent.
        """
        distinct = slots[starts_of(slots)]
        at = self._places(distinct, len(table), window)
        start = np.maximum(table.spec.windows.anchor(window), table.first_window(distinct))
        stale = (self._start[at] != start) | (self._generation[at] != table.generation[distinct])
        stale |= self._stop[at] > np.maximum(window, start)
        fresh = at[stale]
        self._states[fresh] = 0
        self._start[fresh] = start[stale]
        self._stop[fresh] = start[stale]
        self._generation[fresh] = table.generation[distinct[stale]]
        behind = at[self._stop[at] < window]
        behind = behind[np.argsort(self._stop[behind], kind="stable")]
        while len(behind):
            missed = np.cumsum(window - self._stop[behind])
            some = int(np.searchsorted(missed, _WINDOWS_AT_ONCE)) + 1
            self._fold(table, behind[:some], window)
            behind = behind[some:]
        return self._states[self._place[slots]]

    def _fold(self, table: CustomerTable, at: Int64Array, stop: int) -> None:
        """Fold in what closed before window `stop`; who has the most to catch up with stands first."""
        slots, start = self._slot[at], self._stop[at]
        x, joined = missed_features(table.rows, table.summaries, slots, start, stop, table.spec.windows)
        self._states[at] = self.scorer.catch_up(self._states[at], x, joined)
        self._stop[at] = stop

    def _places(self, slots: Int64Array, customers: int, window: int) -> Int64Array:
        """The places of distinct customers; who had none gets one, with a state that is of no use yet."""
        self._place = grown(self._place, customers, _NONE)
        missing = slots[self._place[slots] == _NONE]
        if self._used + len(missing) > len(self._slot):
            self._forget_idle(window)
            missing = slots[self._place[slots] == _NONE]  # more than before, if some of them were idle
            self._reserve(self._used + len(missing))
        made = np.arange(self._used, self._used + len(missing))
        self._used += len(missing)
        self._place[missing], self._slot[made], self._start[made] = made, missing, NO_WINDOW
        return self._place[slots]

    def _forget_idle(self, window: int) -> None:
        kept = np.flatnonzero(self._stop[: self._used] >= window - 1)
        if len(kept) == self._used:
            return
        self._place[:] = _NONE
        self._used = len(kept)
        self._place[self._slot[kept]] = np.arange(len(kept))
        for column in (self._states, self._slot, self._start, self._stop, self._generation):
            column[: len(kept)] = column[kept]

    def _reserve(self, size: int) -> None:
        # An eighth to spare, or the next customer would bring the next look for the idle.
        size += size // 8
        self._states = grown(self._states, size)
        self._slot = grown(self._slot, size)
        self._start = grown(self._start, size)
        self._stop = grown(self._stop, size)
        self._generation = grown(self._generation, size)
