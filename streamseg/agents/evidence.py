"""What the topic's history says of the models: drift, matured outcomes, and a challenger in the shadow.

A history and loaded models arrive; figures and findings in words leave. It decides nothing and knows no Kafka. Since a
score is a function of the history, no ledger of predictions is needed: every model is asked again about the past.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from streamseg.agents.conduct import Shadow
from streamseg.core.windows import DAY_MS
from streamseg.errors import ConfigError
from streamseg.model.artifact import Artifact
from streamseg.model.drift import Drift, DriftLimits, look_for_drift
from streamseg.model.history import History
from streamseg.model.matured import Matured, compare_matured
from streamseg.model.shadow import watch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Models:
    """Those that the evidence is about; None where there is none, or it can't be loaded."""

    current: Artifact | None = None
    before: Artifact | None = None
    """Where a rollback goes."""
    shadow: Artifact | None = None


@dataclass(frozen=True, slots=True)
class Looking:
    """How evidence is looked for."""

    drift_limits: DriftLimits
    alert_threshold: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found."""

    drift: tuple[str, ...] = ()
    worse: tuple[str, ...] = ()
    """Why the current model is worse than the one before it."""
    shadow: Shadow | None = None
    drift_figures: dict[str, float] = field(default_factory=dict)
    matured_figures: dict[str, float] = field(default_factory=dict)
    shadow_figures: dict[str, float] = field(default_factory=dict)


def gather(history: History, models: Models, looking: Looking) -> Evidence:
    """Ask the models about what none of them has learnt from."""
    current, before, shadow = models.current, models.before, models.shadow
    if current is None:
        return Evidence()
    drift = _drift(history, current, looking)
    matured = _matured(current, before, history) if before is not None else None
    watched, shadow_figures = _watched(history, shadow, current, looking) if shadow is not None else (None, {})
    return Evidence(
        drift=drift.findings,
        worse=(_told(matured),) if matured is not None and matured.worse else (),
        shadow=watched,
        drift_figures=dict(drift.figures),
        matured_figures=_figures(matured),
        shadow_figures=shadow_figures,
    )


def _drift(history: History, current: Artifact, looking: Looking) -> Drift:
    try:
        since_ms = current.manifest.data_until_ms
        return look_for_drift(history, current, since_ms=since_ms, limits=looking.drift_limits)
    except ConfigError as reason:
        log.warning("drift of model %s can't be measured: %s", current.version, reason)
        return Drift({}, ())


def _matured(new: Artifact, old: Artifact, history: History) -> Matured | None:
    return compare_matured(new.scorer, old.scorer, history, since_ms=_unseen_ms(new, old))


def _watched(
    history: History, shadow: Artifact, current: Artifact, looking: Looking
) -> tuple[Shadow, dict[str, float]]:
    since_ms = _unseen_ms(shadow, current)
    matured = _matured(shadow, current, history)
    watched = watch(shadow.scorer, current.scorer, history, since_ms=since_ms, alert_threshold=looking.alert_threshold)
    findings = [] if matured is None else [_told(matured)]
    faults = list(findings) if matured is not None and matured.worse else []
    figures = _figures(matured)
    if watched is not None:
        findings.append(
            f"it would alert in {watched.alert_rate:.1%} of {watched.rows:,} cases, {current.version} does in "
            f"{watched.incumbent_alert_rate:.1%}"
        )
        faults.extend(watched.faults(is_better=matured is not None and matured.better))
        figures |= {"alert_rate": watched.alert_rate, "incumbent_alert_rate": watched.incumbent_alert_rate}
    # Without any traffic yet its time has not begun.
    seen_days = 0.0 if watched is None else (history.end_ms - shadow.manifest.data_until_ms) / DAY_MS
    return Shadow(shadow.version, seen_days, tuple(findings), tuple(faults)), figures


def _unseen_ms(one: Artifact, other: Artifact) -> int:
    """From here on neither has learnt, whenever it was promoted: the comparison is fair, and as early as can be."""
    return max(one.manifest.data_until_ms, other.manifest.data_until_ms)


def _told(matured: Matured) -> str:
    return (
        f"log loss {matured.new.log_loss:.4f} against {matured.old.log_loss:.4f} on {matured.rows:,} outcomes over "
        f"{matured.horizon_days:g} days (difference {matured.low:+.4f} to {matured.high:+.4f})"
    )


def _figures(matured: Matured | None) -> dict[str, float]:
    if matured is None:
        return {}
    return {
        **matured.new.flat("new"),
        **matured.old.flat("old"),
        "horizon_days": matured.horizon_days,
        "difference_low": matured.low,
        "difference_high": matured.high,
    }
