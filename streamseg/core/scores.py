"""What the core asks of a model, and what it gets back: the one seam between decisions and torch.

A state row is the packed hidden state of one customer (LSTM: h then c); all zeros before the first window. The core
never looks into it. One row's result depends on that row alone, bit for bit, whatever stands beside it in a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streamseg.core.windows import Int64Array

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """The forecast for N rows, over the churn horizon that starts at the row's own instant."""

    churn_probability: Float64Array
    """(N,) P(no day with an outcome in the horizon), calibrated, in [0, 1]."""
    expected_outcomes: Float64Array
    """(N,) Expected number of days with an outcome in the horizon, at least 0."""
    expected_value: Float64Array
    """(N,) Expected discounted spend in the horizon, base currency, at least 0."""
    value_low: Float64Array
    """(N,) In eight cases of ten the spend lies between this"""
    value_high: Float64Array
    """(N,) and this; base currency, at least 0."""
    behaviour_distance: Float64Array
    """(N, K) Distance to the centre of each behaviour cluster, at least 0."""


class Scorer(Protocol):
    """A loaded model. Nothing in it changes: the pipelines of several partitions call it at once."""

    @property
    def version(self) -> str: ...
    @property
    def model_key(self) -> int:
        """First 63 bits of the artefact's SHA-256: the version as it stands in customer rows; above 0."""
        ...

    @property
    def horizon_days(self) -> float:
        """The churn horizon that `Scores` are for."""
        ...

    @property
    def behaviours(self) -> tuple[str, ...]:
        """The K names of the behaviour clusters."""
        ...

    @property
    def state_size(self) -> int:
        """S, the width of a state row."""
        ...

    @property
    def average(self) -> Float32Array:
        """(F,) the mean of each feature over the training data: what an explanation sets a feature to."""
        ...

    def advance(self, state: Float32Array, x: Float32Array) -> Float32Array:
        """Fold one closed window into each state: (N, S), (N, F) -> (N, S). New array; the input is left as it is."""
        ...

    def catch_up(self, state: Float32Array, x: Float32Array, joined: Int64Array) -> Float32Array:
        """Fold W closed windows into N states, as so many calls of `advance` would, and to the bit.

        Args:
            state: (N, S); who has more windows to be folded in stands before who has fewer.
            x: (R, F) the windows from old to new: first those of the first of `joined`, then those of the second …
            joined: (W,) how many states each window is folded into, the first ones; R in all, 0 to N, never falling.

        Returns:
            (N, S), a new array.
        """
        ...

    def score(self, state: Float32Array, x: Float32Array) -> Scores:
        """Take one step over the running window (not kept) and forecast: (N, S), (N, F)."""
        ...

    def risk(self, state: Float32Array, x: Float32Array) -> Float64Array:
        """(N,) the `churn_probability` of `score` alone, bit for bit: all that an explanation asks for."""
        ...
