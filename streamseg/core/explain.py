"""How far each ground moved a churn probability: exact occlusion, one forecast for each ground of each emitted row.

Arrives: rows that were scored, and the windows before them. Leaves: the probability as it is minus what it is without
the ground. Asks the scorer for the risk alone, so that any model can be explained; knows no words.

Two things are taken away, each to what a marketer would compare with: a feature of the life is set to its average over
the training data; touchpoints are taken out of the history (`removal.py`), and the step that is scored is described
anew. The hidden state keeps what it made of them: folding again without them would cost some thirty steps a ground.
What that leaves out is measured in docs/model-explanations.md: little for purchases, more for rich browsing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from streamseg.compiled import compiled
from streamseg.core.features import Records
from streamseg.core.grounds import BANDS, EVERY_KIND, FEATURE_COLUMNS, FEATURE_GROUNDS, has_feature
from streamseg.core.history import ClosedWindows
from streamseg.core.removal import Contents, contents_of, features_without, removals_of
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
    contents = contents_of(scored.window, scored.running, scored.closed, scored.member, spec)
    cut_row, band, kind = removals_of(contents)
    asked = np.concatenate((row, cut_row))
    x = scored.x.take(asked, axis=0)
    np.copyto(x[: len(row)], scorer.average, where=FEATURE_COLUMNS[ground])
    x[len(row) :] = features_without(contents, cut_row, band, kind, scored.instant_ms, spec.windows)
    moved = scored.risk[asked] - scorer.risk(scored.state.take(asked, axis=0), x)

    contribution = np.zeros((len(scored.x), len(FEATURE_GROUNDS) + len(BANDS)))
    contribution[row, ground] = moved[: len(row)]
    cells = np.zeros(contents.held.shape)
    cells[cut_row, band, kind] = moved[len(row) :]
    meant = np.full((len(scored.x), len(BANDS)), EVERY_KIND)
    _settle(cells, contents.held, contribution, meant)
    return Moves(contribution, meant, contents)


@compiled
def _settle(cells: Float64Array, held: Records, contribution: Float64Array, meant: Int64Array) -> None:
    """Find what stands for each band, (M, B): how far it moves the score (the last B columns), and whose it is."""
    first = contribution.shape[1] - cells.shape[1]
    for row in range(len(cells)):
        for band in range(cells.shape[1]):
            moved, every = cells[row, band], cells.shape[2] - 1
            best, kinds = 0, 0
            for kind in range(every):
                if held[row, band, kind].touchpoints:
                    kinds += 1
                    best = kind if kinds == 1 or abs(moved[kind]) > abs(moved[best]) else best
            carries = moved[best] != 0 and abs(moved[best]) >= CARRIES * abs(moved[every])
            contribution[row, first + band] = moved[best if carries else every]
            if carries or kinds == 1:
                meant[row, band] = best
