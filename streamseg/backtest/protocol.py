"""A touchpoint file cut at an instant: what a model may see, whom it is asked about, and what then came.

Arrives: a file, read once, and the cut-off. Leaves: a `Cut`. Everything from the cut-off on is holdout, what lies
before it is known. Refuses a cut-off and a horizon that the data don't cover. Knows no model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from streamseg.core.scores import Float64Array
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.datasets import jsonl
from streamseg.errors import ConfigError
from streamseg.model.history import History, remember
from streamseg.model.outcomes import Outcomes
from streamseg.model.touchpoints import gather
from streamseg.model.train import MIN_CUSTOMERS
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.times import rfc3339
from streamseg.wire.touchpoint import DecodeLimits, decode


@dataclass(slots=True)
class Reading:
    """What was met while the file was read."""

    refused: Counter[str] = field(default_factory=Counter)
    """Lines that are no touchpoints, by reason."""
    foreign: int = 0
    """Touchpoints whose amount is in another currency than the base: their spend is 0."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What came within the horizon, for N customers."""

    count: Int64Array
    """(N,) distinct UTC days with an outcome."""
    net_spend: Float64Array
    """(N,) money paid less money given back, whenever that was paid; below 0 where more came back."""
    gross_spend: Float64Array
    """(N,) money paid in outcomes, nothing subtracted."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A file on both sides of the cut-off; N customers are known before it."""

    cutoff_ms: int
    horizon_days: int
    history: History
    """Of touchpoints before the cut-off only."""
    customer: Int64Array
    """(N,) numbers in `history` of those with an outcome before the cut-off, also below the worker's gate."""
    reading: Reading
    touchpoints: int
    """On both sides."""
    start_ms: int
    end_ms: int
    """First and last touchpoint of the file."""
    _whole: Outcomes
    _number: Int64Array
    """(N,) the same customers in `_whole`."""

    def counts(self, days: int) -> Int64Array:
        """(N,) distinct UTC days with an outcome in [cut-off, cut-off + days)."""
        return self._whole.count(self._number, self._just_before_ms(), days * DAY_MS)

    def truth(self) -> Truth:
        """What came in [cut-off, cut-off + horizon)."""
        at = self._number, self._just_before_ms(), self.horizon_days * DAY_MS
        return Truth(self._whole.count(*at), self._whole.net_spend(*at), self._whole.gross_spend(*at))

    def next_types(self) -> Int64Array:
        """(N,) type of the first touchpoint in [cut-off, cut-off + horizon); -1 where none came."""
        at = self._number, self._just_before_ms()
        came = self._whole.next_ms(*at) < self.cutoff_ms + self.horizon_days * DAY_MS
        return np.where(came, self._whole.next_type(*at), -1)

    def _just_before_ms(self) -> Int64Array:
        # `Outcomes` answers for (t, t + h], in whole milliseconds: one earlier, that is [t, t + h).
        return np.full(len(self._number), self.cutoff_ms - 1)


def cut_file(path: Path, *, cutoff_ms: int, horizon_days: int, spec: CoreSpec, limits: DecodeLimits) -> Cut:
    """Read a file and cut it.

    What may not be used is on neither side: repeated event ids (the earliest stays, even across the cut-off), and what
    a customer said before a withdrawal of consent, even if that came in the holdout.

    Args:
        path: As `jsonl.read`.
        cutoff_ms: Milliseconds UTC, in mid-window or not.
        horizon_days: At least 1.
        spec: The rules of the deployment.
        limits: What is accepted as a touchpoint.

    Raises:
        ConfigError: If the file can't be read, the data don't cover the cut-off and the horizon, too few customers are
            known, or none of them has an outcome in the horizon.
    """
    reading = Reading()
    whole = gather(_batches(path, limits, reading))
    if not len(whole):
        why = ", ".join(f"{reason} {count}" for reason, count in reading.refused.most_common()) or "none"
        raise ConfigError(f"{path} has no touchpoint (lines refused: {why}); give a file with history")
    start_ms, end_ms = int(whole.event_ms.min()), int(whole.event_ms.max())
    _refuse_outside(path, cutoff_ms, horizon_days, start_ms, end_ms)
    known, number = whole.keep(whole.event_ms < cutoff_ms)
    history = remember(known, spec)
    everybody = np.arange(history.customers)
    bought = np.flatnonzero(history.outcomes.past_days(everybody, np.full(len(everybody), cutoff_ms)) > 0)
    outcomes = Outcomes(
        whole.customer,
        whole.event_ms,
        whole.type_code.astype(np.int64),
        whole.amount_micro,
        outcome_types=spec.outcome_types,
    )
    cut = Cut(
        cutoff_ms=cutoff_ms,
        horizon_days=horizon_days,
        history=history,
        customer=bought,
        reading=reading,
        touchpoints=len(whole),
        start_ms=start_ms,
        end_ms=end_ms,
        _whole=outcomes,
        _number=number[bought],
    )
    _refuse_too_little(cut, spec)
    return cut


def _batches(path: Path, limits: DecodeLimits, reading: Reading) -> Iterator[TouchpointBatch]:
    for chunk in jsonl.read(path):
        decoded = decode(chunk, limits=limits)
        reading.refused.update(rejected.reason for rejected in decoded.rejected)
        reading.foreign += decoded.foreign_currency
        yield decoded.batch


def _refuse_outside(path: Path, cutoff_ms: int, horizon_days: int, start_ms: int, end_ms: int) -> None:
    if not start_ms < cutoff_ms <= end_ms:
        raise ConfigError(
            f"--cutoff {rfc3339(cutoff_ms)} lies outside the data of {path}, {rfc3339(start_ms)} to {rfc3339(end_ms)}; "
            "choose a time between them"
        )
    # The last day with a touchpoint counts as complete: a shop that closes at six has said all it will say that day.
    most = ((end_ms // DAY_MS + 1) * DAY_MS - cutoff_ms) // DAY_MS
    if horizon_days > most:
        raise ConfigError(
            f"--horizon-days {horizon_days} ends at {rfc3339(cutoff_ms + horizon_days * DAY_MS)}, after the data of "
            f"{path} (last touchpoint {rfc3339(end_ms)}): what came would be cut short; at most {most} days fit after "
            "this cut-off, more after an earlier one"
        )


def _refuse_too_little(cut: Cut, spec: CoreSpec) -> None:
    outcomes = ", ".join(spec.outcome_types)
    if len(cut.customer) < MIN_CUSTOMERS:
        raise ConfigError(
            f"{len(cut.customer)} customers have an outcome ({outcomes}) before {rfc3339(cut.cutoff_ms)}, at least "
            f"{MIN_CUSTOMERS} needed: fewer say nothing about the next one; choose a later --cutoff, or give a larger "
            "file"
        )
    if not cut.counts(cut.horizon_days).any():
        raise ConfigError(
            f"none of the {len(cut.customer):,} known customers has an outcome ({outcomes}) in the {cut.horizon_days} "
            f"days from {rfc3339(cut.cutoff_ms)} on, so there is nothing to measure; choose another --cutoff or a "
            "longer --horizon-days"
        )
