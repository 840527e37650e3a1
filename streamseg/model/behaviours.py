"""Behaviours: kinds of customers by what is expected of them, each with an id, a name and a description that stay.

Arrives: forecasts and touchpoint counts of the customers, and what the previous version says of them. Leaves: what the
artefact freezes and the scorer measures distances to. Seeded.

The axes are [log1p expected outcomes, P(buy), log1p expected spend], the first weighed most, since it is what the next
purchases follow: on Online Retail and The Complete Journey, k = 6, equal weights explain .34 and .59 of the variance of
log(1 + purchases), these weights .36 and .62. The network's embedding is left out: at a tenth and a quarter of the
weight it gained nothing (ARI within .02, variance within .003), at full weight it cost .11 to .28 of the ARI, its
distances would take a quarter of a score's time, and a classical model has none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import numpy as np

from streamseg.compiled import compiled
from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array
from streamseg.elementary import log
from streamseg.model.clustering import kmeans, nearest
from streamseg.model.matching import Match, announce, match
from streamseg.model.stability import CANDIDATES, choose_k
from streamseg.model.wording import Profiles, unique_names, word

WEIGHTS: Final = (1.0, 0.5, 0.25)
"""Of the three axes, in deviations."""


@dataclass(frozen=True, slots=True)
class Behaviours:
    """K clusters on the weighted axes, ordered by expected spend, the lowest first."""

    ids: tuple[str, ...]
    """K identities: the same id in another version means mostly the same customers; none is given twice."""
    names: tuple[str, ...]
    """K readable names, unique; a name stays with its id."""
    descriptions: tuple[str, ...]
    """K sentences: what sets these customers apart, measured on the customers of this version."""
    centres: Float64Array
    """(K, 3), (axis - mean) / scale."""
    mean: Float64Array
    """(3,) of the axes."""
    scale: Float64Array
    """(3,) deviations of the axes over their weights, above 0."""
    stability: float
    """Mean adjusted Rand index of refits on resampled customers; 1 is the best."""
    overlaps: tuple[float, ...]
    """K Jaccard indexes with the customers of the same id in the previous version; 0 for a new id."""
    remarks: tuple[str, ...]
    """What ended and what began since the previous version, in words."""


@dataclass(frozen=True, slots=True)
class Previous:
    """The version before, and what it says today of the customers who are clustered now."""

    behaviours: Behaviours
    label: Int64Array
    """(N,) its behaviour of each; -1 where it says none."""


UNGROUPED: Final = Behaviours(
    ids=("b0",),
    names=("all",),
    descriptions=("All customers.",),
    centres=np.zeros((1, 3)),
    mean=np.zeros(3),
    scale=np.ones(3),
    stability=1.0,
    overlaps=(0.0,),
    remarks=(),
)
"""For models that are measured and never served."""


def axes(churn: Float64Array, outcomes: Float64Array, value: Float64Array) -> Float64Array:
    """(N,) each -> (N, 3), the axes on which behaviour is measured."""
    points = np.empty((len(churn), len(WEIGHTS)))
    _place(churn, outcomes, value, points)
    return points


@compiled
def _place(churn: Float64Array, outcomes: Float64Array, value: Float64Array, points: Float64Array) -> None:
    for row in range(len(points)):
        points[row, 0] = log(1.0 + outcomes[row])
        points[row, 1] = 1.0 - churn[row]
        points[row, 2] = log(1.0 + value[row])


def footing(points: Float64Array) -> tuple[Float64Array, Float64Array]:
    """(N, 3) of `axes` -> mean and scale (3,) that weigh them; an axis on which all agree says nothing."""
    deviation = points.std(axis=0)
    return points.mean(axis=0), np.where(deviation > 1e-9, deviation, 1.0) / np.array(WEIGHTS)


def labels(behaviours: Behaviours, points: Float64Array) -> Int64Array:
    """(N, 3) of `axes` -> (N,) index of the nearest behaviour."""
    return nearest((points - behaviours.mean) / behaviours.scale, behaviours.centres)[0]


def distances(behaviours: Behaviours, points: Float64Array) -> Float64Array:
    """(N, 3) of `axes` -> (N, K) distance to each centre. A row's depends on that row alone, bit for bit."""
    found = np.empty((len(points), len(behaviours.centres)))
    _measure(points, behaviours.mean, behaviours.scale, behaviours.centres, found)
    return found


@compiled
def _measure(
    points: Float64Array, mean: Float64Array, scale: Float64Array, centres: Float64Array, found: Float64Array
) -> None:
    for row in range(found.shape[0]):
        for centre in range(found.shape[1]):
            square = 0.0
            for axis in range(points.shape[1]):
                square += ((points[row, axis] - mean[axis]) / scale[axis] - centres[centre, axis]) ** 2
            found[row, centre] = np.sqrt(square)


def segment(profiles: Profiles, previous: Previous | None = None, *, k: int | None = None, seed: int = 0) -> Behaviours:
    """Group N customers, name the groups, and carry ids and names over from the previous version.

    Args:
        profiles: Of the customers.
        previous: None for a first version. Its number of behaviours is kept while it is stable.
        k: How many; None lets stability choose.
        seed: Of resampling and random starts.
    """
    points = axes(1.0 - profiles.buys, profiles.outcomes, profiles.value)
    mean, scale = footing(points)
    standard = (points - mean) / scale
    old_ids = previous.behaviours.ids if previous is not None else ()
    prefer = len(old_ids) if old_ids and k is None else None
    chosen, agreement = choose_k(standard, CANDIDATES if k is None else (k,), prefer=prefer, seed=seed)
    centres = kmeans(standard, chosen, seed=seed)
    raw = centres * scale + mean
    centres = centres[np.lexsort((raw[:, 0], raw[:, 2]))]
    label, _ = nearest(standard, centres)
    words, descriptions = word(profiles, label, len(centres))
    ids = tuple(_identity(old_ids, centre, mean, scale) for centre in centres)
    names, overlaps = unique_names(words), (0.0,) * len(centres)
    remarks: tuple[str, ...] = ()
    if previous is not None:
        old = previous.behaviours
        found = match(previous.label, label, len(old.ids), len(centres))
        ids = tuple(old.ids[i] if i >= 0 else new for i, new in zip(found.partner, ids, strict=True))
        names, overlaps = _carry_names(found, old.names, words), found.overlap
        remarks = announce(found, old.names, names)
    return Behaviours(ids, names, descriptions, centres, mean, scale, agreement, overlaps, remarks)


def to_manifest(behaviours: Behaviours) -> dict[str, Any]:
    """As JSON knows it."""
    parts = asdict(behaviours).items()
    return {name: part.tolist() if isinstance(part, np.ndarray) else part for name, part in parts}


def from_manifest(parts: Mapping[str, Any]) -> Behaviours:
    """Read what `to_manifest` wrote.

    Raises:
        KeyError: If a part is missing.
        ValueError: If the parts don't belong together, or no distance can be measured with them.
    """
    read = {name: parts[name] for name in (field.name for field in fields(Behaviours))}
    for name in ("ids", "names", "descriptions", "overlaps", "remarks"):
        read[name] = tuple(read[name])
    for name in ("centres", "mean", "scale"):
        read[name] = np.array(read[name], np.float64)
    found = Behaviours(**read)
    k = len(found.ids)
    lengths = {
        len(part) for part in (found.names, found.descriptions, found.overlaps, set(found.ids), set(found.names))
    }
    if lengths != {k} or found.centres.shape != (k, len(WEIGHTS)):
        raise ValueError(f"{k} behaviours, parts for {sorted(lengths)}, centres of shape {found.centres.shape}")
    if found.mean.shape != (len(WEIGHTS),) or found.scale.shape != found.mean.shape or not (found.scale > 0).all():
        raise ValueError(
            f"behaviours have mean {found.mean.tolist()}, scale {found.scale.tolist()}; expected scales above 0"
        )
    return found


def _carry_names(found: Match, old: tuple[str, ...], words: tuple[str, ...]) -> tuple[str, ...]:
    """A name goes on with its behaviour; no new behaviour gets a name of the previous version, ended or not."""
    fresh = iter(unique_names([text for text, i in zip(words, found.partner, strict=True) if i < 0], taken=old))
    return tuple(old[i] if i >= 0 else next(fresh) for i in found.partner)


def _identity(before: tuple[str, ...], centre: Float64Array, mean: Float64Array, scale: Float64Array) -> str:
    """An id that no other version gives, whichever of them were rolled back: a digest of what precedes it and where."""
    seen = hashlib.sha256(",".join(before).encode())
    seen.update(np.stack((centre, mean, scale)).tobytes())
    return "b" + seen.hexdigest()[:8]
