"""Whether a candidate may serve: judged row by row against what serves now and against the classical models.

Arrives: forecasts of the same N instants by each contender, and what happened, which the candidate's weights have not
seen. Leaves: a `Verdict` with its reasons. Limits are on the unfavourable end of an interval over customers, so what
can't be told from worse is not promoted. Deterministic, pure numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array
from streamseg.model.bootstrap import paired_by_customer
from streamseg.model.evaluate import auc_parts, log_losses


@dataclass(frozen=True, slots=True)
class Judged:
    """A contender's forecasts of N instants over one horizon."""

    name: str
    none: Float64Array
    """(N,) P(no outcome day in the horizon), in [0, 1]."""
    count: Float64Array
    """(N,) expected outcome days, at least 0."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate decided, and every reason for it or against it, in words."""

    promote: bool
    """The candidate replaces what serves."""
    reasons: tuple[str, ...]
    serve: str
    """Name of the contender that ought to serve: the candidate, the incumbent or a classical model."""


@dataclass(frozen=True, slots=True)
class Margins:
    """By how much a candidate may be worse, or must be better."""

    log_loss_tie: float = 0.002
    """The log loss may lie at most so far above each classical model's. Refitted on all of the history a candidate
    gains more than that beside them: .01 to .04 on a grocer's 1,525 customers, where the two tied at the gate."""
    log_loss_slack: float = 0.01
    """The high end of the log-loss difference may lie so far above 0. Of fits that differ in nothing but the seed, one
    was worse by at most .010 (high end .014) among 700 simulated customers, and by .003 (.004) among 3,500."""
    auc_slack: float = 0.01
    """The high end of the AUC deficit may lie so far above 0; of the same fits at most .007 and .001."""
    alert_shift: float = 0.10
    """The share of alerted customers may move by so much; more floods or silences a campaign."""
    class_customers: int = 50
    """Customers who bought and customers who did not, at least so many each; fewer tell no two models apart."""


def gate(
    candidate: Judged,
    *,
    incumbent: Judged | None,
    classical: Sequence[Judged],
    actual: Int64Array,
    customer: Int64Array,
    alert_threshold: float = 0.75,
    margins: Margins | None = None,
) -> Verdict:
    """Promote a candidate that is better than the classical models, not worse than what serves, and not upsetting.

    Args:
        candidate: Forecasts by weights and a map that have not seen `actual`.
        incumbent: What serves now. It may have seen some of `actual`: then it looks better than it is.
        classical: At least one; the first is trusted where nothing can be measured.
        actual: (N,) outcome days that came.
        customer: (N,) whose row it is.
        alert_threshold: Churn probability from which on a customer is alerted.
        margins: The defaults if None.

    Raises:
        ValueError: If two contenders share a name, or no classical model is given or sound.
    """
    allowed = margins or Margins()
    _refuse_equal_names([candidate, *([incumbent] if incumbent else []), *classical])
    flaws = {one.name: _flaw(one) for one in (candidate, *classical, *([incumbent] if incumbent else []))}
    sound = [one for one in classical if not flaws[one.name]]
    if not sound:
        raise ValueError(
            f"no classical model to fall back on: {'; '.join(filter(None, flaws.values())) or 'none given'}"
        )
    serving = incumbent if incumbent and not flaws[incumbent.name] else None
    reasons = [flaw for flaw in flaws.values() if flaw]
    fewest = min(len(np.unique(customer[actual > 0])), len(np.unique(customer[actual == 0])))
    if fewest < allowed.class_customers:
        few = f"{fewest} customers of one class are too few to judge on, at least {allowed.class_customers} needed"
        return Verdict(promote=False, reasons=(*reasons, few), serve=sound[0].name)
    rows = _Rows(actual, customer)
    passed = not flaws[candidate.name]
    if passed:
        checks = [check for one in sound for check in _against_classical(candidate, one, rows, allowed)]
        if serving is not None:
            checks += _against_incumbent(candidate, serving, rows, allowed, alert_threshold)
        passed = all(good for good, _ in checks)
        reasons += [reason for _, reason in checks]
    if passed:
        return Verdict(promote=True, reasons=tuple(reasons), serve=candidate.name)
    serve, reason = _instead(serving, sound, rows, allowed)
    return Verdict(promote=False, reasons=(*reasons, reason), serve=serve)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What happened, and to whom."""

    actual: Int64Array
    customer: Int64Array

    def log_loss(self, one: Judged) -> float:
        return float(log_losses(one.none, self.actual).mean())

    def worse_by(self, one: Judged, other: Judged) -> tuple[float, float, float]:
        """Log loss of one minus the other's: mean, low and high end."""
        losses = [log_losses(judged.none, self.actual) for judged in (one, other)]
        return paired_by_customer(losses[0], losses[1], self.customer)

    def auc_deficit(self, one: Judged, other: Judged) -> float:
        """High end of the other's AUC minus one's."""
        parts = [auc_parts(1.0 - judged.none, self.actual > 0) for judged in (other, one)]
        return paired_by_customer(parts[0], parts[1], self.customer)[2]


def _against_classical(candidate: Judged, rival: Judged, rows: _Rows, allowed: Margins) -> list[tuple[bool, str]]:
    wanted = rows.log_loss(rival) + allowed.log_loss_tie
    mean = _limit("log loss", rows.log_loss(candidate), wanted, rival.name)
    return [mean, *_no_worse(candidate, rival, rows, allowed)]


def _against_incumbent(
    candidate: Judged, rival: Judged, rows: _Rows, allowed: Margins, alert_threshold: float
) -> list[tuple[bool, str]]:
    checks = _no_worse(candidate, rival, rows, allowed)
    if rows.worse_by(candidate, rival)[2] < 0.0:
        return checks  # surely better on what came: then it is the incumbent whose alerts are off
    rates = [float(np.mean(one.none >= alert_threshold)) for one in (candidate, rival)]
    return [*checks, _limit("shift of the alert rate", abs(rates[0] - rates[1]), allowed.alert_shift, rival.name)]


def _no_worse(candidate: Judged, rival: Judged, rows: _Rows, allowed: Margins) -> list[tuple[bool, str]]:
    worse, deficit = rows.worse_by(candidate, rival)[2], rows.auc_deficit(candidate, rival)
    return [
        _limit("high end of the log-loss difference", worse, allowed.log_loss_slack, rival.name),
        _limit("high end of the AUC deficit", deficit, allowed.auc_slack, rival.name),
    ]


def _limit(what: str, value: float, limit: float, against: str) -> tuple[bool, str]:
    passed = bool(value <= limit)
    return passed, f"{what} {value:.4f} {'is within' if passed else 'exceeds'} {limit:.4f} ({against})"


def _instead(incumbent: Judged | None, classical: Sequence[Judged], rows: _Rows, allowed: Margins) -> tuple[str, str]:
    """Who serves where the candidate may not: the incumbent, unless it is surely worse than the best classical one."""
    best = min(classical, key=rows.log_loss)
    if incumbent is None:
        return best.name, f"{best.name} serves: least log loss of the classical models, {rows.log_loss(best):.4f}"
    low = rows.worse_by(incumbent, best)[1]
    passed, reason = _limit("low end of its log-loss difference", low, allowed.log_loss_slack, best.name)
    serve = incumbent if passed else best
    return serve.name, f"{serve.name} serves: of {incumbent.name}, {reason}"


def _flaw(one: Judged) -> str:
    """What is wrong with its numbers, in words; empty if nothing is."""
    # A NaN fails both comparisons.
    sound = (one.none >= 0.0) & (one.none <= 1.0) & (one.count >= 0.0) & np.isfinite(one.count)
    bad = len(sound) - int(sound.sum())
    return (
        f"{one.name} gives no usable forecast for {bad} of {len(sound)} rows (not finite or out of range)"
        if bad
        else ""
    )


def _refuse_equal_names(contenders: Sequence[Judged]) -> None:
    names = [one.name for one in contenders]
    if len(set(names)) < len(names):
        raise ValueError(f"contenders are named {', '.join(names)}; expected different names")
