"""Behaviour clusters: customers grouped by what is expected of them, with names a marketer can read.

Arrives: forecasts of the customers. Leaves: names, centres and scale, frozen in the artefact. Pure numpy, seeded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamseg.core.scores import Float64Array

CLUSTERS = 4
RESTARTS = 8
_FREQUENCY = ("rare", "occasional", "regular", "frequent")
_SPEND = ("low", "modest", "good", "high")


@dataclass(frozen=True, slots=True)
class Behaviours:
    """K clusters on the standardised axes [log1p expected outcomes, P(buy), log1p expected spend]."""

    names: tuple[str, ...]
    """K readable names, ordered by expected value, the lowest first."""
    centres: Float64Array
    """(K, 3), standardised."""
    mean: Float64Array
    """(3,) of the axes."""
    scale: Float64Array
    """(3,) deviations of the axes, above 0."""


def axes(churn: Float64Array, outcomes: Float64Array, value: Float64Array) -> Float64Array:
    """(N,) each -> (N, 3), the axes on which behaviour is measured."""
    return np.stack((np.log1p(outcomes), 1.0 - churn, np.log1p(value)), axis=1)


def cluster(points: Float64Array, *, seed: int = 0, clusters: int = CLUSTERS) -> Behaviours:
    """Group N points of `axes` by k-means (Lloyd 1982, seeded as Arthur & Vassilvitskii 2007), the best of a few runs.

    Fewer distinct points than clusters give fewer clusters.
    """
    mean, scale = points.mean(axis=0), points.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    standard = (points - mean) / scale
    k = min(clusters, len(np.unique(np.round(standard, 9), axis=0)))
    random = np.random.default_rng(seed)
    runs = [_lloyd(standard, _spread(standard, k, random)) for _ in range(RESTARTS)]
    centres = min(runs, key=lambda run: run[1])[0]
    raw = centres * scale + mean
    order = np.lexsort((raw[:, 0], raw[:, 2]))
    return Behaviours(names=name_centres(raw[order]), centres=centres[order], mean=mean, scale=scale)


def name_centres(raw: Float64Array) -> tuple[str, ...]:
    """Name K centres (K, 3) on the unstandardised axes by their ranks among each other: unique and readable.

    >>> name_centres(np.array([[0.1, 0.2, 3.0], [2.0, 0.9, 8.0]]))
    ('rare-low-spend', 'frequent-high-spend')
    """
    k = len(raw)
    words = [_word(_rank(raw[:, 0], i), k, _FREQUENCY) for i in range(k)]
    spend = [_word(_rank(raw[:, 2], i), k, _SPEND) for i in range(k)]
    names = [f"{often}-{much}-spend" for often, much in zip(words, spend, strict=True)]
    return tuple(
        name if names.count(name) == 1 else f"{name}-{names[: i + 1].count(name)}" for i, name in enumerate(names)
    )


def _rank(values: Float64Array, i: int) -> int:
    return int((values < values[i]).sum() + (values[:i] == values[i]).sum())


def _word(rank: int, k: int, words: tuple[str, ...]) -> str:
    return words[round(rank * (len(words) - 1) / (k - 1))] if k > 1 else words[1]


def _spread(points: Float64Array, k: int, random: np.random.Generator) -> Float64Array:
    """First centres, each drawn with a probability that grows with its distance from those before it."""
    chosen = [int(random.integers(len(points)))]
    nearest = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < k:
        chosen.append(int(random.choice(len(points), p=nearest / nearest.sum())))
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return points[chosen]


def _lloyd(points: Float64Array, centres: Float64Array) -> tuple[Float64Array, float]:
    """Move centres to the means of their points until they rest; returns them and the sum of squared distances."""
    for _ in range(100):
        squares = ((points[:, None, :] - centres[None]) ** 2).sum(axis=2)  # (N, K)
        label = squares.argmin(axis=1)
        moved = np.stack(
            [points[label == j].mean(axis=0) if (label == j).any() else centres[j] for j in range(len(centres))]
        )
        if np.allclose(moved, centres, rtol=0.0, atol=1e-9):
            break
        centres = moved
    return centres, float(((points[:, None, :] - centres[None]) ** 2).sum(axis=2).min(axis=1).sum())
