"""All who compete in a backtest: the classical models, every encoder, the same without what isn't a purchase, and the
model that the gate would serve.

Arrives: a history up to the cut-off. Leaves: `Learnt`, forecasters by name and why one of them would serve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from streamseg.backtest.contenders import classical
from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array
from streamseg.model.fit import Progress
from streamseg.model.forecaster import Forecaster, Forecasts
from streamseg.model.history import History, remember
from streamseg.model.instants import Instants
from streamseg.model.plan import TrainingPlan
from streamseg.model.replay import replay_next_types
from streamseg.model.train import train_on

NextTypes = Callable[[History, Instants], Float64Array]
"""(N, T) P(type of the next touchpoint) of N instants."""
LEAST_SHARE: Final = 0.001
"""Touchpoints that are no outcomes, of all: with fewer there is nothing to leave out."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """Who competes."""

    contenders: Mapping[str, Forecaster]
    served: str
    reasons: tuple[str, ...]
    """What the gate said."""
    next_types: NextTypes | None = None
    """Of what would be served; None where that is a classical model."""


@dataclass(frozen=True, slots=True)
class OutcomesOnly:
    """Implements `Forecaster`: a model that knows the outcomes alone, asked about customers of the whole history."""

    name: str
    inner: Forecaster
    narrow: History
    """Of outcomes only."""
    number: Int64Array
    """(C,) customer of the whole history -> of the narrow one; -1 where there is none."""

    def forecast(self, history: History, instants: Instants, horizon_days: float) -> Forecasts:
        """As the inner model's; every customer that is asked about has an outcome before the instant."""
        asked = self.narrow.at(self.number[instants.customer], instants.instant_ms)
        return self.inner.forecast(self.narrow, asked, horizon_days)


def learn(history: History, plan: TrainingPlan, *, cutoff_ms: int, progress: Progress) -> Learnt:
    """Fit everybody on what was known at the cut-off.

    Raises:
        ConfigError: If there is too little to learn from.
    """
    contenders = classical(history, until_ms=cutoff_ms, horizon_days=round(plan.horizon_days), progress=progress)
    trained = train_on(history, plan=plan, compare_all=True, progress=progress)
    encoder = plan.encoders[0]
    alone = {name: one for name, one in trained.contenders.items() if name not in contenders}
    if encoder in alone:
        alone |= _outcomes_only(history, plan, encoder, progress)
    next_types = partial(replay_next_types, trained.scorer) if trained.scorer.blend.networks else None
    return Learnt({**contenders, **alone}, trained.served, trained.verdict.reasons, next_types)


def _outcomes_only(history: History, plan: TrainingPlan, encoder: str, progress: Progress) -> dict[str, Forecaster]:
    """The same encoder without every other touchpoint, where there are others: what they are worth."""
    is_outcome = history.spec.outcome_by_code[history.touchpoints.type_code]
    if 1.0 - is_outcome.mean() < LEAST_SHARE:
        return {}
    kept, customer = history.touchpoints.keep(is_outcome)
    narrow = remember(kept, history.spec, seed=plan.seed)
    number = np.full(history.customers, -1)
    number[customer] = np.arange(len(customer))
    trained = train_on(narrow, plan=replace(plan, encoders=(encoder,)), compare_all=True, progress=progress)
    name = f"{encoder}:outcomes_only"
    return (
        {name: OutcomesOnly(name, trained.contenders[encoder], narrow, number)} if encoder in trained.contenders else {}
    )
