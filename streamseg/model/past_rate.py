"""The classical bar: a customer keeps the rate he had, shrunk towards everybody's (Gamma-Poisson, closed form).

Arrives: outcome days after the first one and days observed. Leaves: P(none) and expected days over a horizon.
A model that can't beat this is not worth its electricity. Bounded, in logs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from streamseg.core.scores import Float64Array

_LOG_ALPHA = (np.log(0.05), np.log(50.0))
_LOG_RATE = (np.log(1e-5), np.log(1.0))


@dataclass(frozen=True, slots=True)
class PastRate:
    """Rates are Gamma(alpha, beta) over customers; counts are Poisson. Ehrenberg's NBD, 1959."""

    alpha: float
    beta: float
    """Days."""

    def forecast(
        self, count: Float64Array, observed_days: Float64Array, horizon_days: float
    ) -> tuple[Float64Array, Float64Array]:
        """P(none) and expected outcome days in the horizon, (N,) each.

        >>> none, days = PastRate(alpha=1.0, beta=30.0).forecast(np.array([2.0]), np.array([60.0]), 90.0)
        >>> round(float(none[0]), 3), float(days[0])
        (0.125, 3.0)
        """
        alpha, beta = self.alpha + count, self.beta + observed_days
        return np.exp(-alpha * np.log1p(horizon_days / beta)), alpha / beta * horizon_days


def fit(count: Float64Array, observed_days: Float64Array) -> PastRate:
    """Maximise the marginal (negative binomial) likelihood by a grid that is refined five times.

    Args:
        count: (N,) outcome days after the customer's first.
        observed_days: (N,) days since the first touchpoint, at least 0.
    """
    n, days = torch.from_numpy(count), torch.from_numpy(observed_days).clamp(min=1e-3)
    low, high = np.array([_LOG_ALPHA[0], _LOG_RATE[0]]), np.array([_LOG_ALPHA[1], _LOG_RATE[1]])
    best = (low + high) / 2.0
    for _ in range(6):
        axes = [np.linspace(low[i], high[i], 9) for i in range(2)]
        _, best = max(
            ((_likelihood(n, days, a, rate), np.array([a, rate])) for a in axes[0] for rate in axes[1]),
            key=lambda found: found[0],
        )
        reach = (high - low) / 6.0
        low, high = best - reach, best + reach
    alpha = float(np.exp(np.clip(best[0], *_LOG_ALPHA)))
    return PastRate(alpha=alpha, beta=alpha / float(np.exp(np.clip(best[1], *_LOG_RATE))))


def _likelihood(count: torch.Tensor, days: torch.Tensor, log_alpha: float, log_rate: float) -> float:
    alpha = torch.tensor(np.exp(log_alpha), dtype=torch.float64)
    beta = alpha / float(np.exp(log_rate))
    terms = torch.lgamma(count + alpha) - torch.lgamma(alpha) + alpha * torch.log(beta / (beta + days))
    return float((terms + count * torch.log(days / (beta + days))).sum())
