"""The one protocol by which anything that forecasts is asked: networks, classical models, blends of them.

Arrives: customers at instants of their own, and a horizon. Leaves: what is expected of each. Knows no implementation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

from streamseg.core.scores import Float64Array
from streamseg.model.history import History
from streamseg.model.instants import Instants

SURE: Final = 1e-6
"""No forecast is surer than this: keeps logits finite."""
DISCOUNT_PER_DAY: Final = math.log(1.10) / 365.25
"""Money a year away is worth a tenth less."""


@dataclass(frozen=True, slots=True)
class Forecasts:
    """What is expected of N customers within one horizon from their own instants on."""

    none: Float64Array
    """(N,) P(no outcome day in the horizon), in (0, 1)."""
    count: Float64Array
    """(N,) expected outcome days, at least 0."""
    value: Float64Array
    """(N,) expected discounted spend, base currency, at least 0."""


class Forecaster(Protocol):
    """Anything that can be asked about any instant and horizon: networks, classical models, blends."""

    @property
    def name(self) -> str:
        """lstm, gru, rnn, attention, past_rate, bg_nbd, pareto_nbd, lightgbm, or a blend: lstm+pareto_nbd."""
        ...

    def forecast(self, history: History, instants: Instants, horizon_days: float) -> Forecasts:
        """What is expected of each instant's customer in the `horizon_days` after it."""
        ...
