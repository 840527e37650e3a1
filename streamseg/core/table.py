"""The truth about the customers of one partition: what they did, window by window, and what was decided about them.

Arrives: a batch of touchpoints in partition order. Leaves: the steps to be scored, in order (`observe`, `sweep`), and
the features of closed windows for the fold. Refuses to know the model, the clock and Kafka.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from streamseg.core.admission import ACCEPTED, NO_WATERMARK, Admitted, admit
from streamseg.core.chains import END
from streamseg.core.columns import grown, starts_of
from streamseg.core.decide import LAPSED
from streamseg.core.due import DueCounts
from streamseg.core.features import Records, step_features
from streamseg.core.history import ClosedWindows, closed_features, closed_windows
from streamseg.core.interner import Interner
from streamseg.core.remembered import RememberedIds
from streamseg.core.rows import BLANK, NEVER_MS
from streamseg.core.running import Standing, after_each, as_of_now
from streamseg.core.scores import Float32Array
from streamseg.core.spec import CoreSpec
from streamseg.core.steps import Kind, Steps
from streamseg.core.summaries import NO_WINDOW, SummaryPool
from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.spans import Spans

CHUNK = 13
"""Closed windows are persisted in chunks of so many; an anchor is always the start of a chunk."""


class CustomerTable:
    """Customers by slot (0, 1, … in order of appearance). `rows` is public: the decisions write their fields there."""

    def __init__(self, spec: CoreSpec) -> None:
        self.spec = spec
        self.watermark_ms = NO_WATERMARK
        self.rows: Records = np.full(64, BLANK)
        self.customer_ids = Interner()
        self.generation = np.zeros(64, np.int64)
        """Counted up whenever a closed window of the customer changed: folds made before are void."""
        self.summaries = SummaryPool()
        self.remembered = RememberedIds()
        self.touched: set[int] = set()
        """Slots whose row must be persisted; the owner clears it."""
        self.stale_chunks: set[tuple[int, int]] = set()
        """(slot, chunk of closed windows) to be written again, or deleted if empty; the owner clears it."""
        self._dropped_before = np.zeros(64, np.int64)
        self._outcome = spec.outcome_by_code
        self._due = DueCounts()
        self._due_queue = np.empty(0, np.int64)
        self._due_ms = 0

    def __len__(self) -> int:
        return len(self.customer_ids)

    # -- touchpoints ------------------------------------------------------------------------------------------------

    def admit(self, batch: TouchpointBatch) -> tuple[Int64Array, Admitted]:
        """Find each row's customer, judge the rows and move the watermark. Call once a batch, then `observe`."""
        slots = self.slots(batch.customer_id.spans)
        admitted = admit(
            slots,
            batch.event_hash,
            batch.event_ms,
            accepted=self.rows["accepted"],
            remembered=self.remembered,
            watermark_ms=self.watermark_ms,
            lateness_ms=self.spec.allowed_lateness_ms,
            keep_ids=self.spec.keep_ids,
        )
        if len(batch):
            self.watermark_ms = int(admitted.after_ms[-1])
        self.touched.update(slots[admitted.status == ACCEPTED].tolist())
        return slots, admitted

    def observe(
        self, batch: TouchpointBatch, slots: Int64Array, admitted: Admitted, *, model_key: int
    ) -> Iterator[Steps]:
        """Fold the accepted touchpoints in, and yield what is to be scored, in order.

        At each yield the table stands as of the yielded rows, so that closed windows can be folded and decisions
        written; take one, answer it, then take the next. `model_key` is the scorer's (0: none; nothing is reconciled).
        """
        rows = np.flatnonzero(admitted.status == ACCEPTED)
        for run in self._runs(batch, slots, admitted, rows):
            first = int(run[0])
            boundary_ms = self.spec.windows.start_of(int(admitted.after_ms[first]))
            # Who is due is looked at together, and not each alone before his next row, unless there are more of them
            # than touchpoints at hand: no small batch waits. The first row's customer came before the boundary passed.
            if 0 < self._due.until(boundary_ms) <= len(batch):
                due = np.flatnonzero(self.rows["due_ms"][: len(self)] <= boundary_ms)
                due = due[due != slots[first]]
                yield from self._overdue(due, np.full(len(due), boundary_ms), model_key)
            yield from self._observe_run(batch, slots, admitted, run, model_key)

    def _runs(
        self, batch: TouchpointBatch, slots: Int64Array, admitted: Admitted, rows: Int64Array
    ) -> list[Int64Array]:
        # A run lies in one window and holds no change of consent, except as its only row.
        if not len(rows):
            return []
        cut = starts_of(self.spec.windows.index(admitted.after_ms[rows]))
        withdrawn: dict[int, bool] = {}
        for position in np.flatnonzero(batch.consent[rows] >= 0).tolist():
            slot = int(slots[rows[position]])
            now = not batch.consent[rows[position]]
            if withdrawn.setdefault(slot, bool(self.rows["withdrawn"][slot])) != now:
                withdrawn[slot] = now
                cut[position] = True
                cut[position + 1 : position + 2] = True
        return np.split(rows, np.flatnonzero(cut)[1:])

    def _observe_run(
        self, batch: TouchpointBatch, slots: Int64Array, admitted: Admitted, run: Int64Array, model_key: int
    ) -> Iterator[Steps]:
        first = int(run[0])
        slot = int(slots[first])
        withdraws = batch.consent[first] == 0 and not self.rows["withdrawn"][slot]
        if batch.consent[first] == 1:
            self.rows["withdrawn"][slot] = 0
        run = run[self.rows["withdrawn"][slots[run]] == 0]
        run = run[np.argsort(slots[run], kind="stable")]
        if not len(run):
            return
        who = slots[run]
        heads = np.flatnonzero(starts_of(who))
        yield from self._overdue(who[heads], admitted.before_ms[run[heads]], model_key)
        if withdraws:  # a change of consent, so alone in its run
            yield self._silent_steps("withdrawal", who[:1], admitted.after_ms[run], row=first)
            self._wipe(slot)
            return
        instant_ms = admitted.after_ms[run]
        window = self.spec.windows.index_of(int(instant_ms[0]))
        self._drop_old(who[heads], self.spec.windows.anchor(window))
        event_window = self.spec.windows.index(batch.event_ms[run])
        for wave in self._waves(who, event_window < window):
            yield self._touch(batch, run[wave], who[wave], event_window[wave], instant_ms[wave], window)

    def _waves(self, who: Int64Array, amends: NDArray[np.bool_]) -> list[Int64Array]:
        # A touchpoint of a closed window changes the fold that its customer's later rows start from: it opens a wave.
        if not amends.any():
            return [np.arange(len(who))]
        starts = starts_of(who)
        count = np.cumsum(amends)
        number: Int64Array = count - (count[starts] - amends[starts])[np.cumsum(starts) - 1]
        return [wave for turn in range(int(number.max()) + 1) if len(wave := np.flatnonzero(number == turn))]

    def _touch(
        self,
        batch: TouchpointBatch,
        rows: Int64Array,
        who: Int64Array,
        event_window: Int64Array,
        instant_ms: Int64Array,
        window: int,
    ) -> Steps:
        closed_at = np.full(len(rows), END)
        is_closed = event_window < window
        for position in np.flatnonzero(is_closed).tolist():
            closed_at[position] = self._amended(int(who[position]), int(event_window[position]))
        comes = who[~is_closed]
        self._open(comes[starts_of(comes)], window)
        known = after_each(
            batch, rows, who, closed_at, window, lives=self.rows, summaries=self.summaries, spec=self.spec
        )
        self.rows["assessed_ms"][who] = instant_ms  # the last row of a customer wins
        customers = who[starts_of(who)]
        next_ms = self.spec.windows.start_ms(window + 1) if self.spec.silent_windows else NEVER_MS
        self._fall_due(customers, np.where(self._may_be_scored(customers), next_ms, NEVER_MS))
        return self._steps("touch", window, who, rows, instant_ms, known, self._outcome[batch.type_code[rows]])

    def _amended(self, slot: int, window: int) -> int:
        """The summary of a closed window that a touchpoint is about to change."""
        newest = int(self.summaries.newest(np.array([slot]))[1][0])
        self.generation[slot] += 1
        if newest != NO_WINDOW and window != newest:
            self.stale_chunks.add((slot, min(window, newest) // CHUNK))
        return self.summaries.place(slot, window)

    def _open(self, customers: Int64Array, window: int) -> None:
        """Make the running window's summary for each of distinct customers who have none yet."""
        _, newest = self.summaries.newest(customers)
        fresh = customers[newest != window]
        closes = newest[newest != window]
        known = closes != NO_WINDOW
        self.stale_chunks.update(zip(fresh[known].tolist(), (closes[known] // CHUNK).tolist(), strict=True))
        self.summaries.push(fresh, window)

    def _drop_old(self, customers: Int64Array, anchor: int) -> None:
        # What is older than the anchor is never folded again; of it only the latest times are still asked for.
        pending = customers[self._dropped_before[customers] < anchor]
        self._dropped_before[pending] = anchor
        for slot in pending[self.rows["touchpoints"][pending] > 0].tolist():
            dropped = self.summaries.drop_before(slot, anchor)
            if len(dropped):
                row = self.rows[slot : slot + 1]
                row["base_last_ms"] = max(int(row["base_last_ms"][0]), int(dropped["last_ms"].max()))
                latest = int(dropped["last_outcome_ms"].max())
                row["base_last_outcome_ms"] = max(int(row["base_last_outcome_ms"][0]), latest)
                self.stale_chunks.update((slot, int(window) // CHUNK) for window in dropped["window"])

    def _wipe(self, slot: int) -> None:
        windows = self.summaries.drop_before(slot, int(np.iinfo(np.int64).max))["window"]
        self.stale_chunks.update((slot, int(window) // CHUNK) for window in windows)
        accepted = self.rows["accepted"][slot]
        self._fall_due(np.array([slot]), np.array([NEVER_MS]))
        self.rows[slot] = BLANK
        self.rows["accepted"][slot] = accepted
        self.rows["withdrawn"][slot] = 1
        self.generation[slot] += 1

    # -- silence ----------------------------------------------------------------------------------------------------

    def backlog(self) -> int:
        """Customers who are due at a boundary that the watermark has passed and who were not yet looked at."""
        return self._due.until(self.watermark_ms)

    def sweep(self, limit: int, *, model_key: int) -> Iterator[Steps]:
        """Look at up to `limit` due customers, earliest boundary first; yields steps as `observe` does."""
        left = limit
        while left > 0:
            if not len(self._due_queue):
                self._due_ms = self._due.earliest_ms
                if self._due_ms > self.watermark_ms:
                    return
                self._due_queue = np.flatnonzero(self.rows["due_ms"][: len(self)] == self._due_ms)
            slots, self._due_queue = self._due_queue[:left], self._due_queue[left:]
            slots = slots[self.rows["due_ms"][slots] == self._due_ms]  # others were overtaken by a touchpoint
            left -= len(slots)
            if len(slots):
                yield from self._overdue(slots, np.full(len(slots), self._due_ms), model_key)

    def swept_ms(self) -> int:
        """The latest boundary at which every customer was looked at; NO_WATERMARK before the first."""
        if self.watermark_ms == NO_WATERMARK:
            return NO_WATERMARK
        windows = self.spec.windows
        return windows.start_ms(windows.index_of(min(self._due.earliest_ms - 1, self.watermark_ms)))

    def next_due_ms(self, slots: Int64Array, after_ms: Int64Array) -> Int64Array:
        """The first boundary after an instant, or NEVER_MS where more silence can say nothing new.

        Of who has lapsed, of who was silent for too many windows, and of whom too little is known to be scored ever.
        """
        windows = self.spec.windows
        window = windows.index(after_ms) + 1
        limit = windows.index(self.rows["last_ms"][slots]) + self.spec.silent_windows
        matters = (window <= limit) & (self.rows["stage"][slots] != LAPSED) & self._may_be_scored(slots)
        return np.where(matters, windows.origin_ms + window * windows.length_ms, NEVER_MS)

    def _may_be_scored(self, slots: Int64Array) -> NDArray[np.bool_]:
        # Silence makes a customer older, but brings no touchpoints.
        enough: NDArray[np.bool_] = self.rows["touchpoints"][slots] >= self.spec.gate_touchpoints
        return enough

    def _overdue(self, customers: Int64Array, until_ms: Int64Array, model_key: int) -> Iterator[Steps]:
        """What lies before each (distinct) customer's next row: the change of model, then every boundary due."""
        changed = (self.rows["model_key"][customers] != model_key) & (self.rows["model_key"][customers] != 0)
        if model_key and changed.any():
            yield from self._reconcile(customers[changed])
        while True:
            due = self.rows["due_ms"][customers]
            pending = due <= until_ms
            if not pending.any():
                return
            due_ms = int(due[pending].min())
            slots = customers[pending & (due == due_ms)]
            yield self._silent_steps("silence", slots, np.full(len(slots), due_ms))
            self._fall_due(slots, self.next_due_ms(slots, np.full(len(slots), due_ms)))

    def resume_sweep(self, swept_ms: int) -> None:
        """Count who is due, from rows that were restored; what lies before `swept_ms` the partition has looked at.

        A sweep that said nothing wrote no row, so a customer's own due time may lie before it.
        """
        slots = np.arange(len(self))
        due_ms = self.rows["due_ms"][slots]
        behind = (due_ms <= swept_ms) & (due_ms != NEVER_MS)
        due_ms[behind] = self.next_due_ms(slots[behind], np.full(int(behind.sum()), swept_ms))
        self.rows["due_ms"][slots] = due_ms
        self._due.move(due_ms[:0], due_ms)

    def _fall_due(self, slots: Int64Array, due_ms: Int64Array) -> None:
        """Write when silence is looked at next, for distinct customers."""
        self._due.move(self.rows["due_ms"][slots], due_ms)
        self.rows["due_ms"][slots] = due_ms

    def _reconcile(self, customers: Int64Array) -> Iterator[Steps]:
        instant_ms = self.rows["assessed_ms"][customers]
        windows = self.spec.windows.index(instant_ms)
        for window in np.unique(windows).tolist():
            here = windows == window
            yield self._silent_steps("reconcile", customers[here], instant_ms[here])

    def _silent_steps(self, kind: Kind, slots: Int64Array, instant_ms: Int64Array, row: int = -1) -> Steps:
        window = self.spec.windows.index_of(int(instant_ms[0]))
        known = as_of_now(slots, window, self.rows, self.summaries)
        none = np.zeros(len(slots), np.bool_)
        return self._steps(kind, window, slots, np.full(len(slots), row), instant_ms, known, none)

    # -- what the model reads -----------------------------------------------------------------------------------------

    def first_window(self, slots: Int64Array) -> Int64Array:
        """Index of the window of each customer's first touchpoint."""
        return self.spec.windows.index(self.rows["first_ms"][slots])

    def closed_features(self, slots: Int64Array, start: int, stop: int) -> Float32Array:
        """(stop - start, N, F) features of each distinct customer's windows `start` … `stop` - 1, as they closed."""
        return closed_features(self.rows, self.summaries, slots, start, stop, self.spec.windows)

    def closed_windows(self, slots: Int64Array, start: int, stop: int) -> ClosedWindows:
        """What each distinct customer did in the windows `start` … `stop` - 1."""
        return closed_windows(self.rows, self.summaries, slots, start, stop)

    def _steps(
        self,
        kind: Kind,
        window: int,
        slot: Int64Array,
        row: Int64Array,
        instant_ms: Int64Array,
        known: Standing,
        is_outcome: NDArray[np.bool_],
    ) -> Steps:
        life = known.life
        age_ms = instant_ms - life["first_ms"]
        gated = (life["touchpoints"] < self.spec.gate_touchpoints) | (age_ms < self.spec.gate_age_days * DAY_MS)
        quiet_ms = instant_ms - np.maximum(life["last_outcome_ms"], life["first_ms"])
        x = step_features(known.summary, life, instant_ms, self.spec.windows)
        return Steps(kind, window, slot, row, instant_ms, known.summary, x, is_outcome, gated, quiet_ms)

    # -- slots and restored truth -------------------------------------------------------------------------------------

    def slots(self, customer_ids: Spans) -> Int64Array:
        """(N,) the customers' slots, new ones where they are unknown."""
        slots = self.customer_ids.slots(customer_ids)
        self._reserve(len(self))
        return slots

    def _reserve(self, size: int) -> None:
        if size > len(self.rows):
            self.rows = grown(self.rows, size, BLANK)
            self.generation = grown(self.generation, size)
            self._dropped_before = grown(self._dropped_before, size)
            self.summaries.reserve(len(self.rows))
            self.remembered.reserve(len(self.rows))
