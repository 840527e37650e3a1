"""Are the behaviours worth more than what an analyst has without a model? Measured against k-means on RFM.

Arrives: forecasts at a cut-off, recency, frequency and spend before it, purchases after it. Leaves: stability and the
share of the purchases' variance that segments explain, for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.cluster.vq import kmeans2

from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array
from streamseg.model.behaviours import axes, labels, segment
from streamseg.model.clustering import nearest
from streamseg.model.stability import explained, stability
from streamseg.model.wording import Profiles

REFITS: Final = 20
"""Resamples behind each ARI: its standard error is then about .015."""


@dataclass(frozen=True, slots=True)
class Worth:
    """How good a segmentation is, whatever it was made from."""

    ari: float
    """Bootstrap adjusted Rand index: 1 = another sample gives the same segments."""
    eta2: float
    """Share of the variance of log(1 + holdout count) between segments, 0 to 1."""


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """Behaviours beside RFM k-means with the same number of segments."""

    k: int
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    """Customers by behaviour."""
    behaviours: Worth
    rfm: Worth


def report(profiles: Profiles, rfm: Float64Array, holdout_count: Int64Array, *, k: int = 6) -> SegmentReport:
    """Measure the behaviours of N customers at a cut-off.

    Args:
        profiles: What was forecast at the cut-off.
        rfm: (N, 3) days since the last purchase, purchases and spend before the cut-off, at least 0.
        holdout_count: (N,) purchases after it.
        k: Segments; the same for both.
    """
    found = segment(profiles, k=k)
    points = axes(1.0 - profiles.buys, profiles.outcomes, profiles.value)
    standard = (points - found.mean) / found.scale
    label = labels(found, points)
    reached = np.log1p(holdout_count)
    logs = np.log1p(rfm)
    plain = (logs - logs.mean(axis=0)) / np.maximum(logs.std(axis=0), 1e-9)
    by_rfm, _ = nearest(plain, plain_kmeans(plain, k))
    return SegmentReport(
        k=len(found.ids),
        names=found.names,
        sizes=tuple(np.bincount(label, minlength=len(found.ids)).tolist()),
        behaviours=Worth(stability(standard, k, refits=REFITS), explained(label, reached)),
        rfm=Worth(stability(plain, k, fit=plain_kmeans, refits=REFITS), explained(by_rfm, reached)),
    )


def plain_kmeans(points: Float64Array, k: int, *, seed: int = 0) -> Float64Array:
    """K-means as an analyst runs it, SciPy's: the best of eight random starts, each run until it rests.

    Where fewer than k points differ, each of them is a centre: there is nothing to divide further.
    """
    different: Float64Array = np.unique(points, axis=0)
    if len(different) <= k:
        return different
    random = np.random.default_rng(seed)
    runs = [kmeans2(points, k, iter=100, minit="++", seed=random, missing="warn")[0] for _ in range(8)]
    centres: Float64Array = min(runs, key=lambda centres: float(nearest(points, centres)[1].sum()))
    return centres
