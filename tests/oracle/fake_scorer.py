"""A small model with a will of its own: risk follows silence and activity, in arithmetic that no row leaks from.

Only elementwise additions, products and quotients of float64 (no sums over an axis, no matrix product, no exp), so a
row's score is the same bits in any batch. Reads a few features by name; three behaviours; every stage is in reach.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamseg.core.features import COLUMN, FEATURES
from streamseg.core.scores import Float32Array, Float64Array, Scores
from tests.oracle.stepwise import Stepwise

CENTRES = ((0.1, 0.0), (0.6, 0.2), (0.3, 0.8))
"""(activity trace, purchase trace) of the behaviours."""
WEIGHTS = 1.0 / np.arange(3, 3 + len(FEATURES), dtype=np.float64)
"""Of the features in the fingerprint: all different."""


@dataclass(frozen=True, slots=True)
class FakeScorer(Stepwise):
    """A `Scorer` for tests; two of different `shift` are two models of the same kind."""

    version: str = "fake-a"
    model_key: int = 101
    shift: float = 0.0
    """Added to the risk before it is squashed: what a swap changes."""
    behaviours: tuple[str, ...] = ("quiet", "browser", "buyer")
    state_size: int = 3
    horizon_days: float = 90.0

    @property
    def average(self) -> Float32Array:
        """Another number for every feature."""
        return np.linspace(0.1, 1.5, len(FEATURES), dtype=np.float32)

    def advance(self, state: Float32Array, x: Float32Array) -> Float32Array:
        """Traces that fade by a third a window: activity, purchases, and a fingerprint of all features."""
        after = np.empty_like(state)
        after[:, 0] = state[:, 0] * 0.7 + 0.6 * _activity(x)
        after[:, 1] = state[:, 1] * 0.7 + 0.6 * _purchases(x)
        after[:, 2] = state[:, 2] * 0.7 + _fingerprint(x)
        return after

    def score(self, state: Float32Array, x: Float32Array) -> Scores:
        """Silence since the last touchpoint and the last outcome raise the risk; activity and money lower it."""
        activity = state[:, 0].astype(np.float64) * 0.7 + 0.6 * _activity(x)
        purchases = state[:, 1].astype(np.float64) * 0.7 + 0.6 * _purchases(x)
        risk = self.risk(state, x)
        distance = np.empty((len(x), len(CENTRES)))
        for k, (a, b) in enumerate(CENTRES):
            distance[:, k] = np.abs(activity - a) + np.abs(purchases - b)
        value = 40.0 * (1.0 - risk) * _column(x, "spend")
        return Scores(risk, 3.0 * (1.0 - risk), value, 0.5 * value, 2.0 * value, distance)

    def risk(self, state: Float32Array, x: Float32Array) -> Float64Array:
        """The churn probability alone."""
        z = self.shift - 2.0 + sum(self._parts(x).values(), start=np.zeros(len(x)))
        z = z - 0.6 * state[:, 0] - 0.5 * state[:, 1] + 1e-4 * state[:, 2] + 1e-4 * _fingerprint(x)
        found: Float64Array = 0.5 + 0.5 * z / (1.0 + np.abs(z))
        return found

    def _parts(self, x: Float32Array) -> dict[str, Float64Array]:
        return {
            "silence": 0.75 * _column(x, "recency_days"),
            "purchase_recency": 0.5 * _column(x, "outcome_recency_days"),
            "activity": -0.4 * _activity(x),
            "recent_purchases": -0.9 * _purchases(x) - 0.1 * _column(x, "window_spend"),
            "support": 2.0 * _column(x, "window_support_contact") - 0.3 * _column(x, "window_rating"),
            "refunds": 0.5 * _column(x, "window_money_back") + 0.5 * _column(x, "refund_share"),
            "life": 0.2
            - 0.2 * _column(x, "outcome_days")
            - 0.1 * _column(x, "active_days")
            - 0.05 * _column(x, "spend"),
        }


def _column(x: Float32Array, feature: str) -> Float64Array:
    return x[:, COLUMN[feature]].astype(np.float64)


def _fingerprint(x: Float32Array) -> Float64Array:
    """(N,) another number if any feature has another bit. Adds halves: a sum over an axis may change its order."""
    terms = np.zeros((len(x), 64))
    terms[:, : len(FEATURES)] = x * WEIGHTS
    while terms.shape[1] > 1:
        half = terms.shape[1] // 2
        terms = terms[:, :half] + terms[:, half:]
    return terms[:, 0]


def _activity(x: Float32Array) -> Float64Array:
    return 0.5 * _column(x, "window_view") + 0.5 * _column(x, "window_click") + 0.3 * _column(x, "window_sessions")


def _purchases(x: Float32Array) -> Float64Array:
    return 0.9 * _column(x, "window_purchase") + 0.9 * _column(x, "window_renew")
