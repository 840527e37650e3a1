"""The rows that must be scored: what the table asks, and what the model and the decisions answer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from streamseg.core.features import Records
from streamseg.core.scores import Float32Array
from streamseg.core.windows import Int64Array

Kind = Literal["touch", "silence", "reconcile", "withdrawal"]


@dataclass(frozen=True, slots=True)
class Steps:
    """N rows in one window. A customer's rows are adjacent and in order; scores don't depend on one another."""

    kind: Kind
    """`touch`: just after a touchpoint; `silence`: at a boundary nobody came before; `reconcile`: the model changed;
    `withdrawal`: consent withdrawn, nothing to score, the customer leaves."""
    window: int
    """Index of the window in which every instant lies."""
    slot: Int64Array
    """(N,) the customer."""
    row: Int64Array
    """(N,) index in the batch of the touchpoint that is the cause; -1 where there is none."""
    instant_ms: Int64Array
    """(N,) when the score is for; horizons start here."""
    summary: Records
    """(N,) of `rows.SUMMARY`: the running window up to the instant."""
    x: Float32Array
    """(N, F) features of the running window and the life up to the instant."""
    is_outcome: NDArray[np.bool_]
    """(N,) the touchpoint is itself an outcome."""
    is_gated: NDArray[np.bool_]
    """(N,) too little is known to score."""
    quiet_ms: Int64Array
    """(N,) since the latest outcome, or since the first touchpoint if there was none."""

    def __len__(self) -> int:
        return len(self.slot)
