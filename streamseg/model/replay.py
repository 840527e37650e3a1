"""Scores of the past, as the worker would have given them.

Arrives: a scorer, a history and instants. Leaves: forecasts, bit for bit the worker's where it scored at the instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from streamseg.core.scores import Scorer
from streamseg.core.windows import BLOCK
from streamseg.model.forecaster import Forecasts
from streamseg.model.history import History
from streamseg.model.instants import Instants

_CUSTOMERS_AT_ONCE: Final = 16_384
"""Folded together: bounds the dense features of one window to some tens of megabytes."""


class AnyHorizon(Scorer, Protocol):
    """A scorer that can be asked about other horizons than its own."""

    def over(self, horizon_days: float) -> Scorer:
        """The same model, whose scores are about so many days."""
        ...


@dataclass(frozen=True, slots=True)
class Replayed:
    """Implements `Forecaster`: a model asked about the past as the worker would."""

    name: str
    scorer: AnyHorizon

    def forecast(self, history: History, instants: Instants, horizon_days: float) -> Forecasts:
        """What the model expects of each instant's customer in the `horizon_days` after it."""
        return replay_scores(self.scorer.over(horizon_days), history, instants)


def replay_scores(scorer: Scorer, history: History, instants: Instants) -> Forecasts:
    """Score N instants: states folded from the anchor window by window, then one step on the running window."""
    none, count, value = np.empty((3, len(instants)))
    parts = history.customers // _CUSTOMERS_AT_ONCE + 1
    group_of = instants.window // BLOCK * parts + instants.customer // _CUSTOMERS_AT_ONCE
    for group in np.unique(group_of).tolist():
        inside = np.flatnonzero(group_of == group)
        members = np.unique(instants.customer[inside])
        first = history.first_window[members]
        states = np.zeros((len(members), scorer.state_size), np.float32)
        last = int(instants.window[inside].max())
        for window in range(max(BLOCK * (group // parts - 1), int(first.min())), last + 1):
            now = inside[instants.window[inside] == window]
            if len(now):
                asked = instants.take(now)
                scores = scorer.score(states[np.searchsorted(members, asked.customer)], history.features(asked))
                none[now] = scores.churn_probability
                count[now] = scores.expected_outcomes
                value[now] = scores.expected_value
            known = np.flatnonzero(first <= window)
            if window < last:
                x = history.closed_features(members[known], np.full(len(known), window), 1)[0]
                states[known] = scorer.advance(states[known], x)
    return Forecasts(none, count, value)
