"""What inputs and scores looked like when a model was fitted, small enough for its manifest, and how far others lie.

Arrives: rows of features and forecasts. Leaves: a `Reference` of histograms, JSON and back, and two distances between
histograms with what chance alone makes of them. Knows no history and no model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from streamseg.core.features import COLUMN, FEATURES
from streamseg.core.scores import Float32Array, Float64Array
from streamseg.errors import ConfigError

BINS: Final = 10
FLOOR: Final = 1e-4
"""No share counts as less: an empty bin would be infinitely far from a filled one."""
CHANCE: Final = 1e-3
"""One of so many equal distributions lies further off than `psi_by_chance` and `ks_by_chance` say; sixty are compared
at a time."""
COMPARED: Final = tuple(name for name in FEATURES if name.startswith("window_"))
"""What customers do in a week. The other features are about their life so far: age, lifetime sums and times since
something happened grow, and the share of newcomers falls, while nobody changes his behaviour."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """B shares of rows between B - 1 edges; a value on an edge lies above it."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]

    def shares_of(self, values: NDArray[Any]) -> tuple[float, ...]:
        """The shares of other values (N,), N at least 1, between the same edges."""
        which = np.searchsorted(np.array(self.edges), values.astype(np.float64), side="right")
        return tuple((np.bincount(which, minlength=len(self.shares)) / len(values)).round(6).tolist())


@dataclass(frozen=True, slots=True)
class Reference:
    """How it was: histograms of what is compared, and how honest the model was at its gate."""

    inputs: Mapping[str, Histogram]
    """By name, of `COMPARED`."""
    scores: Mapping[str, Histogram]
    """`churn` and `outcomes`."""
    rows: int
    customers: int
    ece: float
    """Expected calibration error at the gate."""
    bias_pct: float
    """100 (outcome days expected / come - 1) at the gate: a bias that was known then is no drift."""


def reference_of(
    x: Float32Array, none: Float64Array, count: Float64Array, *, customers: int, ece: float, bias_pct: float
) -> Reference:
    """Describe N rows, of so many customers, by histograms.

    Args:
        x: (N, F) features, N at least 1.
        none: (N,) P(no outcome day in the churn horizon).
        count: (N,) expected outcome days in it.
        customers: How many customers the rows belong to.
        ece: Expected calibration error at the gate.
        bias_pct: 100 (expected / actual - 1) at the gate.

    Raises:
        ValueError: If there is no row.
    """
    if not len(x):
        raise ValueError("reference of 0 rows; expected at least 1")
    return Reference(
        inputs={name: histogram_of(x[:, COLUMN[name]]) for name in COMPARED},
        scores={"churn": histogram_of(none), "outcomes": histogram_of(count)},
        rows=len(x),
        customers=customers,
        ece=ece,
        bias_pct=bias_pct,
    )


def histogram_of(values: NDArray[Any]) -> Histogram:
    """Cut values (N,) at their deciles; a value that makes up a tenth or more has a bin to itself.

    So a constant column is one full bin between two empty ones, and few distinct values are categories.

    >>> histogram_of(np.array([0.0, 0.0, 0.0, 1.5])).shares
    (0.0, 0.75, 0.0, 0.25, 0.0)
    """
    known = values.astype(np.float64)
    cuts = np.quantile(known, np.arange(1, BINS) / BINS, method="inverted_cdf")
    distinct, times = np.unique(known, return_counts=True)
    heavy = distinct[times * BINS >= len(known)]
    edges = np.unique(np.concatenate((cuts, heavy, np.nextafter(heavy, np.inf))))
    empty = Histogram(tuple(edges.tolist()), (0.0,) * (len(edges) + 1))
    return Histogram(empty.edges, empty.shares_of(known))


def psi(expected: tuple[float, ...], found: tuple[float, ...]) -> float:
    """Population stability index between shares of the same bins: 0 for equal, above 0.25 commonly called a shift.

    Source: Siddiqi, "Credit Risk Scorecards", 2006; it is Jeffreys' divergence of 1946.

    >>> round(psi((0.5, 0.5), (0.7, 0.3)), 3)
    0.169
    """
    one, other = np.maximum(expected, FLOOR), np.maximum(found, FLOOR)
    return float(((other - one) * np.log(other / one)).sum())


def psi_by_chance(bins: int, expected_rows: int, found_rows: int) -> float:
    """What the PSI of two samples of one distribution exceeds once in 1 / `CHANCE`.

    Source: Yurdakul & Naranjo, "Statistical properties of the population stability index", 2020: it is about
    (1/n + 1/m) times a chi-squared with bins - 1 degrees of freedom.
    """
    return float(chdtri(max(bins - 1, 1), CHANCE)) * (1.0 / expected_rows + 1.0 / found_rows)


def ks(expected: tuple[float, ...], found: tuple[float, ...]) -> float:
    """Kolmogorov-Smirnov statistic at the edges: the largest difference of the two distribution functions, 0 to 1.

    >>> round(ks((0.5, 0.3, 0.2), (0.3, 0.3, 0.4)), 3)
    0.2
    """
    return float(np.abs(np.cumsum(expected) - np.cumsum(found)).max())


def ks_by_chance(expected_rows: int, found_rows: int) -> float:
    """What the KS statistic of two samples of one distribution exceeds once in 1 / `CHANCE` (Smirnov 1948)."""
    return math.sqrt(-0.5 * math.log(CHANCE / 2.0) * (1.0 / expected_rows + 1.0 / found_rows))


def to_json(reference: Reference) -> dict[str, Any]:
    """Names, numbers and lists only, for the manifest."""
    return asdict(reference)


def from_json(described: Mapping[str, Any]) -> Reference:
    """Read back what `to_json` wrote, through JSON or not.

    Raises:
        ConfigError: If it is something else.
    """
    try:
        inputs, scores = (
            {
                name: Histogram(tuple(map(float, one["edges"])), tuple(map(float, one["shares"])))
                for name, one in described[part].items()
            }
            for part in ("inputs", "scores")
        )
        reference = Reference(**{**described, "inputs": inputs, "scores": scores})
        if any(len(one.shares) != len(one.edges) + 1 for one in (*inputs.values(), *scores.values())):
            raise ValueError("a histogram has not one share more than edges")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"model has no sound reference to notice drift by ({error}); train a new model with `streamseg train`"
        ) from error
    return reference
