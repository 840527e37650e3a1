"""A challenger in the shadow of the model that serves: both asked about live traffic that neither has learnt from.

Two scorers and a history arrive; what both would have said since an instant leaves. It says nothing of who was right:
that is `matured`'s. Knows no registry and no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from streamseg.model.history import History
from streamseg.model.replay import AnyHorizon, replay_scores

ALERT_SHIFT: Final = 0.10
"""The share of alerted customers may move by so much, as at the gate; more floods or silences a campaign."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What two models said at the same instants."""

    rows: int
    finite: bool
    """Of every forecast of the challenger."""
    alert_rate: float
    """Share of rows at or above the alert threshold by the challenger, 0 to 1."""
    incumbent_alert_rate: float

    def faults(self, *, is_better: bool) -> tuple[str, ...]:
        """Why the challenger may not serve, in words; empty if it may.

        Args:
            is_better: Matured outcomes are for it, beyond chance. Where customers have changed, the alerts must, too.
        """
        if not self.finite:
            return (f"some of its {self.rows:,} forecasts are not finite",)
        shift = abs(self.alert_rate - self.incumbent_alert_rate)
        if is_better or shift <= ALERT_SHIFT:
            return ()
        return (f"shift of the alert rate {shift:.4f} exceeds {ALERT_SHIFT:.4f}",)


def watch(
    challenger: AnyHorizon, incumbent: AnyHorizon, history: History, *, since_ms: int, alert_threshold: float
) -> Watched | None:
    """Ask both at every instant from `since_ms` on; None if there is none.

    Args:
        challenger: Stored, not current.
        incumbent: What serves.
        history: Touchpoints so far.
        since_ms: End of the data that either has learnt from, milliseconds UTC.
        alert_threshold: Churn probability from which on a customer is alerted.
    """
    seen = history.instants.take(history.instants.instant_ms >= since_ms)
    if not len(seen):
        return None
    said, served = (replay_scores(scorer, history, seen) for scorer in (challenger, incumbent))
    return Watched(
        rows=len(seen),
        finite=bool(np.isfinite(said.none).all() and np.isfinite(said.count).all()),
        alert_rate=float(np.mean(said.none >= alert_threshold)),
        incumbent_alert_rate=float(np.mean(served.none >= alert_threshold)),
    )
