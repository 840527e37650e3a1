"""What could serve: networks of each encoder and of all together, blended with a classical model where that is better.

Arrives: a plan, a history and a trial. Leaves: candidates with their forecasts for the trial, and the same members
fitted on all. It fits and chooses; it judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from streamseg.core.scores import Float32Array
from streamseg.model.artifact import Artifact
from streamseg.model.blend import Blend
from streamseg.model.calibrate import Calibration
from streamseg.model.classical import day_spend, members
from streamseg.model.classical.day_spend import DaySpend
from streamseg.model.evaluate import log_losses
from streamseg.model.fit import Progress, fit
from streamseg.model.forecaster import Forecasts
from streamseg.model.history import History
from streamseg.model.judge import Trial, ask, blended, served_crosswise
from streamseg.model.plan import TrainingPlan
from streamseg.model.scorer import unfinished
from streamseg.model.serving.network import ServedNetwork

PARTNER: Final = "pareto_nbd"
"""The classical model that networks are blended with: it knows that customers leave, and extrapolates."""
CLASSICAL: Final = (PARTNER, "bg_nbd", "past_rate")
"""The bars, the most trusted first."""
SHARES: Final = (0.0, 0.25, 0.5, 0.75)
"""Of the classical model in a blend: the one with the least log loss is taken, and at a tie"""
USUAL_SHARE: Final = 0.25
"""this one; it was best or level with the best on four public sets."""
TIE: Final = 0.001
"""Log losses so close are chance: fits that differ in nothing but the seed lie .003 apart among 3,500 customers. Within
it the usual share is steadier, and within twice as much all encoders together are steadier than any one."""
_AVERAGED: Final = 65_536
"""Instants that the mean of each feature is taken over, at most."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Members, and what they forecast for the trial when they were fitted before its origin."""

    encoders: tuple[str, ...]
    """Of the networks; none for a classical model alone."""
    classical: str | None
    share: float
    """Of the classical model, 0 to 1."""
    raw: Forecasts
    """As the members make it."""
    served: Forecasts
    """As it would have been served, by a map fitted on other customers."""

    @property
    def name(self) -> str:
        """As `Blend.name`."""
        return "+".join([*sorted(self.encoders), *([self.classical] if self.classical else [])])

    def log_loss(self, trial: Trial) -> float:
        """Mean over the trial."""
        return float(log_losses(self.served.none, trial.actual).mean())


class Fits:
    """Everything that is fitted to one history, and how far it has come."""

    def __init__(self, history: History, plan: TrainingPlan, warm: Artifact | None, progress: Progress) -> None:
        self.history, self.plan = history, plan
        self._warm = warm.scorer.blend.networks if warm is not None else ()
        self._progress = progress
        self._late: dict[tuple[str, int], ServedNetwork] = {}
        self._spend: dict[int, DaySpend | None] = {}
        drawn = history.instants
        sample = drawn.take(np.arange(0, len(drawn), max(1, -(-len(drawn) // _AVERAGED))))
        self.average: Float32Array = history.features(sample).mean(axis=0, dtype=np.float64).astype(np.float32)

    def early_classical(self, name: str, trial: Trial) -> Candidate:
        """A classical model fitted before the origin."""
        model = members.fit(name, self.history, until_ms=trial.origin.origin_ms)
        raw = model.forecast(self.history, trial.instants, trial.origin.horizon_days)
        return Candidate((), name, 1.0, raw, served_crosswise(raw, trial))

    def early(self, encoder: str, trial: Trial, part: tuple[int, int]) -> Forecasts:
        """What one network of an encoder, fitted before the origin, forecasts; `part` is (which, of how many)."""
        network = self._fit(encoder, self.plan.seed, trial.origin.origin_ms, "fitting before the origin", part)
        blend = Blend((network,), None, 0.0, self.average, self._day_spend(trial.origin.origin_ms))
        return ask(unfinished(blend, Calibration(trial.origin.horizon_days)), trial)

    def refit(self, one: Candidate) -> Blend:
        """The members of a candidate, fitted on all of the history; a network that was asked for before is kept."""
        classical = members.fit(one.classical, self.history, until_ms=self.history.end_ms) if one.classical else None
        wanted = [(encoder, self.plan.seed + i) for encoder in one.encoders for i in range(self.plan.seeds)]
        for index, (encoder, seed) in enumerate(wanted):
            if (encoder, seed) not in self._late:
                until_ms, part = self.history.end_ms, (index, len(wanted))
                self._late[encoder, seed] = self._fit(encoder, seed, until_ms, "fitting on all", part)
        spend = self._day_spend(self.history.end_ms) if wanted else None
        return Blend(tuple(self._late[key] for key in wanted), classical, one.share, self.average, spend)

    def _day_spend(self, until_ms: int) -> DaySpend | None:
        if until_ms not in self._spend:
            self._spend[until_ms] = day_spend.fit(self.history.outcomes, until_ms=until_ms)
        return self._spend[until_ms]

    def _fit(self, encoder: str, seed: int, until_ms: int, stage: str, part: tuple[int, int]) -> ServedNetwork:
        which, count = part
        alike = [one for one in self._warm if (one.encoder_name, one.hidden) == (encoder, self.plan.hidden)]
        network = fit(
            self.history,
            until_ms=until_ms,
            horizon_days=self.plan.horizon_days,
            encoder=encoder,
            hidden=self.plan.hidden,
            epochs=self.plan.epochs,
            max_steps=self.plan.max_steps,
            seed=seed,
            warm=alike[(seed - self.plan.seed) % len(alike)] if alike else None,
            progress=lambda share: self._progress(stage, (which + share) / count),
        )
        return network.served()


def choose(fits: Fits, trial: Trial, partner: Forecasts) -> Mapping[str, Candidate]:
    """Fit a network of each encoder before the origin, and find for each, and for all together, the best blend.

    Args:
        fits: Of the history.
        trial: What is judged on.
        partner: What the classical model `PARTNER` forecasts for it.

    Returns:
        By name: for each encoder, and for all together where there are several, the networks alone and the best blend.
    """
    encoders = fits.plan.encoders
    raw: dict[tuple[str, ...], Forecasts] = {}
    for index, name in enumerate(encoders):
        raw[(name,)] = fits.early(name, trial, (index, len(encoders)))
    if len(encoders) > 1:
        columns = zip(*((one.none, one.count, one.value) for one in raw.values()), strict=True)
        raw[encoders] = Forecasts(*(np.mean(column, axis=0) for column in columns))
    found: dict[str, Candidate] = {}
    for names, networks in raw.items():
        blends = []
        for share in SHARES:
            mixed = blended(networks, partner, np.where(trial.ever, share, 0.0))
            classical = PARTNER if share else None
            blends.append(Candidate(names, classical, share, mixed, served_crosswise(mixed, trial)))
        found |= {one.name: one for one in (blends[0], foremost(blends, trial))}
    return found


def foremost(candidates: Sequence[Candidate], trial: Trial) -> Candidate:
    """The one with the least log loss, but for a tie: then the one that is steadier (`TIE`)."""

    def standing(one: Candidate) -> float:
        return one.log_loss(trial) - TIE * (one.share == USUAL_SHARE) - 2 * TIE * (len(one.encoders) > 1)

    return min(candidates, key=standing)
