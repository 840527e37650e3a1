"""Which new behaviour continues which old one: by the customers that both versions put into it.

Arrives: the labels that two versions give the same customers today. Leaves: partners, how much they overlap, and in
words what ended, what began and where the customers went. Centres are not compared: their axes move with the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array
from streamseg.model.stability import shared

SAME: Final = 0.5
"""A behaviour that goes on overlaps more than this (Jaccard: customers in both, of those in either). Above one half no
other could be its partner on either side; at or below it the name would stand for mostly other customers."""
_TOLD: Final = 0.15
"""Where a smaller share of a behaviour's customers went is not said."""


@dataclass(frozen=True, slots=True)
class Match:
    """How K new behaviours go on from K0 old ones."""

    partner: tuple[int, ...]
    """(K,) index of the old behaviour that goes on in each new one; -1: it is new."""
    overlap: tuple[float, ...]
    """(K,) Jaccard index with that partner, above `SAME`; 0 for a new one."""
    moved: Int64Array
    """(K0, K) customers by old and new behaviour."""


def match(before: Int64Array, after: Int64Array, old: int, new: int) -> Match:
    """Pair behaviours so that the overlaps of all pairs together are largest, and keep the pairs that mean the same.

    Args:
        before: (N,) old behaviour of each customer, -1 if the old version knows none: left out.
        after: (N,) new behaviour of each, 0 to `new` - 1.
        old: K0, how many the old version has.
        new: K.

    Source: the assignment of Kuhn, "The Hungarian method", 1955, as solved in SciPy.

    >>> match(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]), 2, 2).partner
    (1, 0)
    """
    # Here, since a worker imports this module and never asks: SciPy's optimisers take 0.2 s of its start.
    from scipy.optimize import linear_sum_assignment

    known = before >= 0
    moved = shared(before[known], after[known], (old, new))
    either = moved.sum(axis=1)[:, None] + moved.sum(axis=0)[None] - moved
    overlap: Float64Array = moved / np.maximum(either, 1)
    partner, kept = [-1] * new, [0.0] * new
    for i, j in zip(*linear_sum_assignment(overlap, maximize=True), strict=True):
        if overlap[i, j] > SAME:
            partner[j], kept[j] = int(i), float(overlap[i, j])
    return Match(tuple(partner), tuple(kept), moved)


def announce(found: Match, old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Say in words what ended and what began; nothing if all goes on.

    >>> announce(match(np.array([0, 0, 0]), np.array([0, 0, 1]), 1, 3), ["all"], ["all", "few", "none"])
    ("'few' is new: 100 % come from 'all'", "'none' is new: nobody whom the old version knows is in it")
    """
    ended = [
        f"{old[i]!r} has ended: no new behaviour overlaps it by more than half; {_shares(row, new, 'are now in')}"
        for i, row in enumerate(found.moved)
        if i not in found.partner
    ]
    begun = [
        f"{new[j]!r} is new: {_shares(column, old, 'come from')}"
        for j, column in enumerate(found.moved.T)
        if found.partner[j] < 0
    ]
    return (*ended, *begun)


def _shares(count: Int64Array, names: Sequence[str], verb: str) -> str:
    if not count.sum():
        return "nobody whom the old version knows is in it"
    share = count / count.sum()
    told = [i for i in np.argsort(-share, kind="stable").tolist() if share[i] >= _TOLD]
    return ", ".join(f"{100 * share[i]:.0f} % {verb} {names[i]!r}" for i in told)
