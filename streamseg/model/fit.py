"""Fitting the weights: truncated back-propagation through time over the folds that the worker will make.

Arrives: a `History` and the instant up to which outcomes may be known. Leaves: a trained `Network`. Seeded, one thread,
no clock: the same history gives the same weights, bit for bit, on one kind of CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from streamseg.core.features import FEATURES
from streamseg.core.scores import Float32Array, Float64Array
from streamseg.core.windows import DAY_MS
from streamseg.errors import ConfigError
from streamseg.model.folds import Folds
from streamseg.model.history import History
from streamseg.model.influence import capped_weights, share_limit
from streamseg.model.instants import Instants
from streamseg.model.network import Forecast, Network, log_likelihood, log_mean
from streamseg.model.optimise import OneCycleAdamW
from streamseg.model.plan import horizon_grid
from streamseg.model.serving.network import ServedNetwork
from streamseg.wire.vocabulary import TYPES

LEAST_STEPS = 1_000
"""Of the optimiser: a small history is passed more often, until the weights have moved far enough."""
LEARNING_RATE = 3e-3
WARM_RATE = 1e-3
"""The highest rate of a warm start: what was learnt is mended, not thrown away."""
CLIP_NORM = 1.0
SCALED_BY = 65_536
"""Instants, evenly spaced ones, that means and deviations are taken from at most."""
WEIGHT_DECAY = 0.1
SPEND_WEIGHT = 0.2
VALUE_WEIGHT = 0.1
"""Of the total spend: it ranks spenders better than the spend of a day does (Gini .866 and .862 on one public set)."""
WHOLESALE = 0.999
TYPE_WEIGHT = 0.05
"""Both shape the embedding; without spend the counts themselves were worse on two public sets (log loss +.004)."""
TOUCH_SHARE = 0.5
"""Share of the loss that instants just after touchpoints ought to carry, few as they are beside the silent ones;"""
MAX_TOUCH_WEIGHT = 2.0
"""but one of them counts at most as much as so many silent ones."""

Progress = Callable[[str, float], None]
"""Called with the stage in words and its share done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What came after N instants, as tensors."""

    count: Tensor
    """(N, D) outcome days in each of D horizons."""
    known: Tensor
    """(N, D) 1 where the horizon ends inside the data, else 0."""
    log_spend: Tensor
    """(N,) log of spend per outcome day in the longest known horizon; 0 where none."""
    has_spend: Tensor
    spend: Tensor
    """(N,) money paid in the longest known horizon, in units of a usual outcome day's; bounded."""
    longest: Tensor
    """(N,) which of the horizons that is."""
    next_type: Tensor
    """(N,) code, -1 = unknown."""
    weight: Tensor
    """(N,)"""


def fit(
    history: History,
    *,
    until_ms: int,
    horizon_days: float,
    encoder: str,
    hidden: int,
    epochs: int,
    max_steps: int,
    seed: int,
    warm: ServedNetwork | None = None,
    progress: Callable[[float], None],
) -> Network:
    """Train a network on every instant whose shortest horizon ends by `until_ms`.

    Args:
        history: What is learnt from.
        until_ms: Nothing after it is looked at, milliseconds UTC.
        horizon_days: The longest horizon of the labels.
        encoder, hidden: The network's.
        epochs: Passes over the history; more where they make fewer than `LEAST_STEPS` steps of the optimiser,
        max_steps: and fewer where they make more than this, but at least one.
        seed: Of weights and order.
        warm: A network of the same shape, whose weights and scales are gone on from.
        progress: Called with the share done, 0 to 1.

    Raises:
        ConfigError: If there is nothing to learn from.
    """
    torch.set_num_threads(1)
    progress(0.0)
    horizons = horizon_grid(horizon_days, history.spec.windows.length_days)
    fits = history.instants.instant_ms + round(horizons[0] * DAY_MS) <= until_ms
    instants = history.instants.take(fits)
    if not len(instants):
        raise ConfigError(
            f"nothing to train on: no instant has {horizons[0]:g} days of outcomes after it; give a longer history"
        )
    labels = label(history, instants, horizons, until_ms)
    if warm is None:
        network = Network(len(FEATURES), len(TYPES), encoder=encoder, hidden=hidden, seed=seed)
        _set_scales(network, history, instants, labels, horizons)
    else:
        network = Network.of(warm)
    folds, random = Folds(history, instants), np.random.default_rng(seed)
    steps = folds.count_steps()
    epochs = max(1, min(max(epochs, LEAST_STEPS // steps), max_steps // steps))
    optimiser = OneCycleAdamW(
        network.parameters(),
        rate=LEARNING_RATE if warm is None else WARM_RATE,
        weight_decay=WEIGHT_DECAY,
        clip_norm=CLIP_NORM,
        steps=epochs * steps,
    )
    mean_weight = float(labels.weight.sum()) / steps
    for epoch in range(epochs):
        for loss in _losses(network, folds, labels, torch.tensor(horizons), random):
            (loss / mean_weight).backward()
            optimiser.step()
        progress((epoch + 1) / epochs)
    return network


def _losses(
    network: Network, folds: Folds, labels: Labels, horizons: Tensor, random: np.random.Generator
) -> Iterator[Tensor]:
    """The loss of each chunk of one pass; the weights may move between two of them."""
    for batch, chunks in folds.passes(random):
        state: Tensor | None = None
        for chunk in chunks:
            states, state = folds.unroll(network, batch, chunk, state)
            if len(chunk.instants):
                forecast = network.forecast(states[chunk.step, chunk.sequence], folds.z(network, chunk))
                yield _loss(forecast, labels, chunk.instants, horizons, network.spend_level)


def label(history: History, instants: Instants, horizons: tuple[float, ...], until_ms: int) -> Labels:
    """Look up what came after each instant, and nothing after `until_ms`."""
    customer, t = instants.customer, instants.instant_ms
    counts = np.zeros((len(t), len(horizons)), np.float32)
    known = np.zeros((len(t), len(horizons)), np.float32)
    log_spend, paid_in_all = np.zeros(len(t)), np.zeros(len(t))
    for column, days in enumerate(horizons):
        span_ms = round(days * DAY_MS)
        inside = t + span_ms <= until_ms
        known[:, column] = inside
        count = np.where(inside, history.outcomes.count(customer, t, span_ms), 0)
        counts[:, column] = count
        spend = history.outcomes.gross_spend(customer, t, span_ms)
        paid = (count > 0) & (spend > 0)
        log_spend[paid] = np.log(spend[paid] / count[paid])
        paid_in_all = np.where(inside, spend, paid_in_all)
    next_type = history.outcomes.next_type(customer, np.minimum(t, until_ms))
    after = history.outcomes.next_ms(customer, t)
    return Labels(
        count=torch.from_numpy(counts),
        known=torch.from_numpy(known),
        log_spend=torch.from_numpy(log_spend.astype(np.float32)),
        has_spend=torch.from_numpy((log_spend != 0).astype(np.float32)),
        spend=torch.from_numpy(_in_units(paid_in_all, log_spend).astype(np.float32)),
        longest=torch.from_numpy(np.maximum(known.sum(axis=1).astype(np.int64) - 1, 0)),
        next_type=torch.from_numpy(np.where(after <= until_ms, next_type, -1)),
        weight=torch.from_numpy(_weights(instants)),
    )


def _weights(instants: Instants) -> Float32Array:
    limit = share_limit(len(np.unique(instants.customer)))
    return capped_weights(instants.customer, uncapped_weights(instants), most_share=limit).astype(np.float32)


def _in_units(spend: Float64Array, log_spend: Float64Array) -> Float64Array:
    """Spend over that of a usual outcome day, cut at all but the largest thousandth: one wholesaler teaches nobody."""
    some = spend[spend > 0]
    if not len(some):
        return spend
    unit = float(np.exp(log_spend[log_spend != 0].mean()))
    return np.minimum(spend, np.quantile(some, WHOLESALE)) / unit


def uncapped_weights(instants: Instants) -> Float64Array:
    """(N,) what each instant would count in the loss, whoever it is of."""
    touches = float(instants.weight[instants.is_touch].sum())
    silent = float(instants.weight[~instants.is_touch].sum())
    wanted = TOUCH_SHARE / (1.0 - TOUCH_SHARE) * silent / max(touches, 1.0)
    factor = np.where(instants.is_touch, min(max(wanted, 1.0), MAX_TOUCH_WEIGHT), 1.0)
    return (instants.weight * factor).astype(np.float64)


def _set_scales(
    network: Network, history: History, instants: Instants, labels: Labels, horizons: tuple[float, ...]
) -> None:
    """Take scales and limits from the training instants, and start from the average customer."""
    x = history.features(instants.take(np.arange(0, len(instants), -(-len(instants) // SCALED_BY))))
    network.scale_by(torch.from_numpy(x))
    spends = labels.log_spend[labels.has_spend > 0]
    if len(spends) > 1:
        network.spend_level.copy_(spends.mean())
        network.spend_scale.copy_(spends.std().clamp(min=0.05))
    observed = (labels.known * torch.tensor(horizons)).sum()
    rate = float((labels.count.sum() + 1.0) / (observed + 30.0))
    known = labels.next_type[labels.next_type >= 0]
    network.start_at(rate=rate, type_counts=torch.bincount(known, minlength=len(TYPES)).float())


def _tweedie(forecast: Forecast, log_m: Tensor, spend: Tensor, unit: Tensor) -> Tensor:
    """Deviance of the total spend, power 3/2 (Jorgensen 1987); the counts are not moved by it."""
    log_day = forecast.spend_mu + 0.5 * torch.exp(2.0 * forecast.spend_log_sigma) - unit
    log_count = (log_m - functional.softplus(forecast.zero_logit)).detach()
    half = torch.exp(0.5 * (log_count + log_day)).clamp(min=1e-3)
    return 2.0 * (spend / half + half)


def _loss(forecast: Forecast, labels: Labels, which: Tensor, horizons: Tensor, unit: Tensor) -> Tensor:
    """Weighted sum over M instants: counts over all known horizons, spend, next type."""
    wide = Forecast(*(value[:, None] if value.dim() == 1 else value for value in forecast))
    log_m = log_mean(wide, horizons[None, :])  # (M, D)
    known = labels.known[which]
    counts = -(log_likelihood(wide, log_m, labels.count[which]) * known).sum(dim=1) / len(horizons)
    sigma = torch.exp(forecast.spend_log_sigma)
    misfit = (labels.log_spend[which] - forecast.spend_mu) / sigma
    spend = (0.5 * misfit.square() + forecast.spend_log_sigma) * labels.has_spend[which]
    types = functional.cross_entropy(forecast.type_logits, labels.next_type[which], ignore_index=-1, reduction="none")
    total = _tweedie(forecast, log_m.gather(1, labels.longest[which, None])[:, 0], labels.spend[which], unit)
    return ((counts + SPEND_WEIGHT * spend + VALUE_WEIGHT * total + TYPE_WEIGHT * types) * labels.weight[which]).sum()
