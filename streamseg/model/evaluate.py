"""How good forecasts are: figures of merit, over all rows and row by row.

Arrives: forecasts and what happened. Leaves: an `Evaluation`. Pure numpy.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from streamseg.core.scores import Float64Array
from streamseg.model.forecaster import SURE

BINS = 10


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures over N forecasts; of P(at least one outcome day) the first four, of their number the rest."""

    rows: int
    auc: float
    """0.5 where only one class occurs."""
    brier: float
    log_loss: float
    ece: float
    """Expected calibration error over 10 bins of equal width."""
    mae: float
    rmse: float
    bias_pct: float
    """100 (sum predicted / sum actual - 1)."""
    alert_rate: float
    """Share of rows whose churn probability is at or above the alert threshold."""

    def flat(self, prefix: str) -> dict[str, float]:
        """The figures as the manifest holds them, `<prefix>.<name>`."""
        return {f"{prefix}.{name}": float(value) for name, value in asdict(self).items()}


def evaluate(
    churn: Float64Array, outcomes: Float64Array, actual: NDArray[np.int64], *, alert_threshold: float = 0.75
) -> Evaluation:
    """Compare N forecasts with the outcome days that came.

    >>> evaluate(np.array([0.9, 0.2]), np.array([0.5, 2.0]), np.array([0, 2])).auc
    1.0
    """
    buys = _surely(1.0 - churn)
    bought = (actual > 0).astype(np.float64)
    error = outcomes - actual
    return Evaluation(
        rows=len(churn),
        auc=auc(buys, actual > 0),
        brier=float(np.mean((buys - bought) ** 2)),
        log_loss=float(log_losses(churn, actual).mean()),
        ece=ece(buys, bought),
        mae=float(np.mean(np.abs(error))),
        rmse=float(np.sqrt(np.mean(error**2))),
        bias_pct=float(100.0 * (outcomes.sum() / max(float(actual.sum()), 1.0) - 1.0)),
        alert_rate=float(np.mean(churn >= alert_threshold)),
    )


def log_losses(churn: Float64Array, actual: NDArray[np.int64]) -> Float64Array:
    """(N,) minus the log probability that was given to what happened; at most 13.8, for being sure and wrong.

    >>> log_losses(np.array([0.5, 0.0]), np.array([0, 2])).round(3)
    array([0.693, 0.   ])
    """
    buys = _surely(1.0 - churn)
    return np.where(actual > 0, -np.log(buys), -np.log1p(-buys))


def auc(score: Float64Array, positive: NDArray[np.bool_]) -> float:
    """Chance that a positive ranks above a negative, ties counting half (Mann & Whitney 1947).

    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    0.875
    """
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return 0.5
    return float((_ranks(score)[positive].sum() - n_positive * (n_positive + 1) / 2.0) / (n_positive * n_negative))


def auc_parts(score: Float64Array, positive: NDArray[np.bool_]) -> Float64Array:
    """(N,) each row's part in the AUC: their mean is the AUC, and they vary as it does when rows are drawn anew.

    Args:
        score: (N,)
        positive: (N,) with both classes.

    Source: placement values (DeLong et al., Biometrics 1988), which may be summed by customer as in Obuchowski,
    "Nonparametric analysis of clustered ROC curve data", Biometrics 1997.

    >>> auc_parts(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True])).tolist()
    [1.125, 0.625, 0.625, 1.125]
    """
    n, n_positive = len(score), int(positive.sum())
    overall = _ranks(score)
    within = np.empty(n)
    within[positive], within[~positive] = _ranks(score[positive]), _ranks(score[~positive])
    # Rank among all less rank among its own class: how many of the other class rank below, ties counting half.
    below = overall - within
    share = np.where(positive, below / max(n - n_positive, 1), 1.0 - below / max(n_positive, 1))
    area = auc(score, positive)
    return area + np.where(positive, n / max(n_positive, 1), n / max(n - n_positive, 1)) * (share - area)


def ece(probability: Float64Array, happened: Float64Array) -> float:
    """Mean distance, weighted by rows, between forecast and frequency in bins of equal width (Naeini et al. 2015).

    >>> round(ece(np.array([0.2, 0.2, 0.9]), np.array([0.0, 1.0, 1.0])), 4)
    0.2333
    """
    which = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    gap = np.bincount(which, weights=probability - happened, minlength=BINS)
    return float(np.abs(gap).sum() / max(len(probability), 1))


def _ranks(score: Float64Array) -> Float64Array:
    """(N,) from 1, equal scores sharing their mean rank."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]


def _surely(probability: Float64Array) -> Float64Array:
    return np.clip(probability, SURE, 1.0 - SURE)
