"""What training and backtests read: what every customer did, and what the model would have seen of it at any instant.

Arrives: touchpoints in any order. Leaves: a `History`, which grows with the touchpoints, not with customers times
weeks; features are made when they are asked for, bit for bit those of the worker. Knows nothing of networks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from streamseg.core.features import FEATURES, Records, step_features
from streamseg.core.rows import SUMMARY
from streamseg.core.running import SUM_FIELDS, life_sums
from streamseg.core.scores import Float32Array
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import BLOCK, Int64Array
from streamseg.model.active_windows import ActiveWindows, find_active_windows, sum_up
from streamseg.model.instants import Instants, draw_instants, known_from_ms
from streamseg.model.outcomes import Outcomes
from streamseg.model.touchpoints import Touchpoints, gather
from streamseg.wire.batch import TouchpointBatch


@dataclass(frozen=True, slots=True)
class History:
    """C customers over time."""

    spec: CoreSpec
    touchpoints: Touchpoints
    active: ActiveWindows
    outcomes: Outcomes
    """Of the same touchpoints, in the same order."""
    instants: Instants
    """Those to learn from, by customer and time."""

    @property
    def customers(self) -> int:
        """C."""
        return len(self.customer_ids)

    @property
    def customer_ids(self) -> list[bytes]:
        """C ids, ascending."""
        return self.touchpoints.customer_ids

    @property
    def first_ms(self) -> Int64Array:
        """(C,) time of the first touchpoint."""
        return self.touchpoints.event_ms[self.touchpoints.bounds[:-1]]

    @property
    def first_window(self) -> Int64Array:
        """(C,) window of the first touchpoint."""
        return self.active.summary["window"][self.active.bounds[:-1]]

    @property
    def start_ms(self) -> int:
        """Time of the first touchpoint of all; 0 where there is none."""
        return int(self.first_ms.min()) if self.customers else 0

    @property
    def end_ms(self) -> int:
        """Time of the last touchpoint of all: nothing is known after it; 0 where there is none."""
        return self.outcomes.end_ms

    def start(self, customer: Int64Array, window: Int64Array) -> Int64Array:
        """Where the fold that precedes `window` starts from zero: the anchor, or the customer's first window."""
        first: Int64Array = self.active.summary["window"][self.active.bounds[customer]]
        return np.maximum(BLOCK * (window // BLOCK - 1), first)

    def at(self, customer: Int64Array, instant_ms: Int64Array) -> Instants:
        """Instants of the caller's choice: (N,) customers, (N,) milliseconds UTC, in any order.

        Raises:
            ValueError: If an instant lies before its customer's first touchpoint.
        """
        first_ms = self.first_ms[customer]
        early = np.flatnonzero(instant_ms < first_ms)
        if len(early):
            raise ValueError(
                f"customer {self.customer_ids[customer[early[0]]].decode()} is asked about at "
                f"{instant_ms[early[0]]} ms, before the first touchpoint at {first_ms[early[0]]} ms; ask about later "
                "instants"
            )
        latest = self.outcomes.position(customer, instant_ms) - 1
        return Instants(
            customer=customer,
            window=self.spec.windows.index(instant_ms),
            instant_ms=instant_ms,
            is_touch=self.touchpoints.event_ms[latest] == instant_ms,
            is_gated=instant_ms < known_from_ms(self.touchpoints, self.spec)[customer],
            weight=np.ones(len(customer), np.float32),
        )

    def features(self, instants: Instants) -> Float32Array:
        """(N, F) what the network reads of the running window at each instant, touchpoints at the instant included."""
        customer = instants.customer
        prior = self.active.last_before(customer, instants.window)
        begin = self.active.begin[prior + 1]
        summary = self._sum_up_running(instants, begin, self.outcomes.position(customer, instants.instant_ms))
        life = self.active.life[prior]
        # Nothing lies before a customer's first window: the row below is another's.
        life[prior < self.active.bounds[customer]] = 0
        life["first_ms"] = self.touchpoints.event_ms[self.touchpoints.bounds[customer]]
        life["first_outcome_ms"] = self.active.first_outcome_ms[customer]
        sums = life_sums(summary)
        for name in SUM_FIELDS:
            life[name] += sums[name]
        for name in ("last_ms", "last_outcome_ms"):
            life[name] = np.maximum(life[name], summary[name])
        return step_features(summary, life, instants.instant_ms, self.spec.windows)

    def closed_features(self, customer: Int64Array, start: Int64Array, steps: int) -> Float32Array:
        """Describe windows as they stood when they closed, silence included.

        Args:
            customer: (B,) whose, repeats allowed.
            start: (B,) the first window of each, not before the customer's first one.
            steps: S, how many windows from there.

        Returns:
            (S, B, F) float32, bit for bit what `CustomerTable.closed_features` gives.
        """
        window = (start[None, :] + np.arange(steps)[:, None]).ravel()
        row = self.active.last_before(np.tile(customer, steps), window + 1)
        summary = np.zeros(len(window), SUMMARY)
        here = self.active.summary["window"][row] == window
        summary[here] = self.active.summary[row[here]]
        summary["window"] = window
        closed_ms = self.spec.windows.origin_ms + (window + 1) * self.spec.windows.length_ms
        x = step_features(summary, self.active.life[row], closed_ms, self.spec.windows)
        return x.reshape(steps, len(customer), len(FEATURES))

    def _sum_up_running(self, instants: Instants, begin: Int64Array, stop: Int64Array) -> Records:
        """(N,) of `SUMMARY`: the touchpoints `begin` ... `stop` - 1 of each instant's window, maybe none."""
        summary = np.zeros(len(instants), SUMMARY)
        counts = stop - begin
        some = np.flatnonzero(counts > 0)
        if len(some):
            heads = np.cumsum(counts[some]) - counts[some]
            rows = np.arange(int(counts[some].sum())) + np.repeat(begin[some] - heads, counts[some])
            window = np.repeat(instants.window[some], counts[some])
            summary[some] = sum_up(self.touchpoints, rows, window, heads, self.spec)
        summary["window"] = instants.window
        return summary


def collect(batches: Iterable[TouchpointBatch], spec: CoreSpec, *, seed: int = 0) -> History:
    """Gather touchpoints (see `touchpoints.gather`), and remember them."""
    return remember(gather(batches), spec, seed=seed)


def remember(touchpoints: Touchpoints, spec: CoreSpec, *, seed: int = 0) -> History:
    """Sum touchpoints up, and draw the instants to learn from (see `draw_instants`)."""
    active = find_active_windows(touchpoints, spec)
    outcomes = Outcomes(
        touchpoints.customer,
        touchpoints.event_ms,
        touchpoints.type_code.astype(np.int64),
        touchpoints.amount_micro,
        outcome_types=spec.outcome_types,
    )
    return History(spec, touchpoints, active, outcomes, draw_instants(touchpoints, active, spec, seed=seed))
