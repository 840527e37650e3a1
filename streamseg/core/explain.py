"""How far each ground moved a churn probability: exact occlusion, one forecast for each ground of each emitted row.

Arrives: rows that were scored, with the windows that they were folded from. Leaves: the probability as it is minus what
it is without the ground. Asks the scorer only to score, so any model can be explained; knows no words.

Two things are taken away, each to what a marketer would compare with: a feature of the life is set to its average over
the training data; touchpoints are taken out of the history as if they had not happened, and the step that is scored is
described anew (counts, spend, days since). The hidden state keeps what it made of them: folding again without them
would cost some thirty steps a row and hardly changes the figure (measured: docs/model-explanations.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamseg.core.features import Records, step_features
from streamseg.core.grounds import BANDS, FEATURE_GROUNDS, GIVEN_BACK, KIND_TYPES, PAID, has_feature
from streamseg.core.history import Past
from streamseg.core.running import LIFE, SUM_FIELDS, life_sums
from streamseg.core.scores import Float32Array, Float64Array, Scorer
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import Int64Array
from streamseg.wire.vocabulary import TYPE_CODES

CARRIES: Final = 0.5
"""A kind of touchpoint that moves at least this share of what its whole band moves stands in the band's place."""
_REVIEW: Final = TYPE_CODES["review"]


@dataclass(frozen=True, slots=True)
class Scored:
    """M rows that were scored in one window, and all that went into their scores."""

    state: Float32Array
    """(M, S) before the running window."""
    x: Float32Array
    """(M, F) of the running window."""
    risk: Float64Array
    """(M,) the churn probability that came out."""
    past: Past
    """W closed windows and the running one up to the instant, (W + 1, M), and the life before them."""
    instant_ms: Int64Array
    """(M,)"""

    @property
    def window(self) -> int:
        """The running window."""
        return self.past.start + len(self.past.summary) - 1

    def ago(self, nearest: int, farthest: int) -> slice:
        """Where the windows of a band stand in `past`."""
        stop = max(len(self.past.summary) - nearest, 0)
        return slice(max(len(self.past.summary) - 1 - farthest, 0), stop)


@dataclass(frozen=True, slots=True)
class Moves:
    """How far each ground moves the churn probability of M rows; B bands, K kinds."""

    contribution: Float64Array
    """(M, len(FEATURE_GROUNDS) + B) as it is minus without the ground: above 0, it raises the risk. 0 where a row has no
    such ground."""
    kind: Int64Array
    """(M, B) whose touchpoints are meant: an index in `KINDS`, or K for all that the band holds."""


def explain(scorer: Scorer, scored: Scored, spec: CoreSpec) -> Moves:
    """Ask the scorer again, for each row and ground without that ground; all rows and grounds in one call."""
    row, ground = np.nonzero(has_feature(scored.x))
    x = scored.x[row]
    average = scorer.average
    for index, feature in enumerate(FEATURE_GROUNDS):
        at, columns = np.flatnonzero(ground == index), np.array(feature.columns)
        x[at[:, None], columns] = average[columns]

    has = _kinds_of_bands(scored)
    several = has.sum(axis=2) > 1
    # What is taken out of a band: each kind in turn where there are several, and (code K) all of them together.
    out = np.concatenate((has & several[:, :, None], has.any(axis=2, keepdims=True)), axis=2)
    cut_row, band, kind = np.nonzero(out)
    cut_x, is_left = _without(scored, cut_row, band, kind, spec)
    cut_row, band, kind = cut_row[is_left], band[is_left], kind[is_left]

    asked = np.concatenate((row, cut_row))
    again = scorer.score(scored.state[asked], np.concatenate((x, cut_x[is_left]))).churn_probability
    moved = scored.risk[asked] - again
    features = np.zeros((len(scored.x), len(FEATURE_GROUNDS)))
    features[row, ground] = moved[: len(row)]
    cells = np.zeros(out.shape)
    cells[cut_row, band, kind] = moved[len(row) :]
    touchpoints, meant = _carrier(cells, has)
    return Moves(np.concatenate((features, touchpoints), axis=1), meant)


def _carrier(cells: Float64Array, has: NDArray[np.bool_]) -> tuple[Float64Array, Int64Array]:
    """What stands for each band, (M, B): how far it moves the score, and the kind that it is (K = all together)."""
    every = has.shape[2]
    best = np.abs(cells[:, :, :every]).argmax(axis=2)
    alone = np.take_along_axis(cells, best[:, :, None], axis=2)[:, :, 0]
    whole = cells[:, :, every]
    carries = (alone != 0) & (np.abs(alone) >= CARRIES * np.abs(whole))
    single = has.sum(axis=2) == 1
    kind = np.where(single, has.argmax(axis=2), np.where(carries, best, every))
    return np.where(carries, alone, whole), kind


def _kinds_of_bands(scored: Scored) -> NDArray[np.bool_]:
    """(M, B, K) whether a band holds touchpoints of a kind."""
    types = scored.past.summary["types"] > 0  # (W + 1, M, types)
    held = np.stack([types[scored.ago(*band)].any(axis=0) for band in BANDS], axis=1)
    return held.astype(np.uint8) @ KIND_TYPES.T.astype(np.uint8) > 0


def _without(
    scored: Scored, row: Int64Array, band: Int64Array, kind: Int64Array, spec: CoreSpec
) -> tuple[Float32Array, NDArray[np.bool_]]:
    """Describe the running window again as if some touchpoints had not happened, one version a job.

    Args:
        scored: The rows.
        row, band, kind: (J,) whose touchpoints, of which band, of which kind (K = of every kind).
        spec: The rules.

    Returns:
        (J, F) features, and (J,) whether anything of the life is left: a customer who never was is no comparison.
    """
    past = scored.past
    inside = np.zeros((len(past.summary), len(row)), np.bool_)
    for index, ends in enumerate(BANDS):
        inside[scored.ago(*ends), :] |= band == index
    every = np.ones((1, KIND_TYPES.shape[1]), np.bool_)
    kept = cut(past.summary[:, row], inside, np.concatenate((KIND_TYPES, every))[kind], spec.outcome_by_code)
    life = np.empty(len(row), LIFE)
    life["first_ms"] = past.life["first_ms"][row]
    sums = life_sums(kept)
    for name in SUM_FIELDS:
        life[name] = past.life[name][row] + sums[name].sum(axis=0)
    for name in ("last_ms", "last_outcome_ms"):
        life[name] = np.maximum(past.life[name][row], kept[name].max(axis=0))
    x = step_features(kept[-1], life, scored.instant_ms[row], spec.windows)
    return x, life["touchpoints"] > 0


def cut(
    summary: Records, inside: NDArray[np.bool_], types: NDArray[np.bool_], outcome: NDArray[np.bool_]
) -> Records:
    """Take touchpoints out of window summaries.

    What a touchpoint shares with others of its window (active days, sessions, channels, the latest time) goes with the
    last of them; outcome days, spend and money back go with the last touchpoint that can have brought them.

    Args:
        summary: (W, J) of `rows.SUMMARY`.
        inside: (W, J) the windows to take them from.
        types: (J, types) which ones.
        outcome: (types,) whether a type is an outcome.

    Returns:
        (W, J), new.
    """
    kept = summary.copy()
    counts = kept["types"]
    counts[inside[:, :, None] & types] = 0
    for fields, codes in (
        (("outcome_days", "last_outcome_ms"), np.flatnonzero(outcome)),
        (("spend_micro",), PAID),
        (("refund_micro",), GIVEN_BACK),
    ):
        gone = ~counts[:, :, codes].any(axis=2)
        for name in fields:
            kept[name][gone] = 0
    rated = inside & types[:, _REVIEW]
    kept["rating_sum"][rated] = kept["rating_count"][rated] = 0
    empty = ~counts.any(axis=2)
    windows = kept["window"].copy()
    kept[empty] = np.zeros(1, kept.dtype)
    kept["window"] = windows
    return kept
