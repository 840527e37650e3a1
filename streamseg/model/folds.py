"""The folds that the worker will make, cut into pieces for truncated back-propagation through time.

Arrives: a history and the instants to learn from. Leaves: minibatches of folds in chunks of windows, the features of
each chunk made when it is its turn. Knows no loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from streamseg.core.windows import Int64Array
from streamseg.model.history import History
from streamseg.model.instants import Instants
from streamseg.model.network import Network

TRUNCATION = 13
"""Windows through which gradients flow; a longer reach bought about 1 % on public data and costs memory."""
SEQUENCES = 128
"""Folds in one minibatch."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Windows `begin` ... `end` - 1 of a minibatch of folds, and the instants that are scored within them."""

    begin: int
    end: int
    instants: Tensor
    step: Tensor
    """(M,) how many of the chunk's windows are folded in before the instant."""
    sequence: Tensor
    """(M,) which fold of the minibatch."""


class Folds:
    """The folds that the worker would make, one for each customer and start, each with its instants.

    Instants in one block of windows share a start, and those of the next block too where nothing lies before; so every
    instant belongs to exactly one fold, and a fold is at most 52 windows long.
    """

    def __init__(self, history: History, instants: Instants) -> None:
        self._history, self._instants = history, instants
        start = history.start(instants.customer, instants.window)
        order = np.lexsort((instants.window, start, instants.customer))
        changes = (np.diff(instants.customer[order]) != 0) | (np.diff(start[order]) != 0)
        self._bounds = np.concatenate(([0], np.flatnonzero(changes) + 1, [len(order)]))
        self._order = order
        heads = order[self._bounds[:-1]]
        self._customer, self.starts = instants.customer[heads], start[heads]
        self._steps = (instants.window - start)[order]
        self._lengths = self._steps[self._bounds[1:] - 1]

    def batches(self, random: np.random.Generator) -> list[Int64Array]:
        """Folds in minibatches, of about equal length each, in random order."""
        order = np.argsort(self._lengths + random.uniform(0.0, TRUNCATION, len(self._lengths)), kind="stable")
        pieces = np.array_split(order, -(-len(order) // SEQUENCES))
        return [pieces[i] for i in random.permutation(len(pieces))]

    def passes(self, random: np.random.Generator) -> Iterator[tuple[Int64Array, list[Chunk]]]:
        """One pass: minibatches of folds, each with its chunks."""
        for batch in self.batches(random):
            # A random first cut, so that no window is always the one through which no gradient flows.
            yield batch, self.chunks(batch, int(random.integers(1, TRUNCATION + 1)))

    def count_steps(self) -> int:
        """About how many chunks with instants a pass has: the number of its steps."""
        passed = self.passes(np.random.default_rng(0))
        return sum(len(chunk.instants) > 0 for _, chunks in passed for chunk in chunks)

    def chunks(self, batch: Int64Array, first: int) -> list[Chunk]:
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
            chunks.append(Chunk(begin, end, *(torch.from_numpy(one) for one in picked)))
        return chunks

    def z(self, network: Network, chunk: Chunk) -> Tensor:
        """(M, F) standardised features of the running window at the chunk's instants."""
        x = self._history.features(self._instants.take(chunk.instants.numpy()))
        return network.standardise(torch.from_numpy(x))

    def unroll(self, network: Network, batch: Int64Array, chunk: Chunk, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """States before each window of the chunk, (W, B, S), and the one after it, cut off from the past."""
        if state is None:
            state = torch.zeros(len(batch), network.state_size)
        # Behind a fold's end its windows go on: no instant looks there.
        start = self.starts[batch] + chunk.begin
        x = self._history.closed_features(self._customer[batch], start, chunk.end - chunk.begin)
        projected = network.project(network.standardise(torch.from_numpy(x)))  # (W, B, gates * H)
        states = [state]
        for step in projected:
            states.append(network.step(states[-1], step))
        return torch.stack(states[:-1]), states[-1].detach()
