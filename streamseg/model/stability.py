"""Are these clusters in the customers, or in the sample? Agreement of labellings, and the k that resampling confirms.

Arrives: points (N, D). Leaves: the adjusted Rand index of a refit on resampled points, a k, and what segments explain
of the outcome. Pure numpy, seeded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np

from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array
from streamseg.model.clustering import kmeans, nearest

SAMPLE: Final = 5_000
"""A k is chosen on so many points."""
WORSE: Final = 2.0
"""A k may disagree with itself this many times as much as the most stable k does. Blobs agree with themselves wholly at
their own number and not beyond it; a cloud without blobs lets k grow until the cuts begin to move."""
KEPT: Final = 0.8
"""Least stability of a k that is in use and stays: segments that go on are worth more than a better number of them."""
REFITS: Final = 12
LEAST_MEMBERS: Final = 20
"""A behaviour has at least so many customers on average; fewer are no kind of customer."""
CANDIDATES: Final = range(3, 7)
"""Fewer say little more than the risk does. More are nearly as stable (.88 to .93 at eight), but words no longer tell
them apart: of eight behaviours in The Complete Journey two are "rare, low spend"."""


def shared(one: Int64Array, other: Int64Array, shape: tuple[int, int]) -> Int64Array:
    """Count points by both labels: (N,), (N,), each label below its side of `shape` -> `shape`."""
    return np.bincount(one * shape[1] + other, minlength=shape[0] * shape[1]).reshape(shape).astype(np.int64)


def adjusted_rand(one: Int64Array, other: Int64Array) -> float:
    """Agreement of two labellings of N points over all pairs: 1 = the same, 0 = as by chance, and below.

    Source: Hubert & Arabie, "Comparing partitions", Journal of Classification 2, 1985.

    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    1.0
    """
    table = shared(one, other, (int(one.max()) + 1, int(other.max()) + 1))
    together, in_one, in_other = (_pairs(count) for count in (table, table.sum(axis=1), table.sum(axis=0)))
    by_chance = in_one * in_other / max(len(one) * (len(one) - 1) / 2, 1.0)
    most = (in_one + in_other) / 2
    return (together - by_chance) / (most - by_chance) if most != by_chance else 1.0


def stability(
    points: Float64Array, k: int, *, fit: Callable[..., Float64Array] = kmeans, seed: int = 0, refits: int = REFITS
) -> float:
    """Mean ARI between the labels of a clustering of the points and of `refits` resamples of them, on all points.

    Args:
        points: (N, D).
        k: Clusters.
        fit: From points, k and a keyword `seed` to centres.
        seed: Of the resampling and the fits.
        refits: How often to resample; each is a fit.

    Source: the bootstrap of Hennig, "Cluster-wise assessment of cluster stability", 2007, with the ARI for agreement.
    """
    reference, _ = nearest(points, fit(points, k, seed=seed))
    random = np.random.default_rng(seed + 1)
    agreement = 0.0
    for refit in range(refits):
        drawn = points[random.integers(len(points), size=len(points))]
        agreement += adjusted_rand(reference, nearest(points, fit(drawn, k, seed=seed + 2 + refit))[0])
    return agreement / refits


def choose_k(
    points: Float64Array, candidates: Iterable[int] = CANDIDATES, *, prefer: int | None = None, seed: int = 0
) -> tuple[int, float]:
    """Choose the number of clusters: the one in use while it is as stable as `KEPT`, else the largest stable enough.

    Stable enough is a disagreement, 1 - stability, of at most `WORSE` times that of the most stable candidate.

    Args:
        points: (N, D); beyond `SAMPLE` a random part of them decides.
        candidates: In rising order. Those that leave under `LEAST_MEMBERS` points a cluster are passed over, but for
            the first.
        prefer: The k in use.
        seed: Of the resampling.

    Returns:
        k and its stability.
    """
    if len(points) > SAMPLE:
        points = points[np.random.default_rng(seed).choice(len(points), SAMPLE, replace=False)]
    if prefer is not None and (kept := stability(points, prefer, seed=seed)) >= KEPT:
        return prefer, kept
    first, *larger = candidates
    tried = [first, *(k for k in larger if k * LEAST_MEMBERS <= len(points))]
    found = {k: stability(points, k, seed=seed) for k in tried}
    limit = 1.0 - WORSE * (1.0 - max(found.values()))
    enough = [k for k in tried if found[k] >= limit]
    return max(enough), found[max(enough)]


def explained(label: Int64Array, value: Float64Array) -> float:
    """Share of the variance of N values that lies between their labels (eta squared), 0 to 1.

    >>> explained(np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 3.0, 3.0]))
    1.0
    """
    count = np.bincount(label)
    mean = np.bincount(label, value) / np.maximum(count, 1)
    total = float(((value - value.mean()) ** 2).sum())
    return float((count * (mean - value.mean()) ** 2).sum()) / total if total > 0 else 0.0


def _pairs(count: Int64Array) -> float:
    return float((count * (count - 1) // 2).sum())
