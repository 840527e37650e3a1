"""What a network is, whoever learns or serves it: its sizes, the limits of what it says, how totals of a life are read.

Arrives: raw features (N, F). Leaves: the same with totals as rates. Knows no weights.
"""

from __future__ import annotations

import math
from typing import Final

from streamseg.compiled import compiled
from streamseg.core.features import COLUMN
from streamseg.core.scores import Float32Array
from streamseg.elementary import exp, log

HEAD: Final = 48
EMBEDDING: Final = 16
CLIP: Final = 6.0
"""A standardised input is cut at so many deviations: one absurd order must not saturate every gate."""

TOTALS: Final = tuple(COLUMN[name] for name in ("touchpoints", "active_days", "spend"))
AGE: Final = COLUMN["age_days"]
SETTLED_DAYS: Final = 30.0
"""Totals of a life only grow, so in service they lie beyond all that training saw. The network reads them as rates, per
so many days of age (and as many again, lest the first day looks like the busiest month)."""
LOG_LARGEST: Final = 80.0
"""Of a total's logarithm: far beyond all money, and still a finite float32 when it is taken back."""

LOG_RATE: Final = (math.log(1e-5), math.log(1.0))
"""Outcome days per day: at most one a day."""
LOG_DECAY: Final = (math.log(1e-5), math.log(0.05))
"""How fast the rate fades, per day."""
LOG_SHAPE: Final = (math.log(0.1), math.log(30.0))
"""Shape r of the gamma that mixes the Poisson rates: small = bursts, large = regular."""
ZERO_LOGIT: Final = (-8.0, 3.0)
LOG_SPREAD: Final = (math.log(0.05), math.log(1.5))
SPEND_RANGE: Final = (-4.0, 4.0)
"""Spend per outcome day, in deviations of its logarithm from the mean over customers."""
LIMITS: Final = (LOG_RATE, LOG_DECAY, LOG_SHAPE, ZERO_LOGIT, SPEND_RANGE, LOG_SPREAD)
"""Of what a forecast is made of, in the order of the outputs; the types of the next touchpoint stand behind them."""
TOLD: Final = len(LIMITS)


@compiled
def relate(x: Float32Array, y: Float32Array) -> None:
    """(N, F) raw -> (N, F) in `y`: the logarithms of totals (`TOTALS`) become those of rates per `SETTLED_DAYS`."""
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            y[row, column] = x[row, column]
        settled = exp(min(max(x[row, AGE], 0.0), LOG_LARGEST)) - 1.0 + SETTLED_DAYS
        for column in TOTALS:
            total = exp(min(max(x[row, column], 0.0), LOG_LARGEST)) - 1.0
            y[row, column] = log(1.0 + total * (SETTLED_DAYS / settled))
