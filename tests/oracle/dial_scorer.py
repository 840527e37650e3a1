"""A model that says what a test turns it to: one risk and one set of distances for every row, until turned again.

For examples of the decisions; what the score depends on is the business of `fake_scorer` and of the real network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamseg.core.features import FEATURES
from streamseg.core.scores import Float32Array, Float64Array, Scores
from tests.oracle.stepwise import Stepwise


@dataclass(slots=True)
class DialScorer(Stepwise):
    """A `Scorer` whose answer is set by hand."""

    churn: float = 0.1
    distance: tuple[float, ...] = (1.0, 2.0)
    """To the centres of the behaviours."""
    version: str = "dial-a"
    model_key: int = 7
    behaviours: tuple[str, ...] = ("quiet", "buyer")
    state_size: int = 1
    horizon_days: float = 90.0
    asked: int = 0
    """Rows scored so far."""

    @property
    def average(self) -> Float32Array:
        """Nothing: the answer doesn't depend on it."""
        return np.zeros(len(FEATURES), np.float32)

    def advance(self, state: Float32Array, x: Float32Array) -> Float32Array:
        """One window more."""
        return np.add(state, np.float32(1), dtype=np.float32)

    def score(self, state: Float32Array, x: Float32Array) -> Scores:
        """The dial, for every row."""
        n = len(x)
        self.asked += n
        distance = np.tile(np.array(self.distance), (n, 1))
        churn, outcomes, value, low, high = (np.full(n, said) for said in (self.churn, 2.0, 30.0, 10.0, 70.0))
        return Scores(churn, outcomes, value, low, high, distance)

    def risk(self, state: Float32Array, x: Float32Array) -> Float64Array:
        """The dial, for every row."""
        return self.score(state, x).churn_probability
