"""Maximum likelihood for models of a few positive parameters: in logs, within bounds, held by a weak prior.

Arrives: what each parameter may be, and a likelihood. Leaves: the parameters. The prior and the bounds make a flat or
runaway optimum harmless, such as a dropout that the data know nothing of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from streamseg.core.scores import Float64Array

PRIOR_SD = 3.0
"""Standard deviation of every parameter's prior, in logs: a factor of 20 either way is nothing unusual."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a positive parameter may be, and what is expected of it."""

    low: float
    expected: float
    high: float


def maximise(log_likelihood: Callable[[Sequence[float]], Float64Array], ranges: Sequence[Range]) -> list[float]:
    """Find the parameters, each within its range, under which N customers (perhaps none) are likeliest.

    Args:
        log_likelihood: Parameters in the order of `ranges` -> (N,) log likelihood of each customer.
        ranges: One for each parameter; the search starts from what is expected.

    >>> exponential = lambda rate: np.log(rate[0]) - rate[0] * np.full(10_000, 4.0)
    >>> [round(rate, 3) for rate in maximise(exponential, [Range(0.01, 1.0, 100.0)])]
    [0.25]
    """
    # Here, since a worker imports this module and never asks: SciPy's optimisers take 0.2 s of its start.
    from scipy.optimize import minimize

    low, centre, high = (np.log([getattr(one, name) for one in ranges]) for name in ("low", "expected", "high"))

    def loss(logs: Float64Array) -> float:
        terms = log_likelihood(np.exp(logs).tolist())
        penalty = 0.5 * float(np.square((logs - centre) / PRIOR_SD).sum())
        return (penalty - float(terms.sum())) / max(len(terms), 1)

    found = minimize(loss, centre, method="L-BFGS-B", bounds=list(zip(low, high, strict=True)))
    return [float(value) for value in np.exp(np.clip(found.x, low, high))]
