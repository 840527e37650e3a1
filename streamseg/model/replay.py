"""Scores of the past, as the worker would have given them.

Arrives: a scorer, a history and instants. Leaves: forecasts, bit for bit the worker's where it scored at the instant.
"""

from __future__ import annotations

import numpy as np

from streamseg.core.scores import Scorer
from streamseg.core.windows import BLOCK
from streamseg.model.forecaster import Forecasts
from streamseg.model.history import History
from streamseg.model.instants import Instants


def replay_scores(scorer: Scorer, history: History, instants: Instants) -> Forecasts:
    """Score N instants: states folded from the anchor window by window, then one step on the running window."""
    none, count, value = np.empty((3, len(instants)))
    block_of = instants.window // BLOCK
    for block in np.unique(block_of).tolist():
        inside = np.flatnonzero(block_of == block)
        members = np.unique(instants.customer[inside])
        first = history.first_window[members]
        states = np.zeros((len(members), scorer.state_size), np.float32)
        last = int(instants.window[inside].max())
        for window in range(max(BLOCK * (block - 1), int(first.min())), last + 1):
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
