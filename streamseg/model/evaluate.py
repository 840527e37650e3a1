"""How good forecasts are, and whether a candidate may serve: figures of merit and the gate.

Arrives: forecasts and what happened. Leaves: an `Evaluation`, a `Verdict` with its reasons. Pure numpy.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from streamseg.core.scores import Float64Array

BINS = 10
SURE = 1e-6


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a candidate is promoted, and every reason for it or against it, in words."""

    promote: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Margins:
    """By how much a candidate may be worse, or must be better."""

    log_loss_gain: float = 0.0
    """The candidate's log loss must lie at least so far below the baseline's."""
    log_loss_slack: float = 0.005
    """And at most so far above the incumbent's: two fits to the same outcomes differ by about this."""
    auc_slack: float = 0.01
    alert_shift: float = 0.10
    """The share of alerted customers may move by so much; more floods or silences a campaign."""


def evaluate(
    churn: Float64Array, outcomes: Float64Array, actual: NDArray[np.int64], *, alert_threshold: float = 0.75
) -> Evaluation:
    """Compare N forecasts with the outcome days that came.

    >>> evaluate(np.array([0.9, 0.2]), np.array([0.5, 2.0]), np.array([0, 2])).auc
    1.0
    """
    buys = np.clip(1.0 - churn, SURE, 1.0 - SURE)
    bought = (actual > 0).astype(np.float64)
    error = outcomes - actual
    return Evaluation(
        rows=len(churn),
        auc=auc(buys, actual > 0),
        brier=float(np.mean((buys - bought) ** 2)),
        log_loss=float(-np.mean(bought * np.log(buys) + (1.0 - bought) * np.log1p(-buys))),
        ece=ece(buys, bought),
        mae=float(np.mean(np.abs(error))),
        rmse=float(np.sqrt(np.mean(error**2))),
        bias_pct=float(100.0 * (outcomes.sum() / max(float(actual.sum()), 1.0) - 1.0)),
        alert_rate=float(np.mean(churn >= alert_threshold)),
    )


def auc(score: Float64Array, positive: NDArray[np.bool_]) -> float:
    """Chance that a positive ranks above a negative, ties counting half (Mann & Whitney 1947).

    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    0.875
    """
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return 0.5
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(counts) - (counts - 1) / 2.0  # mean rank of each distinct score, from 1
    return float((rank[inverse][positive].sum() - n_positive * (n_positive + 1) / 2.0) / (n_positive * n_negative))


def ece(probability: Float64Array, happened: Float64Array) -> float:
    """Mean distance, weighted by rows, between forecast and frequency in bins of equal width (Naeini et al. 2015).

    >>> round(ece(np.array([0.2, 0.2, 0.9]), np.array([0.0, 1.0, 1.0])), 4)
    0.2333
    """
    which = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    gap = np.bincount(which, weights=probability - happened, minlength=BINS)
    return float(np.abs(gap).sum() / max(len(probability), 1))


def gate(
    candidate: Evaluation, incumbent: Evaluation | None, baseline: Evaluation, margins: Margins | None = None
) -> Verdict:
    """Say whether a candidate may serve: better than counting, not worse than what serves, not upsetting.

    All three were taken on the same outcomes, which the candidate's weights have not seen.
    """
    allowed = margins or Margins()
    checks = [
        _limit("log loss", candidate.log_loss, baseline.log_loss - allowed.log_loss_gain, "past rate"),
        _limit("1 - AUC", 1.0 - candidate.auc, 1.0 - baseline.auc + allowed.auc_slack, "past rate"),
    ]
    if incumbent is not None:
        shift = abs(candidate.alert_rate - incumbent.alert_rate)
        checks += [
            _limit("log loss", candidate.log_loss, incumbent.log_loss + allowed.log_loss_slack, "incumbent"),
            _limit("1 - AUC", 1.0 - candidate.auc, 1.0 - incumbent.auc + allowed.auc_slack, "incumbent"),
            _limit("shift of the alert rate", shift, allowed.alert_shift, "incumbent"),
        ]
    return Verdict(promote=all(passed for passed, _ in checks), reasons=tuple(reason for _, reason in checks))


def _limit(what: str, value: float, limit: float, against: str) -> tuple[bool, str]:
    # A NaN fails every comparison, so a broken candidate is refused.
    passed = bool(value <= limit)
    return passed, f"{what} {value:.4f} {'is within' if passed else 'exceeds'} {limit:.4f} ({against})"
