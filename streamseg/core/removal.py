"""Touchpoints taken out of a history as if they had not happened, and what the scored step then looks like.

Arrives: the running window and the closed ones of M rows. Leaves: features without the touchpoints of one kind in one
band of windows. Knows no model.

What a touchpoint shares with others of its window (active days, sessions, channels, the latest time) goes with the last
of them; outcome days go with the last outcome, and money with the only kinds that bring it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamseg.core.columns import starts_of
from streamseg.core.features import Records, step_features
from streamseg.core.grounds import BANDS, BRINGS_REFUND, BRINGS_SPEND, EVERY_KIND, KIND_TYPES, band_of
from streamseg.core.history import ClosedWindows
from streamseg.core.running import SUM_FIELDS, life_sums
from streamseg.core.scores import Float32Array
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import Int64Array, WindowSpec
from streamseg.wire.vocabulary import TYPE_CODES

_LASTS = ("last_ms", "last_outcome_ms")
_REVIEW = TYPE_CODES["review"]

ByKind = dict[str, Int64Array]
"""Columns by life field."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What M rows' histories hold, by band (B) and kind (K, and then all kinds together)."""

    running: Records
    """(M,) of `rows.SUMMARY`: the running window up to the instant."""
    life: Records
    """(M,) of `LIFE` at the instant."""
    has: NDArray[np.bool_]
    """(M, B, K + 1) whether the band holds touchpoints of the kind."""
    types: Int64Array
    """(M, B, types) touchpoints by type."""
    oldest: Int64Array
    """(M, B, K + 1) index of the first window of the band that holds touchpoints of the kind; of no meaning without."""
    newest: Int64Array
    """(M, B, K + 1) of the last."""
    goes: ByKind
    """(M, B, K + 1) by sum of the life: how much of it goes with the touchpoints."""
    stays: ByKind
    """(M, B, K + 1) by `last_ms` and `last_outcome_ms`: the latest in the whole life, once they are gone; 0 = none."""
    outcome: NDArray[np.bool_]
    """(types,) whether a type is an outcome."""


def contents_of(window: int, running: Records, closed: ClosedWindows, member: Int64Array, spec: CoreSpec) -> Contents:
    """Sum up the histories of M rows in the running `window`; `member` (M,) finds each row's customer in `closed`."""
    outcome = spec.outcome_by_code
    band = band_of(window - closed.summary["window"])
    heads = np.flatnonzero(starts_of(closed.who * len(BANDS) - band))
    groups = closed.who[heads], band[heads]

    def banded(add: np.ufunc, of_closed: Int64Array, of_running: Int64Array) -> Int64Array:
        # (R, ...) and (M, ...) -> (M, B, ...)
        of_customer = np.zeros((len(closed.before), len(BANDS), of_closed.shape[1]), np.int64)
        if len(heads):
            of_customer[groups] = add.reduceat(of_closed, heads)
        result: Int64Array = of_customer[member]
        result[:, 0] = of_running
        return result

    then, now = _by_kind(closed.summary, outcome), _by_kind(running, outcome)
    goes = {name: banded(np.add, then.goes[name], now.goes[name]) for name in SUM_FIELDS}
    life = closed.before[member]
    for name in SUM_FIELDS:
        life[name] += goes[name][:, :, EVERY_KIND].sum(axis=1)
    stays = {}
    for name in _LASTS:
        full = banded(np.maximum, closed.summary[name][:, None], running[name][:, None])[:, :, 0]  # (M, B)
        stays[name] = banded(np.maximum, then.stays[name], now.stays[name])
        for index in range(len(BANDS)):
            elsewhere = np.maximum(np.delete(full, index, axis=1).max(axis=1), life[name])
            stays[name][:, index] = np.maximum(stays[name][:, index], elsewhere[:, None])
    return Contents(
        running,
        life,
        has=goes["touchpoints"] > 0,
        types=banded(np.add, closed.summary["types"].astype(np.int64), running["types"].astype(np.int64)),
        oldest=banded(np.minimum, then.oldest, now.oldest),
        newest=banded(np.maximum, then.newest, now.newest),
        goes=goes,
        stays=stays,
        outcome=outcome,
    )


@dataclass(frozen=True, slots=True)
class _ByKind:
    """What R summaries hold of each kind, (R, K + 1); see `Contents`."""

    goes: ByKind
    stays: ByKind
    oldest: Int64Array
    newest: Int64Array


def _by_kind(summary: Records, outcome: NDArray[np.bool_]) -> _ByKind:
    types = summary["types"].astype(np.int64)
    touchpoints = types @ KIND_TYPES.T
    outcomes = (types * outcome) @ KIND_TYPES.T
    # "All kinds" is the last column: what it takes is all there is.
    empties = touchpoints == touchpoints[:, -1:]
    ends_outcomes = outcomes == outcomes[:, -1:]
    goes = {name: values[:, None] for name, values in life_sums(summary).items()}
    goes["touchpoints"] = touchpoints
    goes["active_days"] = goes["active_days"] * empties
    goes["outcome_days"] = goes["outcome_days"] * ends_outcomes
    goes["spend_micro"] = goes["spend_micro"] * BRINGS_SPEND
    goes["refund_micro"] = goes["refund_micro"] * BRINGS_REFUND
    stays = {
        "last_ms": summary["last_ms"][:, None] * ~empties,
        "last_outcome_ms": summary["last_outcome_ms"][:, None] * ~ends_outcomes,
    }
    window = summary["window"][:, None]
    none = np.iinfo(np.int64)
    held = touchpoints > 0
    return _ByKind(goes, stays, np.where(held, window, none.max), np.where(held, window, none.min))


def features_without(
    contents: Contents, row: Int64Array, band: Int64Array, kind: Int64Array, instant_ms: Int64Array, spec: WindowSpec
) -> Float32Array:
    """Describe the running window again, once for each of J removals.

    Args:
        contents: Of M rows.
        row, band, kind: (J,) whose touchpoints are gone, of which band and which kind.
        instant_ms: (M,) when the rows were scored.
        spec: The windows.

    Returns:
        (J, F) features.
    """
    life = contents.life[row]
    for name in SUM_FIELDS:
        life[name] -= contents.goes[name][row, band, kind]
    for name in _LASTS:
        life[name] = contents.stays[name][row, band, kind]
    running = contents.running[row]
    now = np.flatnonzero(band == 0)
    running[now] = _cut(running[now], kind[now], contents.outcome)
    return step_features(running, life, instant_ms[row], spec)


def _cut(summary: Records, kind: Int64Array, outcome: NDArray[np.bool_]) -> Records:
    """(J,) summaries without the touchpoints of a kind each, changed in place."""
    types = summary["types"]
    types[KIND_TYPES[kind]] = 0
    ended = ~types[:, outcome].any(axis=1)
    summary["outcome_days"][ended] = summary["last_outcome_ms"][ended] = 0
    summary["spend_micro"][BRINGS_SPEND[kind]] = 0
    summary["refund_micro"][BRINGS_REFUND[kind]] = 0
    reviewed = KIND_TYPES[kind, _REVIEW]
    summary["rating_sum"][reviewed] = summary["rating_count"][reviewed] = 0
    empty = ~types.any(axis=1)
    window = summary["window"][empty]
    summary[empty] = np.zeros(1, summary.dtype)
    summary["window"][empty] = window
    return summary
