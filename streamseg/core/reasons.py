"""Why a score is what it is: the few grounds that moved it most, each with its facts in a sentence.

Arrives: how far each ground moved the churn probability, and the rows with their windows. Leaves: reasons, strongest
first. Every number in a sentence is read from the customer's own summaries; the sentences are in `words.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from streamseg.core.explain import Moves, Scored
from streamseg.core.grounds import FEATURE_GROUNDS, KIND_NAMES
from streamseg.core.removal import Contents
from streamseg.core.scores import Float32Array, Float64Array
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import Int64Array, WindowSpec
from streamseg.core.words import feature_words, outcome_word, touchpoint_words, when
from streamseg.wire.outputs import Direction, Reason

REASONS_LIMIT: Final = 3
LEAST_CONTRIBUTION: Final = 0.005
"""Grounds that move the probability by less are noise to a reader; the strongest is named all the same."""


GROUND_NAMES: Final = (*(feature.name for feature in FEATURE_GROUNDS), *KIND_NAMES)


@dataclass(frozen=True, slots=True)
class Reasons:
    first: Int64Array
    ground: Int64Array
    contribution: Float64Array
    words: list[str]
    from_ms: Int64Array
    until_ms: Int64Array


def reasons_of(moves: Moves, scored: Scored, spec: CoreSpec) -> Reasons:
    old = reasons_of_old(moves, scored, spec)
    flat = [r for row in old for r in row]
    return Reasons(
        np.cumsum([0, *map(len, old)]),
        np.array([GROUND_NAMES.index(r.name) for r in flat], np.int64),
        np.array([r.contribution for r in flat]),
        [r.words for r in flat],
        np.array([-1 if r.from_time is None else r.from_time for r in flat], np.int64),
        np.array([-1 if r.until_time is None else r.until_time for r in flat], np.int64),
    )


def told(contribution: Float64Array) -> tuple[Int64Array, Int64Array]:
    """Choose what is worth telling of each row.

    Args:
        contribution: (M, G), as `Moves` has it.

    Returns:
        Rows and grounds, (P,) each: by row, and the strongest first; one to three a row, none if nothing moved it.
    """
    strength = np.abs(contribution)
    order = np.argsort(-strength, axis=1, kind="stable")[:, :REASONS_LIMIT]
    is_told = np.take_along_axis(strength, order, axis=1) >= LEAST_CONTRIBUTION
    is_told[:, 0] = strength.max(axis=1) > 0
    row, rank = np.nonzero(is_told)
    return row, order[row, rank]


def reasons_of_old(moves: Moves, scored: Scored, spec: CoreSpec) -> list[list[Reason]]:
    """Say what moved each of M scores: one to three reasons a row, strongest first; none if nothing moved it."""
    row, ground = told(moves.contribution)
    writer = _Writer(spec.windows, outcome_word(spec.outcome_types), scored.window)
    reasons: list[list[Reason]] = [[] for _ in range(len(scored.x))]
    facts = _facts(moves.contents, moves.kind, row, ground)
    pairs = zip(row.tolist(), ground.tolist(), moves.contribution[row, ground].tolist(), facts, strict=True)
    for at, which, contribution, fact in pairs:
        if which < len(FEATURE_GROUNDS):
            reason = writer.about_feature(FEATURE_GROUNDS[which].name, contribution, scored.x[at])
        else:
            reason = writer.about_touchpoints(contribution, fact, int(scored.instant_ms[at]))
        reasons[at].append(reason)
    return reasons


_Fact = tuple[int, int, int, list[int], int]
"""Kind, first and last window, touchpoints by type, outcome days; of no meaning for a feature."""


def _facts(held: Contents, kinds: Int64Array, row: Int64Array, ground: Int64Array) -> Iterator[_Fact]:
    # Lists: reading single numbers out of arrays took most of the time.
    band = np.maximum(ground - len(FEATURE_GROUNDS), 0)
    kind = kinds[row, band]
    at = row, band, kind
    columns = kind, held.oldest[at], held.newest[at], held.types[row, band], held.goes["outcome_days"][at]
    return zip(*(column.tolist() for column in columns), strict=True)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the reasons of one call."""

    spec: WindowSpec
    outcome: str
    """What to call an outcome."""
    running: int
    """The running window."""

    def about_feature(self, name: str, contribution: float, x: Float32Array) -> Reason:
        return Reason(name, _direction(contribution), round(contribution, 4), feature_words(name, x, self.outcome))

    def about_touchpoints(self, contribution: float, fact: _Fact, instant_ms: int) -> Reason:
        kind, oldest, newest, counts, outcome_days = fact
        name = KIND_NAMES[kind]
        span = when(self.running - newest, self.running - oldest, self.spec.length_days)
        facts = touchpoint_words(name, tuple(counts), outcome_days if self.outcome == "purchase" else 0)
        return Reason(
            name,
            _direction(contribution),
            round(contribution, 4),
            f"{span}: {facts}",
            from_time=self.spec.start_ms(oldest),
            until_time=min(self.spec.start_ms(newest + 1), instant_ms),
        )


def _direction(contribution: float) -> Direction:
    return "raises" if contribution > 0 else "lowers"
