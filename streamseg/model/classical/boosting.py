"""Gradient boosting on hand-made counts: what an analyst would try first, and so a contender in every backtest.

Arrives: a history, and the instant up to which outcomes may be known. Leaves: a `Boosting`, three LightGBM models (who
buys, how often, for how much) of what followed several earlier instants. Seeded, one thread: the same history gives
the same trees. Not served: the worker knows no LightGBM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from streamseg.core.scores import Float64Array
from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.errors import ConfigError
from streamseg.model.classical.members import discount
from streamseg.model.classical.past import past_of
from streamseg.model.forecaster import SURE, Forecasts
from streamseg.model.history import History
from streamseg.model.instants import Instants

LOOK_BACK_DAYS: Final = (7, 14, 28, 56, 91, 182, 364)
ORIGINS: Final = 8
"""Instants to learn from, at most;"""
STEP_DAYS: Final = 14
"""so far apart."""
LONGEST_SHARE: Final = 2 / 3
"""Share of the history that the horizon to learn may take: a third of it stays for the first origin to look back on."""
ROUNDS: Final = {"binary": 150, "poisson": 300, "tweedie": 150}
"""Trees by objective: who buys overfits before how often does, on origins inside the past of two public sets."""
PARAMETERS: Final[dict[str, Any]] = {
    "learning_rate": 0.03,
    "num_leaves": 15,
    "min_data_in_leaf": 50,
    "lambda_l2": 5.0,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "max_bin": 127,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
    "verbosity": -1,
}
"""Small, and the same for every data set."""


@dataclass(frozen=True, slots=True)
class Boosting:
    """Implements `Forecaster`. It learnt one horizon; another is the same rate for longer or shorter."""

    horizon_days: float
    """The one that it learnt."""
    buys: Any
    count: Any
    spend: Any

    @property
    def name(self) -> str:
        """What it is called among the contenders."""
        return "lightgbm"

    def forecast(self, history: History, instants: Instants, horizon_days: float) -> Forecasts:
        """What is expected of each instant's customer in the `horizon_days` after it."""
        x = features(history, instants.customer, instants.instant_ms)
        longer = horizon_days / self.horizon_days
        none = np.clip(1.0 - self.buys.predict(x), SURE, 1.0 - SURE) ** longer
        return Forecasts(
            none=np.clip(none, SURE, 1.0 - SURE),
            count=self.count.predict(x) * longer,
            value=self.spend.predict(x) * longer * discount(horizon_days),
        )


class _Nothing:
    """What is learnt where nothing ever came: that nothing comes."""

    def predict(self, x: Float64Array) -> Float64Array:
        return np.zeros(len(x))


def fit(history: History, *, until_ms: int, horizon_days: float) -> Boosting:
    """Learn what followed several origins, each with the whole horizon after it by `until_ms`.

    Where the history is too short for the horizon, the longest that leaves a third of it before the origin is learnt.

    Raises:
        ConfigError: If LightGBM is not installed, or there is no history of some days.
    """
    lightgbm = _lightgbm()
    customer, instant_ms, days = _origins(history, until_ms, horizon_days)
    if days < 1.0:
        raise ConfigError(
            f"lightgbm has nothing to learn from: the history up to {until_ms} ms is {days / LONGEST_SHARE:g} days "
            "long; give at least 2"
        )
    x, span_ms = features(history, customer, instant_ms), round(days * DAY_MS)
    count = history.outcomes.count(customer, instant_ms, span_ms).astype(np.float64)
    spend = history.outcomes.gross_spend(customer, instant_ms, span_ms)

    def learn(objective: str, labels: Float64Array) -> Any:
        if not labels.any():
            return _Nothing()  # LightGBM refuses labels that are all 0
        data = lightgbm.Dataset(x, labels)
        return lightgbm.train({**PARAMETERS, "objective": objective}, data, ROUNDS[objective])

    bought = (count > 0).astype(np.float64)
    return Boosting(days, learn("binary", bought), learn("poisson", count), learn("tweedie", spend))


def features(history: History, customer: Int64Array, instant_ms: Int64Array) -> Float64Array:
    """(N, 26) what N customers had done by N instants; NaN where there is no such thing."""
    outcomes, past = history.outcomes, past_of(history, customer, instant_ms)
    columns = [
        (instant_ms - history.first_ms[customer]) / DAY_MS,
        np.where(past.ever, past.age_days, np.nan),
        np.where(past.ever, past.age_days - past.last_days, np.nan),
        np.where(past.repeats > 0, past.last_days / np.maximum(past.repeats, 1.0), np.nan),
        past.mean_spend,
    ]
    now = outcomes.position(customer, instant_ms)
    for days in LOOK_BACK_DAYS:
        before_ms = instant_ms - days * DAY_MS
        columns += [
            outcomes.count(customer, before_ms, days * DAY_MS),
            outcomes.gross_spend(customer, before_ms, days * DAY_MS),
            now - outcomes.position(customer, before_ms),
        ]
    return np.stack(columns, axis=1)


def _origins(history: History, until_ms: int, horizon_days: float) -> tuple[Int64Array, Int64Array, float]:
    """Everybody known at each origin, (N,) customers and instants, and the horizon to learn, days."""
    start_ms = int(history.first_ms.min(initial=until_ms))
    days = min(horizon_days, LONGEST_SHARE * (until_ms - start_ms) / DAY_MS)
    latest_ms = until_ms - round(days * DAY_MS)
    earliest_ms = start_ms + (until_ms - start_ms) / 3
    every_ms = latest_ms - STEP_DAYS * DAY_MS * np.arange(ORIGINS)
    every_ms = every_ms[(every_ms >= earliest_ms) | (every_ms == latest_ms)]
    customer, origin = np.nonzero(history.first_ms[:, None] <= every_ms[None, :])
    return customer, every_ms[origin], days


def _lightgbm() -> Any:
    try:
        import lightgbm
    except ImportError as error:
        raise ConfigError(
            "lightgbm is not installed, and the contender of that name is made of it; install streamseg[backtest]"
        ) from error
    return lightgbm
