"""Why a score is what it is, written from the rules' text: take one thing away, ask again, one question at a time.

Arrives: a customer's whole history, the state and the score. Leaves: reasons as the JSON object says them. Only how
facts are put in words is the program's own; the facts are counted here.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from streamseg.core.features import COLUMN
from streamseg.core.grounds import GROUND_NAMES
from streamseg.core.scores import Float32Array, Scorer
from streamseg.core.windows import WindowSpec
from streamseg.core.words import facts_of, feature_words, outcome_word, touchpoint_words, when
from streamseg.wire.vocabulary import TYPES
from tests.oracle.history import History, Summary

KINDS = {
    "purchases": {"purchase", "subscribe", "renew"},
    "refunds": {"refund", "cancel", "unsubscribe"},
    "browsing": {"view", "search", "click", "other"},
    "cart": {"cart_add", "cart_remove", "checkout"},
    "messages": {"email_sent", "email_open", "email_click", "push_open"},
    "advertising": {"ad_impression", "ad_click", "social_engage"},
    "store_visits": {"store_visit"},
    "support": {"support_contact", "review"},
    "campaigns": {"campaign_sent", "coupon_redeemed"},
}
ALL = set(TYPES)
BANDS = ((0, 0), (1, 1), (2, 5), (6, 18), (19, 51))
"""Windows ago."""


@dataclass(frozen=True, slots=True)
class Ground:
    """One thing that may be told, with its sentence."""

    name: str
    contribution: float
    words: str
    from_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """One score, and all that it was made from."""

    scorer: Scorer
    spec: WindowSpec
    outcome_types: frozenset[str]
    history: History
    t: int
    state: Float32Array
    risk: float

    @property
    def window(self) -> int:
        return self.spec.index_of(self.t)

    def reasons(self) -> list[dict[str, Any]]:
        """The three strongest that move the risk by half a point, or else the strongest."""
        grounds = [*self._features(), *self._touchpoints()]
        moving = sorted((ground for ground in grounds if ground.contribution), key=lambda one: -abs(one.contribution))
        told = [ground for ground in moving[:3] if abs(ground.contribution) >= 0.005] or moving[:1]
        return [
            {
                "name": ground.name,
                "direction": "raises" if ground.contribution > 0 else "lowers",
                "contribution": round(ground.contribution, 4),
                "words": ground.words,
                "from_time": _rfc3339(ground.from_ms),
                "until_time": _rfc3339(ground.until_ms),
            }
            for ground in told
        ]

    def _moved(self, x: Float32Array) -> float:
        return self.risk - float(self.scorer.score(self.state, x).churn_probability[0])

    # -- features: set to the average

    def _features(self) -> Iterator[Ground]:
        x = self.history.x(self.window, self.t)
        for name, columns in _columns_of(x[0]).items():
            average = x.copy()
            for column in columns:
                average[0, COLUMN[column]] = self.scorer.average[COLUMN[column]]
            (facts,) = facts_of(x, np.array([0]), np.array([GROUND_NAMES.index(name)])).tolist()
            words = feature_words(name, tuple(facts), outcome_word(self.outcome_types))
            yield Ground(name, self._moved(average), words)

    # -- touchpoints: taken out of the history

    def _touchpoints(self) -> Iterator[Ground]:
        for nearest, farthest in BANDS:
            oldest = max(self.window - farthest, self.spec.anchor(self.window))
            span = range(oldest, self.window - nearest + 1)
            held = {name: types for name, types in KINDS.items() if self._windows_with(types, span)}
            if not held:
                continue
            whole = self._moved_without(ALL, span)
            if len(held) == 1:
                (name,) = held
                yield self._told(name, whole, KINDS[name], span)
                continue
            alone = {name: self._moved_without(types, span) for name, types in held.items()}
            best = max(alone, key=lambda name: abs(alone[name]))
            if alone[best] and abs(alone[best]) >= abs(whole) / 2:
                yield self._told(best, alone[best], KINDS[best], span)
            else:
                yield self._told("touchpoints", whole, ALL, span)

    def _windows_with(self, types: set[str], span: range) -> list[int]:
        windows = self.history.windows
        return [w for w in span if w in windows and any(windows[w].types[type_] for type_ in types)]

    def _moved_without(self, types: set[str], span: range) -> float:
        """How far the score moves without the touchpoints; not at all if nobody would be left."""
        without = deepcopy(self.history)
        without.forget_answers()
        for window in span:
            if window in without.windows:
                take_out(without.windows[window], types, self.outcome_types)
        return self._moved(without.x(self.window, self.t)) if without.count else 0.0

    def _told(self, name: str, contribution: float, types: set[str], span: range) -> Ground:
        held = self._windows_with(types, span)
        summaries = [self.history.windows[window] for window in held]
        counts = tuple(sum(summary.types[type_] for summary in summaries) for type_ in TYPES)
        days = sum(len(summary.outcome_days) for summary in summaries)
        sentence = touchpoint_words(name, counts, days if outcome_word(self.outcome_types) == "purchase" else 0)
        ago = when(self.window - held[-1], self.window - held[0], self.spec.length_days)
        until_ms = self.t if held[-1] == self.window else self.spec.start_ms(held[-1] + 1)
        return Ground(name, contribution, f"{ago}: {sentence}", self.spec.start_ms(held[0]), until_ms)


def take_out(summary: Summary, types: set[str], outcome_types: frozenset[str]) -> None:
    """Make a summary what it would be without touchpoints of some types, as far as it can tell."""
    for type_ in types:
        summary.types[type_] = 0
    if not any(summary.types[type_] for type_ in outcome_types):
        summary.outcome_days, summary.last_outcome_ms = set(), 0
    if types >= KINDS["purchases"]:
        summary.spend_micro = 0
    if types >= KINDS["refunds"]:
        summary.refund_micro = 0
    if "review" in types:
        summary.rating_sum = summary.rating_count = 0
    if not any(summary.types.values()):
        summary.channels = dict.fromkeys(summary.channels, 0)
        summary.spend_micro = summary.refund_micro = summary.rating_sum = summary.rating_count = summary.last_ms = 0
        summary.active_days, summary.session_bits = set(), set()


def _columns_of(x: Float32Array) -> dict[str, list[str]]:
    """The features that this row has."""
    never = x[COLUMN["never_outcome"]] > 0
    together = not never and x[COLUMN["recency_days"]] == x[COLUMN["outcome_recency_days"]]
    bought = ["outcome_days", "outcome_rate", "spend", "spend_per_outcome_day", "refund_share"]
    features: dict[str, list[str]] = {}
    if not together:
        features["silence"] = ["recency_days"]
    if not together and not never:
        features["purchase_recency"] = ["outcome_recency_days"]
    if together:
        features["silence_since_purchase"] = ["recency_days", "outcome_recency_days"]
    if not never:
        features["purchase_frequency"] = bought[:2]
        features["spend"] = bought[2:4]
        features["money_back"] = bought[4:]
    if never:
        features["no_purchase"] = ["outcome_recency_days", "never_outcome", *bought]
    features["engagement"] = ["touchpoints", "active_days"]
    features["tenure"] = ["age_days", "outcome_age_days", "first_window"]
    return features


def _rfc3339(instant_ms: int | None) -> str | None:
    if instant_ms is None:
        return None
    # The week of 1 January 1970 began in 1969; no time on the wire is before 1970.
    instant = datetime(1970, 1, 1) + timedelta(milliseconds=max(instant_ms, 0))
    return instant.isoformat(timespec="milliseconds") + "Z"
