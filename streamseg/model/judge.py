"""Models before their judges: what each forecasts for instants after an origin that its weights have not seen.

Arrives: forecasts by models that were fitted before the origin, and the history. Leaves: the map to serve with, and
forecasts as they would have been served, by a map fitted on other customers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from streamseg.core.scores import Float64Array, Scorer
from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.errors import ConfigError
from streamseg.model.calibrate import Calibration, Origin, fit_platt, ratio
from streamseg.model.classical.past import past_of
from streamseg.model.evaluate import ece
from streamseg.model.forecaster import Forecasts
from streamseg.model.history import History
from streamseg.model.instants import Instants
from streamseg.model.replay import replay_scores


@dataclass(frozen=True, slots=True)
class Trial:
    """N instants after an origin, and what came after them."""

    history: History
    origin: Origin
    instants: Instants
    ever: NDArray[np.bool_]
    """(N,) whether the customer had bought by then."""
    actual: Int64Array
    """(N,) outcome days in the origin's horizon."""
    spend: Float64Array
    """(N,) net spend in it."""

    @property
    def half(self) -> NDArray[np.bool_]:
        """(N,) a map for these customers is fitted on the others, and the other way round."""
        even: NDArray[np.bool_] = self.instants.customer % 2 == 0
        return even

    def fewest_customers(self) -> int:
        """Customers with a row of the rarer class, bought or not."""
        return min(len(np.unique(self.instants.customer[part])) for part in (self.actual > 0, self.actual == 0))


def set_trial(history: History, origin: Origin) -> Trial:
    """Take the instants between the origin and the last one whose horizon ends inside the data.

    Just after touchpoints those that were drawn; at each boundary everybody, silent or not, and gated or not.

    Raises:
        ConfigError: If there is none.
    """
    drawn, windows = history.instants, history.spec.windows
    touched = (drawn.instant_ms >= origin.origin_ms) & (drawn.instant_ms <= origin.until_ms) & drawn.is_touch
    parts = [drawn.take(touched)]
    for window in range(windows.index_of(origin.origin_ms - 1) + 1, windows.index_of(origin.until_ms) + 1):
        boundary_ms = windows.start_ms(window)
        known = np.flatnonzero(history.first_ms < boundary_ms)
        due = history.at(known, np.full(len(known), boundary_ms))
        parts.append(due.take(~due.is_touch))
    instants = Instants(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Instants)))
    if not len(instants):
        raise ConfigError(
            f"nothing to judge a model on: no customer could be scored between {origin.origin_ms} and "
            f"{origin.until_ms} ms; give a longer history"
        )
    customer, instant_ms = instants.customer, instants.instant_ms
    span_ms = round(origin.horizon_days * DAY_MS)
    return Trial(
        history=history,
        origin=origin,
        instants=instants,
        ever=past_of(history, customer, instant_ms).ever,
        actual=history.outcomes.count(customer, instant_ms, span_ms),
        spend=history.outcomes.net_spend(customer, instant_ms, span_ms),
    )


def ask(scorer: Scorer, trial: Trial) -> Forecasts:
    """What a scorer forecasts for the trial; its horizon is the origin's."""
    return replay_scores(scorer, trial.history, trial.instants)


def blended(one: Forecasts, other: Forecasts, share: Float64Array) -> Forecasts:
    """(N,) `share` of the other in whether and how often, the rest of the one: as `Blend` does."""
    return Forecasts(
        none=(1.0 - share) * one.none + share * other.none,
        count=(1.0 - share) * one.count + share * other.count,
        value=one.value,
    )


def served_crosswise(raw: Forecasts, trial: Trial) -> Forecasts:
    """What would have been served, the map of each half of the customers being fitted on the other half."""
    served = Forecasts(*(np.empty(len(raw.none)) for _ in range(3)))
    for half in (trial.half, ~trial.half):
        other = ~half
        fitted = fit_map(raw, trial, other) if other.any() else Calibration(trial.origin.horizon_days)
        mapped = fitted.apply(_some(raw, half))
        for field in fields(Forecasts):
            getattr(served, field.name)[half] = getattr(mapped, field.name)
    return served


def fit_map(raw: Forecasts, trial: Trial, rows: NDArray[np.bool_] | None = None) -> Calibration:
    """Fit the map on chosen rows of a trial, all by default; followed as far as `calibrate.TRUST` says."""
    chosen = np.ones(len(raw.none), np.bool_) if rows is None else rows
    some, actual = _some(raw, chosen), trial.actual[chosen]
    level = ratio(float(actual.sum()), float(some.count.sum()))
    value_level = ratio(float(trial.spend[chosen].sum()), level * float(some.value.sum()))
    levelled = Calibration(trial.origin.horizon_days, level=level, value_level=value_level)
    if not trial.origin.complete:  # a slope found on a shorter horizon says nothing about the longer one
        return levelled.halfway()
    # The level first: it stands inside P(none), so the slope is fitted to what it leaves.
    slope, offset = fit_platt(levelled.probability(some.none), actual == 0)
    return Calibration(levelled.horizon_days, level, slope, offset, value_level).halfway()


def ece_by_kind(served: Forecasts, trial: Trial) -> Mapping[str, float]:
    """Calibration error just after touchpoints and at due boundaries, by name."""
    kinds = {"touch": trial.instants.is_touch, "due": ~trial.instants.is_touch}
    return {
        f"candidate.ece_{name}": ece(1.0 - served.none[kind], (trial.actual[kind] > 0).astype(np.float64))
        for name, kind in kinds.items()
    }


def _some(raw: Forecasts, rows: NDArray[np.bool_]) -> Forecasts:
    return Forecasts(raw.none[rows], raw.count[rows], raw.value[rows])
