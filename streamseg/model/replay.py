"""Scores of the past, as the worker would have given them.

Arrives: a scorer, a history and instants. Leaves: forecasts, bit for bit the worker's where it scored at the instant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from streamseg.core.scores import Float32Array, Float64Array, Scorer
from streamseg.core.windows import BLOCK
from streamseg.model.forecaster import Forecasts
from streamseg.model.history import History
from streamseg.model.instants import Instants
from streamseg.wire.vocabulary import TYPES

_CUSTOMERS_AT_ONCE: Final = 16_384
"""Folded together: bounds the dense features of one window to some tens of megabytes."""


class AnyHorizon(Scorer, Protocol):
    """A scorer that can be asked about other horizons than its own."""

    def over(self, horizon_days: float) -> Scorer:
        """The same model, whose scores are about so many days."""
        ...


class Foreseeing(Scorer, Protocol):
    """A scorer that knows what comes next."""

    def next_types(self, state: Float32Array, x: Float32Array) -> Float64Array:
        """(N, T) P(type of the next touchpoint), by code."""
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

    def ask(states: Float32Array, x: Float32Array) -> Float64Array:
        scores = scorer.score(states, x)
        return np.column_stack((scores.churn_probability, scores.expected_outcomes, scores.expected_value))

    return Forecasts(*np.ascontiguousarray(_replay(scorer, history, instants, ask, 3).T))


def replay_next_types(scorer: Foreseeing, history: History, instants: Instants) -> Float64Array:
    """(N, T) P(type of the next touchpoint) at N instants, by code; states as in `replay_scores`."""
    return _replay(scorer, history, instants, scorer.next_types, len(TYPES))


def _replay(
    scorer: Scorer,
    history: History,
    instants: Instants,
    ask: Callable[[Float32Array, Float32Array], Float64Array],
    width: int,
) -> Float64Array:
    """(N, width) what is answered about the state and the features at each instant."""
    said = np.empty((len(instants), width))
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
                said[now] = ask(states[np.searchsorted(members, asked.customer)], history.features(asked))
            known = np.flatnonzero(first <= window)
            if window < last:
                x = history.closed_features(members[known], np.full(len(known), window), 1)[0]
                states[known] = scorer.advance(states[known], x)
    return said
