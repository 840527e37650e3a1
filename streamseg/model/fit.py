"""Fitting the weights: truncated back-propagation through time over the folds that the worker will make.

Arrives: a `History` and the instant up to which outcomes may be known. Leaves: a trained `Network`. Seeded, one thread,
no clock: the same history gives the same weights, bit for bit, on one kind of CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from streamseg.core.features import FEATURES
from streamseg.core.windows import DAY_MS, Int64Array
from streamseg.errors import ConfigError
from streamseg.model.history import History, Instants
from streamseg.model.network import Forecast, Network, log_likelihood, log_mean
from streamseg.model.optimise import OneCycleAdamW
from streamseg.wire.vocabulary import TYPES

TRUNCATION = 13
"""Windows through which gradients flow; a longer reach bought about 1 % on public data and costs memory."""
SEQUENCES = 128
"""Folds in one minibatch."""
LEARNING_RATE = 3e-3
CLIP_NORM = 1.0
WEIGHT_DECAY = 0.1
SPEND_WEIGHT = 0.2
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
    next_type: Tensor
    """(N,) code, -1 = unknown."""
    weight: Tensor
    """(N,)"""


def horizon_grid(horizon_days: float, window_days: int) -> tuple[float, ...]:
    """Horizons to learn from, days: one window, doubling, up to the churn horizon.

    >>> horizon_grid(90, 7)
    (7.0, 14.0, 28.0, 56.0, 90.0)
    """
    grid = [float(window_days)]
    while 2 * grid[-1] < horizon_days:
        grid.append(2 * grid[-1])
    return (*(days for days in grid if days < horizon_days), float(horizon_days))


def fit(
    history: History,
    *,
    until_ms: int,
    horizon_days: float,
    encoder: str,
    hidden: int,
    epochs: int,
    seed: int,
    progress: Callable[[float], None],
) -> Network:
    """Train a network on every instant whose shortest horizon ends by `until_ms`.

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
    network = Network(len(FEATURES), len(TYPES), encoder=encoder, hidden=hidden, seed=seed)
    _set_scales(network, history, instants, labels, horizons)
    folds = _Folds(history, instants, network)
    random = np.random.default_rng(seed)
    chunks = folds.count_chunks()
    optimiser = OneCycleAdamW(
        network.parameters(), rate=LEARNING_RATE, weight_decay=WEIGHT_DECAY, clip_norm=CLIP_NORM, steps=epochs * chunks
    )
    mean_weight = float(labels.weight.sum()) / max(chunks, 1)
    grid = torch.tensor(horizons)
    for epoch in range(epochs):
        for batch in folds.batches(random):
            # A random first cut, so that no window is always the one through which no gradient flows.
            state: Tensor | None = None
            for chunk in folds.chunks(batch, int(random.integers(1, TRUNCATION + 1))):
                states, state = folds.unroll(network, batch, chunk, state)
                if not len(chunk.instants):
                    continue
                forecast = network.forecast(states[chunk.step, chunk.sequence], folds.z[chunk.instants])
                loss = _loss(forecast, labels, chunk.instants, grid) / mean_weight
                loss.backward()
                optimiser.step()
        progress((epoch + 1) / epochs)
    return network


def label(history: History, instants: Instants, horizons: tuple[float, ...], until_ms: int) -> Labels:
    """Look up what came after each instant, and nothing after `until_ms`."""
    customer, t = instants.customer, instants.instant_ms
    counts = np.zeros((len(t), len(horizons)), np.float32)
    known = np.zeros((len(t), len(horizons)), np.float32)
    log_spend = np.zeros(len(t))
    for column, days in enumerate(horizons):
        span_ms = round(days * DAY_MS)
        inside = t + span_ms <= until_ms
        known[:, column] = inside
        count = np.where(inside, history.outcomes.count(customer, t, span_ms), 0)
        counts[:, column] = count
        spend = history.outcomes.gross_spend(customer, t, span_ms)
        paid = (count > 0) & (spend > 0)
        log_spend[paid] = np.log(spend[paid] / count[paid])
    next_type = history.outcomes.next_type(customer, np.minimum(t, until_ms))
    after = history.outcomes.next_ms(customer, t)
    return Labels(
        count=torch.from_numpy(counts),
        known=torch.from_numpy(known),
        log_spend=torch.from_numpy(log_spend.astype(np.float32)),
        has_spend=torch.from_numpy((log_spend != 0).astype(np.float32)),
        next_type=torch.from_numpy(np.where(after <= until_ms, next_type, -1)),
        weight=torch.from_numpy(_weights(instants.is_touch)),
    )


def _weights(is_touch: NDArray[np.bool_]) -> NDArray[np.float32]:
    touches = int(is_touch.sum())
    silent = len(is_touch) - touches
    wanted = TOUCH_SHARE / (1.0 - TOUCH_SHARE) * silent / max(touches, 1)
    return np.where(is_touch, min(max(wanted, 1.0), MAX_TOUCH_WEIGHT), 1.0).astype(np.float32)


def _set_scales(
    network: Network, history: History, instants: Instants, labels: Labels, horizons: tuple[float, ...]
) -> None:
    """Take means and deviations from the training instants, and start from the average customer."""
    mean, std = instants.x.mean(axis=0, dtype=np.float64), instants.x.std(axis=0, dtype=np.float64)
    network.mean.copy_(torch.from_numpy(mean))
    # A constant column says nothing in training: a unit scale keeps it near 0 if it begins to move in service.
    network.std.copy_(torch.from_numpy(np.where(std > 1e-3, std, 1.0)))
    spends = labels.log_spend[labels.has_spend > 0]
    if len(spends) > 1:
        network.spend_level.copy_(spends.mean())
        network.spend_scale.copy_(spends.std().clamp(min=0.05))
    observed = (labels.known * torch.tensor(horizons)).sum()
    rate = float((labels.count.sum() + 1.0) / (observed + 30.0))
    known = labels.next_type[labels.next_type >= 0]
    network.start_at(rate=rate, type_counts=torch.bincount(known, minlength=len(TYPES)).float())


def _loss(forecast: Forecast, labels: Labels, which: Tensor, horizons: Tensor) -> Tensor:
    """Weighted sum over M instants: counts over all known horizons, spend, next type."""
    wide = Forecast(*(value[:, None] if value.dim() == 1 else value for value in forecast))
    log_m = log_mean(wide, horizons[None, :])  # (M, D)
    known = labels.known[which]
    counts = -(log_likelihood(wide, log_m, labels.count[which]) * known).sum(dim=1) / len(horizons)
    sigma = torch.exp(forecast.spend_log_sigma)
    misfit = (labels.log_spend[which] - forecast.spend_mu) / sigma
    spend = (0.5 * misfit.square() + forecast.spend_log_sigma) * labels.has_spend[which]
    types = functional.cross_entropy(forecast.type_logits, labels.next_type[which], ignore_index=-1, reduction="none")
    return ((counts + SPEND_WEIGHT * spend + TYPE_WEIGHT * types) * labels.weight[which]).sum()


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Windows `begin` ... `end` - 1 of a minibatch of folds, and the instants that are scored within them."""

    begin: int
    end: int
    instants: Tensor
    step: Tensor
    """(M,) how many of the chunk's windows are folded in before the instant."""
    sequence: Tensor
    """(M,) which fold of the minibatch."""


class _Folds:
    """The folds that the worker would make, one for each customer and start, each with its instants.

    Instants in one block of windows share a start, and those of the next block too where nothing lies before; so every
    instant belongs to exactly one fold, and a fold is at most 52 windows long.
    """

    def __init__(self, history: History, instants: Instants, network: Network) -> None:
        start = history.start(instants.customer, instants.window)
        order = np.lexsort((instants.window, start, instants.customer))
        changes = (np.diff(instants.customer[order]) != 0) | (np.diff(start[order]) != 0)
        self._bounds = np.concatenate(([0], np.flatnonzero(changes) + 1, [len(order)]))
        self._order = order
        heads = order[self._bounds[:-1]]
        self.starts = start[heads]
        self._row = history.rows(instants.customer[heads], self.starts)
        self._steps = (instants.window - start)[order]
        self._lengths = self._steps[self._bounds[1:] - 1]
        with torch.no_grad():
            self.z = network.standardise(torch.from_numpy(instants.x))
            closed = torch.from_numpy(history.closed) if len(history.closed) else torch.zeros(1, len(FEATURES))
            self._closed = network.standardise(closed)

    def batches(self, random: np.random.Generator) -> list[Int64Array]:
        """Folds in minibatches, of about equal length each, in random order."""
        order = np.argsort(self._lengths + random.uniform(0.0, TRUNCATION, len(self._lengths)), kind="stable")
        pieces = np.array_split(order, -(-len(order) // SEQUENCES))
        return [pieces[i] for i in random.permutation(len(pieces))]

    def count_chunks(self) -> int:
        """About how many chunks with instants a pass has: the number of its steps."""
        return sum(len(self.chunks(batch, TRUNCATION)) for batch in self.batches(np.random.default_rng(0)))

    def chunks(self, batch: Int64Array, first: int) -> list[_Chunk]:
        """Cut a minibatch into pieces of `TRUNCATION` windows, the first one of `first`."""
        sizes = self._bounds[batch + 1] - self._bounds[batch]
        sequence = np.repeat(np.arange(len(batch)), sizes)
        within = np.arange(len(sequence)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        at = np.repeat(self._bounds[batch], sizes) + within
        steps = self._steps[at]
        longest = int(steps.max())
        cuts = [0, *range(first, longest + 1, TRUNCATION), longest + 1]
        chunks = []
        for begin, end in pairwise(cuts):
            inside = np.flatnonzero((steps >= begin) & (steps < end))
            picked = (self._order[at[inside]], steps[inside] - begin, sequence[inside])
            chunks.append(_Chunk(begin, end, *(torch.from_numpy(one) for one in picked)))
        return chunks

    def unroll(self, network: Network, batch: Int64Array, chunk: _Chunk, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """States before each window of the chunk, (W, B, S), and the one after it, cut off from the past."""
        if state is None:
            state = torch.zeros(len(batch), network.state_size)
        steps = np.arange(chunk.begin, chunk.end)[:, None]
        # Behind a fold's end its last row is repeated: no instant looks there.
        rows = np.minimum(self._row[batch][None, :] + np.minimum(steps, self._lengths[batch]), len(self._closed) - 1)
        projected = network.project(self._closed[torch.from_numpy(rows)])  # (W, B, P)
        states = [state]
        for step in projected:
            states.append(network.step(states[-1], step))
        return torch.stack(states[:-1]), states[-1].detach()
