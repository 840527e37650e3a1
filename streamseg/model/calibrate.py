"""From what the network says to what happened: the level of its counts and the honesty of its probabilities.

Arrives: forecasts of instants after an origin that the weights have not seen, and their outcomes. Leaves: a
`Calibration`, four numbers that stand in the artefact. Also says which origin is fit for that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.core.scores import Float64Array
from streamseg.core.windows import DAY_MS
from streamseg.elementary import exp, log
from streamseg.model.forecaster import SURE, Forecasts

LEVEL = (1.0 / 3.0, 3.0)
"""Bounds of the level: a forecast three times off is a broken one, and no factor mends it."""
SLOPE = (0.3, 3.0)
OFFSET = (-3.0, 3.0)
PRIOR_ROWS = 50.0
"""So many rows' worth of belief that the map is the identity: few outcomes move it little."""
TRUST = 0.5
"""How far, from the identity, the fitted map is followed. One origin is one season, shared by all customers, and the
refit has learnt part of what the map mends. Bias of the counts, followed not at all, half-way and whole: -15, -19 and
-23 % on Online Retail (summer says nothing of Christmas), -7, -4 and -1 % on The Complete Journey."""
WIDTH_WINDOWS = 4
"""Windows of score instants that a calibration wants after its origin, if the history is long enough."""

FRESH_WINDOWS = 3
"""One window of instants and two of outcomes: less says nothing about two models."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The map from what the members of a model say to what is served; the identity by default."""

    horizon_days: float
    """The churn horizon, which is served."""
    level: float = 1.0
    """Factor on the cumulative hazard of an outcome: expected days times it, P(none) to its power (as in Cox, 1972)."""
    slope: float = 1.0
    """Platt's slope on the logit of P(none); above 0, so a ranking never turns over."""
    offset: float = 0.0
    value_level: float = 1.0
    """Factor on spend per outcome day; refunds enter here, since labels of spend are gross."""

    def probability(self, none: Float64Array) -> Float64Array:
        """(N,) raw P(none), strictly between 0 and 1 -> what is served."""
        served = np.empty(len(none))
        _calibrate(none, self.level, self.slope, self.offset, served)
        return served

    def apply(self, raw: Forecasts) -> Forecasts:
        """What is served for what the members say, element by element.

        >>> raw = Forecasts(np.array([0.25]), np.array([2.0]), np.array([10.0]))
        >>> served = Calibration(90.0, level=0.5, value_level=1.5).apply(raw)
        >>> float(served.none[0].round(6)), float(served.count[0]), float(served.value[0])
        (0.5, 1.0, 7.5)
        """
        return Forecasts(
            none=self.probability(raw.none),
            count=raw.count * self.level,
            value=raw.value * (self.level * self.value_level),
        )

    def halfway(self) -> Calibration:
        """This map, followed as far as `TRUST` says.

        >>> Calibration(90.0, level=4.0, slope=1.5, offset=0.2).halfway()
        Calibration(horizon_days=90.0, level=2.0, slope=1.25, offset=0.1, value_level=1.0)
        """
        return Calibration(
            horizon_days=self.horizon_days,
            level=self.level**TRUST,
            slope=1.0 + TRUST * (self.slope - 1.0),
            offset=TRUST * self.offset,
            value_level=self.value_level**TRUST,
        )


@compiled
def _calibrate(none: Float64Array, level: float, slope: float, offset: float, served: Float64Array) -> None:
    for row in range(len(none)):
        log_none = level * log(none[row])
        logit = log_none - log(1.0 - exp(log_none))
        served[row] = min(max(1.0 / (1.0 + exp(-(slope * logit + offset))), SURE), 1.0 - SURE)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where history is cut: weights are fitted before it, the map after it."""

    origin_ms: int
    until_ms: int
    """The last instant whose horizon ends inside the data."""
    horizon_days: float
    """The churn horizon or, if that does not fit, the longest that does."""
    complete: bool
    """True if `horizon_days` is the churn horizon; else only the level is fitted, and extrapolated."""


def choose_origin(
    start_ms: int, end_ms: int, *, horizon_days: float, window_ms: int, seen_ms: int | None = None
) -> Origin:
    """Pick the latest origin that leaves a horizon, and a few windows of instants, after it.

    At least a third of the history lies before it (a model fitted on less says little about one fitted on all). Where
    the horizon does not fit after that a shorter one is taken, in proportion to the history before it. The origin does
    not lie before `seen_ms`, up to where the model that serves has learnt, once `FRESH_WINDOWS` came after that: two
    models can't be compared on outcomes that one of them has learnt from.

    >>> day = 86_400_000
    >>> choose_origin(0, 274 * day, horizon_days=90, window_ms=7 * day).origin_ms / day
    156.0
    >>> short = choose_origin(0, 90 * day, horizon_days=90, window_ms=7 * day)
    >>> short.origin_ms / day, short.horizon_days, short.complete
    (45.0, 38.0, False)
    """
    span = end_ms - start_ms
    horizon_ms = round(horizon_days * DAY_MS)
    earliest = start_ms + span // 3
    if end_ms - earliest - window_ms < horizon_ms:
        # As long beside what is known as in service: forecast a year from a year is judged as half from a half.
        earliest = max(earliest, start_ms + span * span // (span + horizon_ms))
    if seen_ms is not None and end_ms - seen_ms >= FRESH_WINDOWS * window_ms:
        earliest = max(earliest, seen_ms)
    longest_ms = min(horizon_ms, end_ms - earliest - window_ms)  # one window of instants at the least
    until = end_ms - longest_ms
    return Origin(
        origin_ms=max(earliest, until - WIDTH_WINDOWS * window_ms),
        until_ms=until,
        horizon_days=longest_ms / DAY_MS,
        complete=longest_ms >= horizon_ms,
    )


def ratio(actual: float, predicted: float) -> float:
    """Actual over predicted, drawn towards 1 by a little evidence for it and kept within `LEVEL`.

    >>> ratio(0.0, 1e9)
    0.3333333333333333
    """
    return float(np.clip((actual + 1.0) / (predicted + 1.0), *LEVEL))


def fit_platt(p_none: Float64Array, none: NDArray[np.bool_], *, prior_rows: float = PRIOR_ROWS) -> tuple[float, float]:
    """Find slope and offset of logit(p) that maximise the likelihood of what happened.

    Args:
        p_none: (N,) forecasts, strictly between 0 and 1.
        none: (N,) whether indeed no outcome came.
        prior_rows: Weight of a Gaussian prior at the identity.

    Returns:
        Slope and offset, within `SLOPE` and `OFFSET`.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999; Newton steps with halving.

    >>> slope, offset = fit_platt(np.full(1000, 0.5), np.arange(1000) < 750, prior_rows=1e-3)
    >>> slope, round(offset, 3)  # the logit of 3/4
    (1.0, 1.099)
    """
    logit = np.log(p_none) - np.log1p(-p_none)
    target = none.astype(np.float64)

    def loss(theta: Float64Array) -> float:
        eta = theta[0] * logit + theta[1]
        return float(np.logaddexp(0.0, eta).sum() - (target * eta).sum() + 0.125 * prior_rows * _sq(theta))

    theta = np.array([1.0, 0.0])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-(theta[0] * logit + theta[1])))
        error, weight = p - target, p * (1.0 - p)
        gradient = np.array([error @ logit, error.sum()]) + 0.25 * prior_rows * (theta - (1.0, 0.0))
        curvature = np.array([[weight @ logit**2, weight @ logit], [weight @ logit, weight.sum()]])
        step = np.linalg.solve(curvature + 0.25 * prior_rows * np.eye(2), gradient)
        scale = 1.0
        while scale > 1e-6 and loss(theta - scale * step) > loss(theta):
            scale /= 2.0
        theta = theta - scale * step
        if float(np.abs(scale * step).max()) < 1e-10:
            break
    return float(np.clip(round(theta[0], 12), *SLOPE)), float(np.clip(round(theta[1], 12), *OFFSET)) + 0.0


def _sq(theta: Float64Array) -> float:
    return float((theta[0] - 1.0) ** 2 + theta[1] ** 2)
