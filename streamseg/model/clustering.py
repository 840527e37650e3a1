"""K-means that finds the same clusters again: a start that the sample hardly moves, and few steps from there.

Arrives: points (N, D) whose axes are on one footing, and k. Leaves: k centres, the same for the same points and seed.
Knows nothing of customers. Memory beyond the points is bounded: distances are taken `CHUNK` rows at a time.

Forecasts of customers form no blobs but one long cloud, and in it many cuts are nearly as good as the best one: k-means
from random starts finds another one in every sample. So the cloud is cut along its longest axis, as densely as squared
error wants it, and the cuts are bent into the other axes for as long as a step still lowers the error by a hundredth.
On forecasts for The Complete Journey, k = 6, three trainings, that lifts the bootstrap ARI from .83–.90 to .91–.94
(on Online Retail both give .92–.95) and moves the explained variance by .011 at most. Blobs need the random starts.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array

CHUNK: Final = 16_384
RESTARTS: Final = 4
SAMPLE: Final = 2_000
"""Random starts are tried on so many points: blobs worth a name show in them."""
_BINS: Final = 50
_LEAST_GAIN: Final = 0.01
"""A step that lowers the error by less than this share is the last one: later ones follow the sample's noise."""
_CLEARLY_BETTER: Final = 0.5
"""A random start replaces the long cut only below this share of its error."""


def kmeans(points: Float64Array, k: int, *, seed: int = 0) -> Float64Array:
    """Find k centres, fewer if there are fewer distinct points.

    Args:
        points: (N, D), N at least 1, finite.
        k: At least 1.
        seed: Of the random starts.

    Returns:
        (K, D), each the centre of at least one point.

    Source: Lloyd, "Least squares quantization in PCM", 1982; a start along the principal axis as in Su & Dy, "In search
    of deterministic methods for initializing k-means", 2007; random starts as in Arthur & Vassilvitskii, "k-means++",
    2007.

    >>> kmeans(np.array([[0.0], [0.2], [5.0], [5.2]]), 2).round(1).tolist()
    [[0.1], [5.1]]
    """
    k = min(k, len(np.unique(points, axis=0)))
    cut, error = _improve(points, _long_cut(points, k))
    random = np.random.default_rng(seed)
    sample = points if len(points) <= SAMPLE else points[random.choice(len(points), SAMPLE, replace=False)]
    k_sample = min(k, len(np.unique(sample, axis=0)))
    starts = [_improve(sample, _spread(sample, k_sample, random)) for _ in range(RESTARTS)]
    free, free_error = _improve(points, min(starts, key=lambda start: start[1])[0])
    is_whole = len(cut) == k and len(np.unique(nearest(points, cut)[0])) == k
    return cut if is_whole and free_error >= _CLEARLY_BETTER * error else _inhabited(points, free)


def nearest(points: Float64Array, centres: Float64Array) -> tuple[Int64Array, Float64Array]:
    """Label each point with its nearest centre, the first of equals.

    Returns:
        (N,) indexes of centres, and (N,) squared distances to them.
    """
    label = np.empty(len(points), np.int64)
    square = np.empty(len(points))
    for start in range(0, len(points), CHUNK):
        part = slice(start, start + CHUNK)
        squares = ((points[part, None, :] - centres[None]) ** 2).sum(axis=2)  # (chunk, K)
        label[part] = squares.argmin(axis=1)
        square[part] = squares.min(axis=1)
    return label, square


def means(points: Float64Array, label: Int64Array, k: int) -> tuple[Float64Array, Int64Array]:
    """(k, D) mean of the points of each label, zeros where there is none, and (k,) how many they are."""
    count = np.bincount(label, minlength=k)
    sums = np.stack([np.bincount(label, axis, minlength=k) for axis in points.T], axis=1)
    return sums / np.maximum(count, 1)[:, None], count


def _long_cut(points: Float64Array, k: int) -> Float64Array:
    """Centres of k slices across the principal axis; fewer where a slice holds no point.

    Each slice has an equal part of the cube root of the density, which is how the best centres lie on a line (Panter &
    Dite, "Quantization distortion in pulse-count modulation", 1951): many where customers are many, some for the tail.
    """
    offset = points - points.mean(axis=0)
    axis = np.linalg.eigh(offset.T @ offset)[1][:, -1]
    along = offset @ (axis if axis[np.abs(axis).argmax()] > 0 else -axis)
    count, edge = np.histogram(along, _BINS)
    filled = np.concatenate(([0.0], np.cumsum(np.cbrt(count))))
    cuts = np.interp(np.arange(1, k) * filled[-1] / k, filled, edge)
    centres, inside = means(points, np.searchsorted(cuts, along), k)
    return centres[inside > 0]


def _spread(points: Float64Array, k: int, random: np.random.Generator) -> Float64Array:
    """First centres, each drawn with a probability that grows with its distance from those before it."""
    chosen = [int(random.integers(len(points)))]
    square = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < k:
        chosen.append(int(random.choice(len(points), p=square / square.sum())))
        square = np.minimum(square, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return points[chosen]


def _improve(points: Float64Array, centres: Float64Array) -> tuple[Float64Array, float]:
    """Move centres to the means of their points while it pays; returns them and the sum of squared distances."""
    last = np.inf
    while True:
        label, square = nearest(points, centres)
        error = float(square.sum())
        if error >= (1.0 - _LEAST_GAIN) * last:
            return centres, error
        last = error
        moved, inside = means(points, label, len(centres))
        centres = np.where(inside[:, None] > 0, moved, centres)


def _inhabited(points: Float64Array, centres: Float64Array) -> Float64Array:
    return centres[np.unique(nearest(points, centres)[0])]
