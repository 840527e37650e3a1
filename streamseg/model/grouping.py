"""The behaviours of a model's customers: all as of the last boundary, grouped, and matched with the version before.

Arrives: a scorer without behaviours, a history and the model that serves. Leaves: `Behaviours` for the artefact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streamseg.core.scores import Float64Array, Scorer
from streamseg.core.windows import Int64Array
from streamseg.model.artifact import Artifact
from streamseg.model.behaviours import Behaviours, Previous, axes, labels, segment
from streamseg.model.forecaster import Forecasts
from streamseg.model.history import History
from streamseg.model.replay import replay_scores
from streamseg.model.wording import Profiles
from streamseg.wire.vocabulary import CHANNELS, TYPES


def group(scorer: Scorer, history: History, incumbent: Artifact | None, *, seed: int) -> Behaviours:
    """Group the customers by what is expected of each at the last window's boundary, and go on from the incumbent."""
    windows = history.spec.windows
    boundary_ms = windows.start_ms(windows.index_of(history.end_ms))
    known = np.flatnonzero(history.first_ms <= boundary_ms)
    asked = history.at(known, np.full(len(known), boundary_ms))
    asked = asked.take(~asked.is_gated)
    said = replay_scores(scorer, history, asked)
    previous = None
    if incumbent is not None:
        before = replay_scores(incumbent.scorer, history, asked)
        points = axes(before.none, before.count, before.value)
        previous = Previous(incumbent.behaviours, labels(incumbent.behaviours, points))
    return segment(profiles_of(history, asked.customer, said, scorer.horizon_days), previous, seed=seed)


def profiles_of(history: History, customer: Int64Array, said: Forecasts, horizon_days: float) -> Profiles:
    """What N customers are expected to do, beside all that they have done in the history."""
    done = history.touchpoints
    return Profiles(
        buys=1.0 - said.none,
        outcomes=said.count,
        value=said.value,
        types=_counts(done.customer, done.type_code, history.customers, len(TYPES))[customer],
        channels=_counts(done.customer, done.channel_code, history.customers, len(CHANNELS))[customer],
        horizon_days=horizon_days,
    )


def _counts(customer: Int64Array, code: NDArray[np.uint8], customers: int, codes: int) -> Float64Array:
    """(C, codes) touchpoints of each customer and code."""
    counted = np.bincount(customer * codes + code, minlength=customers * codes)
    return counted.reshape(customers, codes).astype(np.float64)
