"""Gamma-Gamma: what a customer spends on an outcome day, his own mean shrunk towards everybody's.

Arrives: the mean spend of each customer and over how many days. Leaves: the spend to expect of one more day. Spend is
taken to be independent of how often one buys. Source: Fader & Hardie, "The Gamma-Gamma Model of Monetary Value", 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from streamseg.core.scores import Float64Array
from streamseg.model.classical.maximise import Range, maximise
from streamseg.model.classical.past import Past


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """Spend of a day is Gamma(p, v) within a customer, v is Gamma(q, gamma) over customers; gamma in money."""

    p: float
    q: float
    """Above 1, else there is no mean."""
    gamma: float

    def log_likelihood(self, days: Float64Array, mean_spend: Float64Array) -> Float64Array:
        """(N,) log density of each customer's mean spend over this number of days, both above 0."""
        shape, total = self.p * days, days * mean_spend
        within: Float64Array = gammaln(shape + self.q) - gammaln(shape) - gammaln(self.q)
        pooled = self.gamma + total
        return within + self.q * np.log(self.gamma / pooled) + shape * np.log(total / pooled) - np.log(mean_spend)

    def mean(self, days: Float64Array, mean_spend: Float64Array) -> Float64Array:
        """(N,) spend to expect of one more outcome day; everybody's mean where `days` is 0.

        >>> GammaGamma(p=6.25, q=3.74, gamma=15.44).mean(np.array([0.0, 1.0, 1000.0]), np.array([0.0, 20.0, 20.0]))
        array([35.2..., 24.6..., 20.0...])
        """
        return self.p * (self.gamma + days * mean_spend) / (self.p * days + self.q - 1.0)


def fit(past: Past) -> GammaGamma:
    """Find the parameters under which the mean spends of the customers who ever paid are likeliest."""
    paid = past.take(past.mean_spend > 0)
    # Money has no scale of its own: the search is in units of the median spend.
    unit = float(np.median(paid.mean_spend)) if len(paid) else 1.0
    ranges = (Range(0.05, 3.0, 1e3), Range(0.05, 2.0, 50.0), Range(0.05, 1.0, 20.0))

    def model(parameters: Sequence[float]) -> GammaGamma:
        p, above_one, mean = parameters
        return GammaGamma(p, 1.0 + above_one, mean * above_one / p)

    found = model(maximise(lambda some: model(some).log_likelihood(paid.spend_days, paid.mean_spend / unit), ranges))
    return GammaGamma(found.p, found.q, found.gamma * unit)
