"""A backtest from beginning to end: cut, let the contenders learn, ask them, measure, compare, draw.

Arrives: a file, a cut-off, and a function that makes contenders of a history. Leaves: a `Report`. It shows the
contenders nothing from the cut-off on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from streamseg.backtest import curves, figures, plots
from streamseg.backtest.learning import Learnt, NextTypes
from streamseg.backtest.protocol import Cut, Truth, cut_file
from streamseg.backtest.report import Report
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import DAY_MS
from streamseg.errors import InvariantError
from streamseg.model.classical.past import past_of
from streamseg.model.fit import Progress
from streamseg.model.forecaster import Forecaster, Forecasts
from streamseg.model.grouping import profiles_of
from streamseg.model.history import History
from streamseg.model.segment_report import SegmentReport, report
from streamseg.wire.times import rfc3339
from streamseg.wire.touchpoint import DecodeLimits
from streamseg.wire.vocabulary import TYPES

Learning = Callable[[History], Learnt]
"""Makes contenders of what was known at the cut-off, and says which of them the gate would serve."""

_NOT_INSTALLED: Final = "not installed, so it did not compete; pip install 'streamseg[backtest]'"


def run(
    path: Path,
    *,
    cutoff_ms: int,
    horizon_days: int,
    spec: CoreSpec,
    limits: DecodeLimits,
    learning: Learning,
    command: Mapping[str, str | int],
    progress: Progress,
    plot_dir: Path | None = None,
) -> Report:
    """Measure every contender at the cut-off, and what would be served against the best classical one.

    Args:
        path: Touchpoints, .jsonl or .jsonl.gz.
        cutoff_ms: The instant of every forecast, milliseconds UTC.
        horizon_days: Of every forecast.
        spec: The rules of the deployment.
        limits: What is accepted as a touchpoint.
        learning: Learns from the history before the cut-off.
        command: What else was chosen, for the report.
        progress: Called with a stage in words and its share done, 0 to 1.
        plot_dir: Where pictures are drawn; None draws none.

    Raises:
        ConfigError: If the file, the cut-off or the horizon are no good, or matplotlib is wanted and missing.
        InvariantError: If a contender's forecast is not finite.
    """
    if plot_dir is not None:
        plots.prepare(plot_dir)  # before the minutes of training, not after them
    progress(f"reading {path.name}", 0.0)
    cut = cut_file(path, cutoff_ms=cutoff_ms, horizon_days=horizon_days, spec=spec, limits=limits)
    progress(f"reading {path.name}", 1.0)
    learnt = learning(cut.history)
    forecasters, served = learnt.contenders, learnt.served
    if served not in forecasters:
        raise InvariantError(f"{served} would be served and is none of the contenders {', '.join(forecasters)}")
    forecasts = _ask(cut, forecasters, progress)
    truth = cut.truth()
    measured = {name: figures.measure(one, truth) for name, one in forecasts.items()}
    progress("comparing", 0.0)
    intervals = figures.intervals(forecasts, served, truth)
    progress("comparing", 1.0)
    if plot_dir is not None:
        drawn = curves.tracking(cut, forecasters, lambda share: progress("tracking the weeks", share))
        plots.draw(plot_dir, forecasts, truth.count, drawn, served)
    return Report(
        data=_data(cut, truth),
        contenders=measured,
        served=served,
        absent={"lightgbm": _NOT_INSTALLED} if find_spec("lightgbm") is None else {},
        intervals=intervals,
        best_classical=figures.best_classical(measured),
        remarks=_remarks(cut, truth, limits),
        sections={
            "gate": {"serves": served, "reasons": list(learnt.reasons)},
            "segments": asdict(segments(cut, forecasts[served], truth)),
            "next_touchpoint": next_touchpoint(cut, learnt.next_types),
        },
        command={"input": str(path), "cutoff": rfc3339(cutoff_ms), "horizon_days": horizon_days, **command},
    )


def _ask(cut: Cut, forecasters: Mapping[str, Forecaster], progress: Progress) -> dict[str, Forecasts]:
    instants = cut.history.at(cut.customer, np.full(len(cut.customer), cut.cutoff_ms))
    forecasts: dict[str, Forecasts] = {}
    for name, forecaster in forecasters.items():
        progress("asking the contenders", len(forecasts) / len(forecasters))
        forecasts[name] = forecaster.forecast(cut.history, instants, float(cut.horizon_days))
        figures.check(name, forecasts[name], len(cut.customer))
    progress("asking the contenders", 1.0)
    return forecasts


def next_touchpoint(cut: Cut, ask: NextTypes | None) -> dict[str, float]:
    """How well the type of the next touchpoint is foreseen, of those whom one came from, and by how often each comes.

    Empty where nobody can be asked, or none came.
    """
    came, history = cut.next_types(), cut.history
    again = came >= 0
    if ask is None or not again.any():
        return {}
    known = history.outcomes.next_type(history.instants.customer, history.instants.instant_ms)
    usual = np.bincount(known[known >= 0], minlength=len(TYPES)) + 1.0
    said = ask(history, history.at(cut.customer[again], np.full(int(again.sum()), cut.cutoff_ms)))
    return {
        "customers": float(again.sum()),
        **figures.of_types(said, came[again]),
        **{f"usual_{name}": value for name, value in figures.of_types(usual[None] / usual.sum(), came[again]).items()},
    }


def segments(cut: Cut, said: Forecasts, truth: Truth) -> SegmentReport:
    """Six behaviours of the served model beside six clusters on recency, frequency and money."""
    past = past_of(cut.history, cut.customer, np.full(len(cut.customer), cut.cutoff_ms - 1))
    bought = past.repeats + past.ever
    rfm = np.stack((past.age_days - past.last_days, bought, np.maximum(bought * past.mean_spend, 0.0)), axis=1)
    profiles = profiles_of(cut.history, cut.customer, said, float(cut.horizon_days))
    return report(profiles, rfm, truth.count)


def _data(cut: Cut, truth: Truth) -> dict[str, float | str]:
    return {
        "touchpoints": cut.touchpoints,
        "from": rfc3339(cut.start_ms),
        "until": rfc3339(cut.end_ms),
        "history_days": (cut.cutoff_ms - cut.start_ms) / DAY_MS,
        "customers": len(cut.customer),
        "share_returning": float((truth.count > 0).mean()),
        "mean_count": float(truth.count.mean()),
        "mean_spend": float(truth.net_spend.mean()),
    }


def _remarks(cut: Cut, truth: Truth, limits: DecodeLimits) -> list[str]:
    """What a reader of the figures must know to read them right."""
    remarks = [f"{count:,} lines are no touchpoints: {reason}" for reason, count in cut.reading.refused.most_common()]
    if cut.reading.foreign:
        remarks.append(
            f"{cut.reading.foreign:,} touchpoints have an amount in another currency than {limits.base_currency} and "
            "count as spend 0; set STREAMSEG_BASE_CURRENCY to the file's"
        )
    history_days = (cut.cutoff_ms - cut.start_ms) // DAY_MS
    if cut.horizon_days > history_days:
        remarks.append(
            f"the horizon of {cut.horizon_days} days is longer than the {history_days} days of history, so no forecast "
            "of that length could be tried before the cut-off"
        )
    if truth.count.all():
        remarks.append("every customer has an outcome in the horizon: there is no one to tell apart, and AUC is 0.5")
    if not truth.gross_spend.any():
        remarks.append("no one spends in the horizon: there is nothing to order, and the Ginis are 0")
    return remarks
