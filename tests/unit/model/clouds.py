"""Points to cluster: blobs whose number is known, and customers as forecasts show them, one long cloud without any."""

from __future__ import annotations

import numpy as np

from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array
from streamseg.model.behaviours import axes
from streamseg.model.wording import Profiles
from streamseg.wire.vocabulary import CHANNEL_CODES, CHANNELS, TYPE_CODES, TYPES


def blobs(sizes: tuple[int, ...], *, distance: float, seed: int = 0) -> tuple[Float64Array, Int64Array]:
    """(N, 3) points, each with a deviation of one around a centre on another axis, and (N,) which blob it is of."""
    random = np.random.default_rng(seed)
    kind = np.repeat(np.arange(len(sizes)), sizes)
    return distance * np.eye(3)[kind] + random.normal(size=(len(kind), 3)), kind


def some_profiles(customers: int, *, seed: int = 0) -> Profiles:
    """Customers whose rates follow a gamma and who bought through the web, nothing else."""
    random = np.random.default_rng(seed)
    rate = random.gamma(0.8, 2.0, customers)
    value = rate * np.exp(random.normal(3.5, 0.5, customers))
    types = np.zeros((customers, len(TYPES)))
    channels = np.zeros((customers, len(CHANNELS)))
    types[:, TYPE_CODES["purchase"]] = channels[:, CHANNEL_CODES["web"]] = 1.0 + random.poisson(3.0 * rate)
    return Profiles(1.0 - np.exp(-rate), rate, value, types, channels, horizon_days=90.0)


def shoppers(customers: int, *, seed: int = 0) -> Float64Array:
    """(N, 3) their standardised axes."""
    profiles = some_profiles(customers, seed=seed)
    points = axes(1.0 - profiles.buys, profiles.outcomes, profiles.value)
    standard: Float64Array = (points - points.mean(axis=0)) / points.std(axis=0)
    return standard
