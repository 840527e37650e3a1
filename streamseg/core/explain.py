"""How far each ground moved a churn probability: exact occlusion, one forecast for each ground of each emitted row.

Arrives: rows that were scored, and the windows before them. Leaves: the probability as it is minus what it is without
the ground. Asks the scorer only to score, so that any model can be explained; knows no words.

Two things are taken away, each to what a marketer would compare with: a feature of the life is set to its average over
the training data; touchpoints are taken out of the history (`removal.py`), and the step that is scored is described
anew. The hidden state keeps what it made of them: folding again without them would cost some thirty steps a ground.
What that leaves out is measured in docs/model-explanations.md: little for purchases, more for rich browsing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamseg.core.features import Records
from streamseg.core.grounds import EVERY_KIND, FEATURE_GROUNDS, has_feature
from streamseg.core.history import ClosedWindows
from streamseg.core.removal import Contents, contents_of, features_without
from streamseg.core.scores import Float32Array, Float64Array, Scorer
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import Int64Array

CARRIES: Final = 0.5
"""A kind of touchpoint that moves at least this share of what its whole band moves stands in the band's place."""


@dataclass(frozen=True, slots=True)
class Scored:
    """M rows that were scored in one window, and all that went into their scores."""

    window: int
    """The running window."""
    state: Float32Array
    """(M, S) before the running window."""
    x: Float32Array
    """(M, F) of the running window."""
    risk: Float64Array
    """(M,) the churn probability that came out."""
    running: Records
    """(M,) of `rows.SUMMARY`: the running window up to the instant."""
    instant_ms: Int64Array
    """(M,)"""
    closed: ClosedWindows
    """Of C customers, from the anchor of the fold on."""
    member: Int64Array
    """(M,) which of the C each row is about."""


@dataclass(frozen=True, slots=True)
class Moves:
    """How far each ground moves the churn probability of M rows; B bands, K kinds."""

    contribution: Float64Array
    """(M, len(FEATURE_GROUNDS) + B) as it is minus without the ground: above 0, it raises the risk. 0 where a row has
    no such ground."""
    kind: Int64Array
    """(M, B) whose touchpoints are meant: an index in `KIND_NAMES`."""
    contents: Contents
    """What the histories hold: the facts of the reasons."""


def explain(scorer: Scorer, scored: Scored, spec: CoreSpec) -> Moves:
    """Ask the scorer again, for each row and ground without that ground; all rows and grounds in one call."""
    row, ground = np.nonzero(has_feature(scored.x))
    x = scored.x[row]
    average = scorer.average
    for index, feature in enumerate(FEATURE_GROUNDS):
        at, columns = np.flatnonzero(ground == index), np.array(feature.columns)
        x[at[:, None], columns] = average[columns]

    contents = contents_of(scored.window, scored.running, scored.closed, scored.member, spec)
    removals = _removals(contents)
    cut_row, band, kind = np.nonzero(removals)
    cut_x = features_without(contents, cut_row, band, kind, scored.instant_ms, spec.windows)

    asked = np.concatenate((row, cut_row))
    again = scorer.risk(scored.state[asked], np.concatenate((x, cut_x)))
    moved = scored.risk[asked] - again
    features = np.zeros((len(scored.x), len(FEATURE_GROUNDS)))
    features[row, ground] = moved[: len(row)]
    cells = np.zeros(removals.shape)
    cells[cut_row, band, kind] = moved[len(row) :]
    touchpoints, meant = _carrier(cells, contents.has)
    return Moves(np.concatenate((features, touchpoints), axis=1), meant, contents)


def _removals(contents: Contents) -> NDArray[np.bool_]:
    """(M, B, K + 1) what is taken out of a band: all that it holds, and where that is of several kinds, each in turn.

    Never the whole of a life: a customer who never was is no comparison.
    """
    several = contents.has[:, :, :EVERY_KIND].sum(axis=2, keepdims=True) > 1
    asked = contents.has & several
    asked[:, :, EVERY_KIND] = contents.has[:, :, EVERY_KIND]
    removable: NDArray[np.bool_] = asked & (contents.goes["touchpoints"] < contents.life["touchpoints"][:, None, None])
    return removable


def _carrier(cells: Float64Array, has: NDArray[np.bool_]) -> tuple[Float64Array, Int64Array]:
    """What stands for each band, (M, B): how far it moves the score, and whose touchpoints it is."""
    best = np.abs(cells[:, :, :EVERY_KIND]).argmax(axis=2)
    alone = np.take_along_axis(cells, best[:, :, None], axis=2)[:, :, 0]
    whole = cells[:, :, EVERY_KIND]
    carries = (alone != 0) & (np.abs(alone) >= CARRIES * np.abs(whole))
    single = has[:, :, :EVERY_KIND].sum(axis=2) == 1
    kind = np.where(single, has.argmax(axis=2), np.where(carries, best, EVERY_KIND))
    return np.where(carries, alone, whole), kind
