"""Are the named reasons the ones that matter? Taken away together, they must move the score more than others would.

Arrives: touchpoints and a model. Leaves: for each explained row how far the score moves without its named reasons and
without as many others, drawn at random; and each named contribution beside what it is if the whole fold is done again.
Taking away is done here by the oracle's plain history, refolded from zeros, and not by the code that explains.

    python -m tests.bench.faithfulness --input TOUCHPOINTS --model MODEL --at 2011-09-05
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamseg.core.explain import Moves, Scored, explain
from streamseg.core.folds import FoldCache
from streamseg.core.grounds import BANDS, FEATURE_GROUNDS, KIND_TYPES
from streamseg.core.reasons import told
from streamseg.core.scores import Float32Array, Float64Array, Scorer
from streamseg.core.spec import CoreSpec
from streamseg.core.table import CustomerTable
from streamseg.core.windows import Int64Array
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.vocabulary import TYPES
from tests.oracle.history import History, touches
from tests.oracle.reasons import take_out


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """N rows that had enough other grounds to draw from, and the P named grounds of all of them."""

    named: Float64Array
    """(N,) how far the churn probability moves without the named grounds, at least 0."""
    others: Float64Array
    """(N,) the same without as many other grounds of the row."""
    said: Float64Array
    """(P,) contributions as they are told."""
    refolded: Float64Array
    """(P,) the same ground taken away with the fold done again from zeros."""
    is_feature: NDArray[np.bool_]
    """(P,) whether the ground is a feature; else it is touchpoints."""

    def report(self) -> str:
        """The figures, for people."""
        return (
            f"{len(self.named)} rows: without the named reasons the churn probability moves by "
            f"{self.named.mean():.3f} on average, without as many others by {self.others.mean():.3f}; "
            f"the named move it more in {np.mean(self.named > self.others):.0%} of the rows\n"
            f"{len(self.said)} named contributions, {np.abs(self.said).mean():.3f} on average: correlation with a "
            f"whole refold {np.corrcoef(self.said, self.refolded)[0, 1]:.3f}, mean difference "
            f"{np.abs(self.said - self.refolded).mean():.4f}, same sign "
            f"{np.mean(np.sign(self.said) == np.sign(self.refolded)):.0%}"
        )


def measure(
    batches: Sequence[TouchpointBatch], scorer: Scorer, spec: CoreSpec, *, at_ms: int, limit: int, seed: int = 0
) -> Faithfulness:
    """Explain up to `limit` customers as they stand at the boundary `at_ms`, and take the reasons away.

    Args:
        batches: Touchpoints in order of time, all before `at_ms`.
        scorer: The model.
        spec: The rules.
        at_ms: Start of a window, milliseconds UTC.
        limit: Of rows.
        seed: Of what is drawn.
    """
    random = np.random.default_rng(seed)
    slots, customer_ids, scored = _scored_at(batches, scorer, spec, at_ms, limit, random)
    moves = explain(scorer, scored, spec)
    row, ground = told(moves.contribution)
    histories = _histories(batches, [customer_ids[slot] for slot in slots.tolist()], spec)
    removals = _Removals(histories, moves, scored, scorer, spec, at_ms)

    mine, drawn, rows = [], [], []
    for number in range(len(scored.x)):
        chosen = ground[row == number].tolist()
        rest = [one for one in np.flatnonzero(moves.contribution[number]).tolist() if one not in chosen]
        if chosen and len(rest) >= len(chosen):
            rows.append(number)
            mine.append(chosen)
            drawn.append(random.choice(rest, len(chosen), replace=False).tolist())
    return Faithfulness(
        named=np.abs(removals.moved(rows, mine)),
        others=np.abs(removals.moved(rows, drawn)),
        said=moves.contribution[row, ground],
        refolded=removals.moved(row.tolist(), [[one] for one in ground.tolist()]),
        is_feature=ground < len(FEATURE_GROUNDS),
    )


def _scored_at(
    batches: Sequence[TouchpointBatch],
    scorer: Scorer,
    spec: CoreSpec,
    at_ms: int,
    limit: int,
    random: np.random.Generator,
) -> tuple[Int64Array, Sequence[bytes], Scored]:
    """Slots (M,), all customer ids, and rows of customers at the boundary."""
    table, folds = CustomerTable(spec), FoldCache(scorer)
    for batch in batches:
        slots, admitted = table.admit(batch)
        for _ in table.observe(batch, slots, admitted, model_key=0):
            pass
    table.watermark_ms = at_ms
    for steps in table.sweep(1 << 40, model_key=0):
        if steps.instant_ms[0] == at_ms:
            rows = random.permutation(np.flatnonzero(~steps.is_gated))[:limit]
            return steps.slot[rows], table.customer_ids, folds.scored(table, steps, rows, folds.score(table, steps))
    raise ValueError(f"nobody is looked at at {at_ms}; expected a boundary between two windows with customers")


def _histories(batches: Sequence[TouchpointBatch], customer_ids: Sequence[bytes], spec: CoreSpec) -> list[History]:
    histories = {one: History(spec.windows, frozenset(spec.outcome_types)) for one in customer_ids}
    for touch in (touch for batch in batches for touch in touches(batch)):
        if touch.customer in histories:
            histories[touch.customer].fold(touch)
    return [histories[customer_id] for customer_id in customer_ids]


@dataclass(frozen=True, slots=True)
class _Removals:
    histories: list[History]
    moves: Moves
    scored: Scored
    scorer: Scorer
    spec: CoreSpec
    at_ms: int

    def moved(self, rows: Sequence[int], grounds: Sequence[Sequence[int]]) -> Float64Array:
        """(J,) churn probability as it is minus what it is without some grounds of a row each."""
        without = [self._without(row, some) for row, some in zip(rows, grounds, strict=True)]
        window = self.scored.window
        closed: list[list[Float32Array]] = []
        x = []
        for some, history in zip(grounds, without, strict=True):
            begin = max(self.spec.windows.anchor(window), self.spec.windows.index_of(history.first_ms or 0))
            ends = range(begin, window)
            closed.append([history.x(w, self.spec.windows.start_ms(w + 1))[0] for w in ends])
            now = history.x(window, self.at_ms)[0].copy()
            for columns in (FEATURE_GROUNDS[one].columns for one in some if one < len(FEATURE_GROUNDS)):
                now[list(columns)] = self.scorer.average[list(columns)]
            x.append(now)
        risk = self.scorer.score(_folded(closed, self.scorer), np.array(x)).churn_probability
        moved: Float64Array = self.scored.risk[list(rows)] - risk
        return moved

    def _without(self, row: int, grounds: Sequence[int]) -> History:
        history = deepcopy(self.histories[row])
        history.forget_answers()
        for band in (ground - len(FEATURE_GROUNDS) for ground in grounds if ground >= len(FEATURE_GROUNDS)):
            nearest, farthest = BANDS[band]
            kind = KIND_TYPES[self.moves.kind[row, band]]
            types = {name for name, is_meant in zip(TYPES, kind, strict=True) if is_meant}
            oldest = max(self.scored.window - farthest, self.spec.windows.anchor(self.scored.window))
            for window in range(oldest, self.scored.window - nearest + 1):
                if window in history.windows:
                    take_out(history.windows[window], types, frozenset(self.spec.outcome_types))
        return history


def _folded(closed: Sequence[Sequence[Float32Array]], scorer: Scorer) -> Float32Array:
    """(J, S) states of J folds from zeros, all of them ending together."""
    state = np.zeros((len(closed), scorer.state_size), np.float32)
    for left in range(max(map(len, closed)), 0, -1):
        at = [number for number, windows in enumerate(closed) if len(windows) >= left]
        state[at] = scorer.advance(state[at], np.array([closed[number][-left] for number in at]))
    return state


def main() -> None:
    """Measure a model on a file, and say what was measured."""
    from streamseg.datasets.past import read_past
    from streamseg.model.artifact import load
    from streamseg.wire.touchpoint import DecodeLimits

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--input", type=Path, required=True, help="touchpoints, .jsonl or .jsonl.gz")
    parser.add_argument("--model", type=Path, required=True, help="an artefact of `streamseg train`")
    parser.add_argument("--at", type=datetime.fromisoformat, required=True, help="a Monday, for example 2011-09-05")
    parser.add_argument("--limit", type=int, default=500, help="rows (default: %(default)s)")
    arguments = parser.parse_args()
    spec = CoreSpec()
    at_ms = int(arguments.at.replace(tzinfo=UTC).timestamp()) * 1_000
    past = read_past(arguments.input, limits=DecodeLimits(allowed_skew_ms=None), until_ms=at_ms)
    scorer = load(arguments.model.read_bytes(), spec=spec.windows).scorer
    print(measure(past.batches, scorer, spec, at_ms=at_ms, limit=arguments.limit).report())


if __name__ == "__main__":
    main()
