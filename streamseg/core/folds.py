"""The cache of hidden states: what the network has made of each customer's closed windows. The summaries are the truth.

A state is folded on when the customer is next scored, and from zero again after a late touchpoint, a restore, a new
model or a new anchor; both ways give the same bits, since every step does.
"""

from __future__ import annotations

import numpy as np

from streamseg.core.columns import grown
from streamseg.core.explain import Scored
from streamseg.core.scores import Float32Array, Scorer, Scores
from streamseg.core.steps import Steps
from streamseg.core.summaries import NO_WINDOW
from streamseg.core.table import CustomerTable
from streamseg.core.windows import Int64Array

_ROWS_AT_ONCE = 4_096
"""Customers folded together: bounds the dense block of closed windows to some tens of megabytes."""


class FoldCache:
    """States by slot, for one scorer; make a new one when the model changes."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self._states: Float32Array = np.zeros((64, scorer.state_size), np.float32)
        self._start = np.full(64, NO_WINDOW, np.int64)  # the window before which the state was zero
        self._stop = np.zeros(64, np.int64)  # the first window that is not folded in
        self._generation = np.zeros(64, np.int64)

    def score(self, table: CustomerTable, steps: Steps) -> Scores:
        """Forecast every row of the steps from the windows before theirs."""
        return self.scorer.score(self.states(table, steps.slot, steps.window), steps.x)

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
        """(N, S) each customer's state with all windows before `window` folded in, since its anchor."""
        self._reserve(len(table))
        distinct = np.unique(slots)
        start = np.maximum(table.spec.windows.anchor(window), table.first_window(distinct))
        stale = (self._start[distinct] != start) | (self._generation[distinct] != table.generation[distinct])
        stale |= self._stop[distinct] > np.maximum(window, start)
        fresh = distinct[stale]
        self._states[fresh] = 0
        self._start[fresh] = start[stale]
        self._stop[fresh] = start[stale]
        self._generation[fresh] = table.generation[fresh]
        behind = distinct[self._stop[distinct] < window]
        for stop in np.unique(self._stop[behind]).tolist():
            group = behind[self._stop[behind] == stop]
            for at in range(0, len(group), _ROWS_AT_ONCE):
                self._fold(table, group[at : at + _ROWS_AT_ONCE], stop, window)
        return self._states[slots]

    def _fold(self, table: CustomerTable, slots: Int64Array, start: int, stop: int) -> None:
        states = self._states[slots]
        for x in table.closed_features(slots, start, stop):
            states = self.scorer.advance(states, x)
        self._states[slots] = states
        self._stop[slots] = stop

    def _reserve(self, size: int) -> None:
        if size > len(self._start):
            self._states = grown(self._states, size, 0)
            self._start = grown(self._start, size, NO_WINDOW)
            self._stop = grown(self._stop, size, 0)
            self._generation = grown(self._generation, size, 0)
