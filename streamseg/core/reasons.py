"""Why a score is what it is: the few grounds that moved it most, each with its facts in a sentence.

Arrives: how far each ground moved the churn probability, and the rows with their windows. Leaves: reasons as columns,
strongest first. Every number in a sentence is read from the customer's own summaries; the sentences are in `words.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from streamseg.compiled import compiled
from streamseg.core.explain import Moves, Scored
from streamseg.core.grounds import FEATURE_GROUNDS, GROUND_NAMES, KIND_NAMES
from streamseg.core.scores import Float32Array, Float64Array
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import Int64Array
from streamseg.core.words import facts_of, feature_words, outcome_word, touchpoint_words, when
from streamseg.wire.outputs import WHOLE_LIFE_MS

REASONS_LIMIT: Final = 3
LEAST_CONTRIBUTION: Final = 0.005
"""Grounds that move the probability by less are noise to a reader; the strongest is named all the same."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """Of M rows, P in all: those of row m are `first[m]` … `first[m + 1] - 1`, strongest first; none if nothing moved
    the score."""

    first: Int64Array
    """(M + 1,)"""
    ground: Int64Array
    """(P,) index in `GROUND_NAMES`."""
    contribution: Float64Array
    """(P,) rounded to four decimals. Negative lowers the risk, and so does a negative zero."""
    words: list[str]
    """(P,)"""
    from_ms: Int64Array
    """(P,) start of the span that it is about, or `WHOLE_LIFE_MS`."""
    until_ms: Int64Array
    """(P,) end of that span, exclusive, or `WHOLE_LIFE_MS`."""


def told(contribution: Float64Array) -> tuple[Int64Array, Int64Array]:
    """Choose what is worth telling of each row.

    Args:
        contribution: (M, G), as `Moves` has it.

    Returns:
        Rows and grounds, (P,) each: by row, and the strongest first; one to three a row, none if nothing moved it.
    """
    row, ground = np.empty((2, REASONS_LIMIT * len(contribution)), np.int64)
    count = _choose(contribution, row, ground)
    return row[:count], ground[:count]


@compiled
def _choose(contribution: Float64Array, row: Int64Array, ground: Int64Array) -> int:
    count = 0
    for at in range(len(contribution)):
        strength = np.abs(contribution[at])
        for rank in range(REASONS_LIMIT):
            strongest = strength.argmax()
            if strength[strongest] == 0 or (rank and strength[strongest] < LEAST_CONTRIBUTION):
                break
            row[count], ground[count] = at, strongest
            strength[strongest] = 0
            count += 1
    return count


def reasons_of(moves: Moves, scored: Scored, spec: CoreSpec) -> Reasons:
    """Say what moved each of M scores: one to three reasons a row, strongest first; none if nothing moved it."""
    row, ground = told(moves.contribution)
    first = np.searchsorted(row, np.arange(len(scored.x) + 1))
    contribution = np.round(moves.contribution[row, ground], 4)
    from_ms, until_ms = (np.full(len(row), WHOLE_LIFE_MS) for _ in range(2))
    is_feature = ground < len(FEATURE_GROUNDS)
    outcome = outcome_word(spec.outcome_types)
    features = _about_features(scored.x, row[is_feature], ground[is_feature], outcome)

    spans = np.flatnonzero(~is_feature)
    row, band = row[spans], ground[spans] - len(FEATURE_GROUNDS)
    kind = moves.kind[row, band]
    held, windows = moves.contents.held[row, band, kind], spec.windows
    ground[spans] = len(FEATURE_GROUNDS) + kind
    from_ms[spans] = windows.origin_ms + held["oldest"] * windows.length_ms
    end_ms = windows.origin_ms + (held["newest"] + 1) * windows.length_ms
    until_ms[spans] = np.minimum(end_ms, scored.instant_ms[row])
    columns = kind, scored.window - held["newest"], scored.window - held["oldest"], held["outcome_days"]
    touchpoints = _about_touchpoints(columns, moves.contents.types[row, band], windows.length_days, outcome)
    words = [next(features if one else touchpoints) for one in is_feature.tolist()]
    return Reasons(first, ground, contribution, words, from_ms, until_ms)


def _about_features(x: Float32Array, row: Int64Array, ground: Int64Array, outcome: str) -> Iterator[str]:
    facts = zip(*facts_of(x, row, ground).T.tolist(), strict=True)
    for which, numbers in zip(ground.tolist(), facts, strict=True):
        yield feature_words(GROUND_NAMES[which], numbers, outcome)


def _about_touchpoints(
    columns: tuple[Int64Array, ...], types: Int64Array, length_days: int, outcome: str
) -> Iterator[str]:
    """Of kinds, nearest and farthest windows (ago) and outcome days, (P,) each, and (P, types) touchpoints by type."""
    # Whole columns become lists: reading single numbers out of arrays took most of the time.
    counts = zip(*types.T.tolist(), strict=True)
    for which, nearest, farthest, days, number in zip(*(column.tolist() for column in columns), counts, strict=True):
        facts = touchpoint_words(KIND_NAMES[which], number, days if outcome == "purchase" else 0)
        yield f"{when(nearest, farthest, length_days)}: {facts}"
