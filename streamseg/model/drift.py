"""Whether the world has moved away from a model: its inputs, its scores, or what comes of what it forecasts.

Arrives: a history that goes on after a model was fitted. Leaves: a `Drift`, figures and findings in words. No finding
asks for a cause: a season, a campaign and a broken tracker all move the inputs. A model of less than a year has seen
no season twice, so the first Christmas is a finding, and whether a challenger does better then is for the gate to say.

What is compared, and why a crowd that merely grows older is no finding. Inputs and scores: just after touchpoints, in
whole windows. Customers who have left pile up at due boundaries and would move every distribution though nobody behaves
otherwise; and a week that is half over holds half of everything. Lifetime features: not at all (reference.COMPARED).
Silence shows in the calibration: of the outcomes expected at all instants, due boundaries included, fewer come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from streamseg.core.features import COLUMN
from streamseg.core.scores import Float32Array, Float64Array
from streamseg.core.windows import DAY_MS
from streamseg.errors import ConfigError
from streamseg.model.artifact import Artifact
from streamseg.model.bootstrap import ratio_by_customer
from streamseg.model.evaluate import BINS as ECE_BINS
from streamseg.model.evaluate import ece
from streamseg.model.history import History
from streamseg.model.matured import what_came
from streamseg.model.plan import horizon_grid
from streamseg.model.reference import (
    COMPARED,
    Histogram,
    Reference,
    from_json,
    ks,
    ks_by_chance,
    psi,
    psi_by_chance,
    reference_of,
)
from streamseg.model.replay import AnyHorizon, replay_scores

REFERENCE_WINDOWS: Final = 13
"""The reference is how it was last, not how it was on average: a quarter, enough for every weekday and most habits."""
RECENT_WINDOWS: Final = 4
"""Inputs and scores of the last so many windows are compared, and forecasts made in so many windows, the last ones that
have matured: a change shows a few weeks after it, undiluted by what was before."""


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """What is a finding: what exceeds a limit by more than chance makes of so many customers."""

    psi: float = 0.25
    """Of one input, or of the scores: the usual word for "another population"."""
    ks: float = 0.20
    """Of the scores: a fifth of the customers lies elsewhere."""
    outcomes_ratio: float = 1.25
    """Outcome days that came, over those expected, may lie off by this factor, up or down, beside the bias that was
    known at the gate. One calendar week moves all customers at once, which no interval over customers shows."""
    ece: float = 0.05
    """By so much the calibration error may exceed the one at the gate."""
    customers: int = 50
    """On fewer nothing is concluded."""
    outcome_days: float = 30.0
    """Nor on fewer expected outcome days, for the calibration."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What was measured, and what of it exceeds a limit."""

    figures: Mapping[str, float]
    """`rows` and `customers` compared; `input.<feature>.psi`, `score.<churn|outcomes>.<psi|ks>`, and by horizon
    `outcomes.<days>d.<ratio|low|high>` and `ece.<days>d`. What could not be measured is missing."""
    findings: tuple[str, ...]
    """In words, with value and limit; empty if the model still fits."""


@dataclass(slots=True)
class _Findings:
    """Collects figures, and findings where one exceeds its limit."""

    figures: dict[str, float] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def measure(self, figure: str, what: str, value: float, limit: float) -> None:
        self.figures[figure] = value
        if value > limit:
            self.words.append(f"{what} {value:.3f} exceeds {limit:.3f}")


def refer(scorer: AnyHorizon, history: History, *, ece: float, bias_pct: float) -> Reference:
    """Describe the last quarter of the history that a model was fitted on, as `look_for_drift` will look at it.

    Where nobody came in it (donors give once a year), all of the history.

    Raises:
        ConfigError: If nobody came in any window of it but the first and the last, which are not whole.
    """
    customers, x, none, count = _touches(scorer, history, history.start_ms, REFERENCE_WINDOWS)
    if not customers:
        everything = (history.end_ms - history.start_ms) // history.spec.windows.length_ms + 1
        customers, x, none, count = _touches(scorer, history, history.start_ms, everything)
    if not customers:
        raise ConfigError(
            "nothing to notice drift by: all touchpoints lie in the first and the last window of the history, and no "
            "window between them has one; give a longer history"
        )
    return reference_of(x, none, count, customers=customers, ece=ece, bias_pct=bias_pct)


def look_for_drift(history: History, artifact: Artifact, *, since_ms: int, limits: DriftLimits | None = None) -> Drift:
    """Compare what was scored since an instant with what the model was fitted on, and its forecasts with what came.

    Args:
        history: Touchpoints, at best of a year before `since_ms` too: scores depend on them.
        artifact: The model, with its reference in the manifest.
        since_ms: Nothing before it is looked at; not before the model's `data_until_ms`, which it has learnt. Eight
            weeks back, or the churn horizon and four, are enough: of everything the most recent is taken.
        limits: The defaults if None.

    Raises:
        ConfigError: If the manifest holds no sound reference.
    """
    allowed = limits or DriftLimits()
    reference = from_json(artifact.manifest.reference)
    found = _Findings()
    _compare_rows(found, history, artifact.scorer, reference, since_ms, allowed)
    for horizon_days in horizon_grid(artifact.scorer.horizon_days, history.spec.windows.length_days):
        _compare_outcomes(found, history, artifact.scorer, reference, since_ms, horizon_days, allowed)
    return Drift(found.figures, tuple(found.words))


def _touches(
    scorer: AnyHorizon, history: History, since_ms: int, windows: int
) -> tuple[int, Float32Array, Float64Array, Float64Array]:
    """Instants just after touchpoints, in the last windows that began since then and are over: how many customers they
    belong to, and features (N, F), P(none) and expected outcome days (N,) over the churn horizon."""
    instants, spec = history.instants, history.spec.windows
    stop = spec.index_of(history.end_ms)
    first = max(spec.index_of(since_ms - 1) + 1, stop - windows)
    touched = instants.take(instants.is_touch & (instants.window >= first) & (instants.window < stop))
    said = replay_scores(scorer, history, touched)
    return len(np.unique(touched.customer)), history.features(touched), said.none, said.count


def _compare_rows(
    found: _Findings, history: History, scorer: AnyHorizon, reference: Reference, since_ms: int, limits: DriftLimits
) -> None:
    customers, x, none, count = _touches(scorer, history, since_ms, RECENT_WINDOWS)
    found.figures.update(rows=float(len(x)), customers=float(customers))
    if min(customers, reference.customers) < limits.customers:
        return
    # Customers, not rows, are what was drawn: the rows of one are alike.
    sizes = (reference.customers, customers)

    def compare_psi(figure: str, what: str, before: Histogram, now: tuple[float, ...]) -> None:
        limit = limits.psi + psi_by_chance(len(now), *sizes)
        found.measure(f"{figure}.psi", f"PSI of {what}", psi(before.shares, now), limit)

    for name in COMPARED:
        before = reference.inputs[name]
        compare_psi(f"input.{name}", f"input {name}", before, before.shares_of(x[:, COLUMN[name]]))
    for name, values in (("churn", none), ("outcomes", count)):
        before = reference.scores[name]
        now = before.shares_of(values)
        compare_psi(f"score.{name}", f"score {name}", before, now)
        limit = limits.ks + ks_by_chance(*sizes)
        found.measure(f"score.{name}.ks", f"KS statistic of score {name}", ks(before.shares, now), limit)


def _compare_outcomes(
    found: _Findings,
    history: History,
    scorer: AnyHorizon,
    reference: Reference,
    since_ms: int,
    horizon_days: float,
    limits: DriftLimits,
) -> None:
    recent_ms = history.end_ms - round(horizon_days * DAY_MS) - RECENT_WINDOWS * history.spec.windows.length_ms
    came = what_came(history, horizon_days, since_ms=max(since_ms, recent_ms))
    customer = came.instants.customer
    customers = len(np.unique(customer))
    if customers < limits.customers:
        return
    said = replay_scores(scorer.over(horizon_days), history, came.instants)
    if said.count.sum() < limits.outcome_days:
        return
    ratio, low, high = ratio_by_customer(came.actual.astype(np.float64), said.count, customer)
    figure, over = f"outcomes.{horizon_days:g}d", f"over {horizon_days:g} days"
    found.figures.update({f"{figure}.ratio": ratio, f"{figure}.low": low, f"{figure}.high": high})
    known = 1.0 / (1.0 + reference.bias_pct / 100.0)
    least, most = min(known, 1.0) / limits.outcomes_ratio, max(known, 1.0) * limits.outcomes_ratio
    if high < least or low > most:
        found.words.append(
            f"outcome days {over} are {ratio:.3f} of those expected (95 % interval {low:.3f} to {high:.3f}), "
            f"outside {least:.3f} to {most:.3f}"
        )
    # Of honest forecasts each bin's gap is about 0.8 standard errors, at most 0.4 / sqrt(customers in it).
    by_chance = 0.4 * float(np.sqrt(ECE_BINS / customers))
    error = ece(1.0 - said.none, (came.actual > 0).astype(np.float64))
    found.measure(f"ece.{horizon_days:g}d", f"calibration error {over}", error, reference.ece + limits.ece + by_chance)
