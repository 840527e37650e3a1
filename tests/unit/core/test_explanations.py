"""What an explanation says of a score: exact differences, for any model, and sentences that are true of the data."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamseg.core.explain import Moves, Scored, explain
from streamseg.core.features import COLUMN, FEATURES
from streamseg.core.folds import FoldCache
from streamseg.core.grounds import BANDS, FEATURE_GROUNDS, GROUND_NAMES, KIND_NAMES, KINDS, has_feature
from streamseg.core.reasons import Reasons, reasons_of, told
from streamseg.core.scores import Float32Array, Float64Array, Scores
from streamseg.core.spec import CoreSpec
from streamseg.core.table import CustomerTable
from streamseg.core.words import facts_of, feature_words, outcome_word, touchpoint_words, when
from streamseg.wire.outputs import WHOLE_LIFE_MS, Direction, Reason
from streamseg.wire.vocabulary import TYPE_CODES
from tests.oracle.stepwise import Stepwise
from tests.unit.model.simulated import DAY_MS, START_MS, a_batch

SPEC = CoreSpec(gate_touchpoints=1, gate_age_days=0)
Told = tuple[str, int]
"""Type of a touchpoint and its day; day 0 is the Monday on which a window starts."""


@dataclass(frozen=True, slots=True)
class LinearScorer(Stepwise):
    """A classical model: no state, and a risk that is a weighted sum of the features of the running window."""

    weights: Float64Array
    version: str = "linear"
    model_key: int = 3
    horizon_days: float = 90.0
    behaviours: tuple[str, ...] = ("all",)
    state_size: int = 0
    average: Float32Array = field(default_factory=lambda: np.linspace(0.0, 2.0, len(FEATURES), dtype=np.float32))

    def advance(self, state: Float32Array, x: Float32Array) -> Float32Array:
        return state

    def score(self, state: Float32Array, x: Float32Array) -> Scores:
        risk = self.risk(state, x)
        return Scores(risk, risk, risk, risk, risk, np.ones((len(x), 1)))

    def risk(self, state: Float32Array, x: Float32Array) -> Float64Array:
        # Not a matrix product: its last bit depends on how many rows it has.
        return np.array([0.5 + math.fsum(row) for row in x.astype(np.float64) * self.weights])


def a_scorer(**weights: float) -> LinearScorer:
    """Other weights for all features, or those given alone."""
    made = np.zeros(len(FEATURES))
    for name, weight in weights.items():
        made[COLUMN[name]] = weight
    return LinearScorer(made if weights else np.random.default_rng(1).normal(0.0, 0.01, len(FEATURES)))


def scored_rows(scorer: LinearScorer, histories: list[list[Told]], day: int) -> Callable[[list[int]], Scored]:
    """Customers, as the worker scores them at the boundary `day`; asked for by their numbers."""
    table, folds = CustomerTable(SPEC), FoldCache(scorer)
    rows = [
        (str(number), kind, START_MS + at * DAY_MS + 1, 10.0 if kind == "purchase" else 0.0)
        for number, touchpoints in enumerate(histories)
        for kind, at in touchpoints
    ]
    batch = a_batch(sorted(rows, key=lambda row: row[2]))
    slots, admitted = table.admit(batch)
    for _ in table.observe(batch, slots, admitted, model_key=0):
        pass
    table.watermark_ms = START_MS + day * DAY_MS
    for steps in table.sweep(100, model_key=0):
        scores = folds.score(table, steps)
        if steps.instant_ms[0] == table.watermark_ms:
            at = {table.customer_ids[slot]: row for row, slot in enumerate(steps.slot.tolist())}
            return lambda asked: folds.scored(table, steps, np.array([at[b"%d" % one] for one in asked]), scores)
    raise AssertionError(f"nobody was looked at on day {day}")


def reason_of(reasons: Reasons, row: int) -> tuple[Reason, ...]:
    """The reasons of one row as they stand in its outputs."""
    told = []
    for at in range(int(reasons.first[row]), int(reasons.first[row + 1])):
        contribution, from_ms = reasons.contribution.item(at), reasons.from_ms.item(at)
        span = (None, None) if from_ms == WHOLE_LIFE_MS else (from_ms, reasons.until_ms.item(at))
        direction: Direction = "raises" if math.copysign(1.0, contribution) > 0 else "lowers"
        told.append(Reason(GROUND_NAMES[reasons.ground[at]], direction, contribution, reasons.words[at], *span))
    return tuple(told)


def explained(scorer: LinearScorer, touchpoints: list[Told], day: int) -> tuple[Scored, Moves, tuple[Reason, ...]]:
    """One customer at the boundary `day`."""
    scored = scored_rows(scorer, [touchpoints], day)([0])
    moves = explain(scorer, scored, SPEC)
    return scored, moves, reason_of(reasons_of(moves, scored, SPEC), 0)


NOW = 28 * 7
"""A Monday: the boundary at which the customer below is explained."""
HISTORY: list[Told] = [
    *(("view", 0), ("purchase", 1)),
    *(("purchase", 72), ("purchase", 100), ("view", 121)),
    *(("purchase", 170), ("view", 178), ("view", 180)),
    ("view", 190),
]
"""A line for each band that holds something: 28, 11 to 18, 3 to 4 and 1 weeks ago."""


def test_the_contributions_of_features_add_up_to_the_risk_less_that_of_the_average_customer() -> None:
    scorer = a_scorer()
    scored, moves, _ = explained(scorer, HISTORY, NOW)
    had = [feature for feature, has in zip(FEATURE_GROUNDS, has_feature(scored.x)[0], strict=True) if has]
    columns = [column for feature in had for column in feature.columns]
    average = scored.x.copy()
    average[:, columns] = scorer.average[columns]
    gap = scored.risk - scorer.risk(scored.state, average)
    assert moves.contribution[0, : len(FEATURE_GROUNDS)].sum() == pytest.approx(gap[0], abs=1e-12)


@pytest.mark.parametrize(
    "weights", [{}, {"window_view": 1.0, "touchpoints": -0.1}, {"outcome_days": -0.2}, {"spend": 0.1}]
)
@pytest.mark.parametrize("band", [1, 2, 3])
def test_touchpoints_move_the_score_to_that_of_a_customer_who_never_had_them(
    band: int, weights: dict[str, float]
) -> None:
    scorer = a_scorer(**weights)
    scored, moves, _ = explained(scorer, HISTORY, NOW)
    name = KIND_NAMES[moves.kind[0, band]]
    kinds = KINDS[name] if name in KINDS else tuple(TYPE_CODES)
    nearest, farthest = BANDS[band]
    rest = [
        (kind, day) for kind, day in HISTORY if kind not in kinds or not nearest <= (NOW - day + 6) // 7 <= farthest
    ]
    assert len(rest) < len(HISTORY)
    without, _, _ = explained(scorer, rest, NOW)
    assert moves.contribution[0, len(FEATURE_GROUNDS) + band] == scored.risk[0] - without.risk[0]


def test_a_kind_that_carries_its_band_is_named_and_else_the_band() -> None:
    views = explained(a_scorer(touchpoints=0.1, window_view=0.0), HISTORY, NOW)[1]
    assert [KIND_NAMES[kind] for kind in views.kind[0, 1:]] == ["browsing", "browsing", "purchases", "touchpoints"]
    money = explained(a_scorer(spend=0.1), HISTORY, NOW)[1]
    assert [KIND_NAMES[kind] for kind in money.kind[0, 1:]] == ["browsing", "purchases", "purchases", "purchases"]


def test_the_whole_life_of_a_customer_is_never_taken_away() -> None:
    _, moves, _ = explained(a_scorer(), [("purchase", 0), ("view", 1)], 14)
    whole = explained(a_scorer(), [("purchase", 0)], 14)[1]
    assert KIND_NAMES[moves.kind[0, 2]] in ("purchases", "browsing")
    assert whole.contribution[0, len(FEATURE_GROUNDS) :].tolist() == [0.0] * len(BANDS)


def test_a_model_that_nothing_moves_has_no_reasons() -> None:
    assert explained(a_scorer(elapsed=1.0), HISTORY, NOW)[2] == ()


def test_a_row_has_the_same_reasons_whoever_is_explained_beside_it() -> None:
    scorer = a_scorer(window_view=0.1, outcome_days=-0.1, spend=-0.05)
    nothing_bought: list[Told] = [("view", 100), ("cart_add", 180)]
    customers = scored_rows(scorer, [HISTORY, nothing_bought, [("purchase", 0), ("refund", 170), ("view", 195)]], NOW)

    def reasons(asked: list[int]) -> list[tuple[Reason, ...]]:
        scored = customers(asked)
        together = reasons_of(explain(scorer, scored, SPEC), scored, SPEC)
        return [reason_of(together, row) for row in range(len(asked))]

    alone = [reasons([one])[0] for one in range(3)]
    assert all(alone)
    assert reasons([2, 0, 1, 0]) == [alone[one] for one in (2, 0, 1, 0)]


def test_a_move_too_small_for_four_decimals_keeps_its_direction() -> None:
    said = [explained(a_scorer(recency_days=weight), HISTORY, NOW)[2][0] for weight in (1e-6, -1e-6)]
    assert [abs(reason.contribution) for reason in said] == [0.0, 0.0]
    assert {reason.direction for reason in said} == {"raises", "lowers"}


def test_direction_and_size_are_those_of_the_difference() -> None:
    scorer = a_scorer(recency_days=0.2, outcome_days=-0.1)
    scored, _, reasons = explained(scorer, HISTORY, NOW)
    silence = 0.2 * (scored.x[0, COLUMN["recency_days"]] - scorer.average[COLUMN["recency_days"]])
    said = {reason.name: reason for reason in reasons}
    assert said["silence"].contribution == pytest.approx(silence, abs=5e-5)
    assert all((reason.direction == "raises") == (reason.contribution > 0) for reason in reasons)
    assert [abs(reason.contribution) for reason in reasons] == sorted(
        (abs(reason.contribution) for reason in reasons), reverse=True
    )


@given(st.lists(st.floats(-0.02, 0.02), min_size=1, max_size=20))
def test_at_most_three_are_told_and_the_weak_only_if_there_is_no_other(moves: list[float]) -> None:
    row, ground = told(np.array([moves]))
    strong = sorted((abs(move) for move in moves if abs(move) >= 0.005), reverse=True)[:3]
    weakest = [max(map(abs, moves))] if any(moves) else []
    assert [abs(moves[which]) for which in ground.tolist()] == (strong or weakest)
    assert row.tolist() == [0] * len(ground)


@given(
    moves=st.lists(
        st.tuples(st.sampled_from(["purchase", "view", "cart_add", "refund", "store_visit"]), st.integers(1, NOW - 1)),
        min_size=3,
        max_size=25,
    ),
    seed=st.integers(0, 20),
)
def test_every_count_in_a_sentence_is_that_of_the_touchpoints_in_its_span(moves: list[Told], seed: int) -> None:
    history = [("view", 0), *moves]
    weights = np.random.default_rng(seed).normal(0.0, 0.05, len(FEATURES))
    _, _, reasons = explained(LinearScorer(weights), history, NOW)
    assert reasons
    for reason in reasons:
        if reason.from_time is None or reason.until_time is None:
            continue
        held = [(kind, day) for kind, day in history if reason.from_time <= START_MS + day * DAY_MS < reason.until_time]
        number = {
            "purchases on {} day": len({day for kind, day in held if kind == "purchase"}),
            "{} view": sum(kind == "view" for kind, _ in held),
            "{} cart step": sum(kind == "cart_add" for kind, _ in held),
            "{} refund": sum(kind == "refund" for kind, _ in held),
            "{} store visit": sum(kind == "store_visit" for kind, _ in held),
        }
        _, sentence = reason.words.split(": ")
        for phrase in sentence.split(", "):
            pattern, count = re.sub(r"\d+", "{}", phrase), int((re.findall(r"\d+", phrase) or ["0"])[0])
            if phrase not in ("and more", "searches or clicks", "search or click"):
                assert count == next(told for begin, told in number.items() if pattern.startswith(begin)), reason.words


def test_no_sentence_calls_something_a_purchase_that_is_none() -> None:
    assert outcome_word(("purchase", "renew", "subscribe")) == "purchase"
    assert outcome_word(("purchase",)) == outcome_word(("purchase", "renew", "view")) == "outcome"
    counts = [0] * len(TYPE_CODES)
    counts[TYPE_CODES["purchase"]] = 2
    assert touchpoint_words("purchases", tuple(counts), 0) == "2 purchases or renewals"


def test_a_long_list_says_that_there_is_more() -> None:
    counts = [1] * len(TYPE_CODES)
    assert (
        touchpoint_words("touchpoints", tuple(counts), 2) == "purchases on 2 days, 1 subscription, 1 refund, and more"
    )


@pytest.mark.parametrize("length_days", [1, 7, 14])
def test_windows_are_called_by_their_length(length_days: int) -> None:
    word = {1: "day", 7: "week", 14: "14-day window"}[length_days]
    said = [when(0, 0, length_days), when(1, 1, length_days), when(2, 5, length_days), when(6, 6, length_days)]
    assert said == [f"this {word}", f"last {word}", f"2 to 5 {word}s ago", f"6 {word}s ago"]


FEATURE_WORDS = {
    "silence": "no touchpoint for 41 days",
    "purchase_recency": "last purchase 50 days ago",
    "silence_since_purchase": "last purchase 41 days ago, nothing since",
    "no_purchase": "no purchase in 300 days since the first touchpoint",
    "purchase_frequency": "purchases on 4 days in 300 days",
    "spend": "1,240 spent in all, 310 a purchase day",
    "money_back": "25 % of the spend was given back",
    "engagement": "60 touchpoints on 1 day",
    "tenure": "customer for 300 days",
}


@pytest.mark.parametrize("name", [feature.name for feature in FEATURE_GROUNDS])
def test_every_feature_has_its_sentence(name: str) -> None:
    x = np.zeros((1, len(FEATURES)), np.float32)
    facts = {"recency_days": 41, "outcome_recency_days": 50, "age_days": 300, "outcome_days": 4, "spend": 1240}
    for column, value in (facts | {"spend_per_outcome_day": 310, "touchpoints": 60, "active_days": 1}).items():
        x[0, COLUMN[column]] = np.log1p(value)
    x[0, COLUMN["refund_share"]] = 0.25
    (facts,) = facts_of(x, np.array([0]), np.array([GROUND_NAMES.index(name)])).tolist()
    assert feature_words(name, tuple(facts), "purchase") == FEATURE_WORDS[name]
