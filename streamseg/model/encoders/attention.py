"""Attention over the last quarter: nothing is folded away, the newest window looks back at the others as they were.

Vaswani et al., NeurIPS 2017, causal since a state holds only what came before; order enters as a bias by lag, as in
Press et al., ICLR 2022, but learned. Of a customer it keeps three to four times as many numbers as an LSTM.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from streamseg.compiled import compiled
from streamseg.core.scores import Float32Array
from streamseg.core.windows import Int64Array
from streamseg.elementary import exp, tanh
from streamseg.model.encoders.encoder import Encoder, uniform
from streamseg.model.product import PANEL, add_product, pack, product, widened

REACH: Final = 13
"""Windows that are kept, the newest included. 26 and 52 were no better (log loss within .001) and cost memory."""
HEADS: Final = 2
UNSEEN: Final = -80.0
"""Logit of a place that no window has filled: finite, so that of nothing at all the mean is taken, which is 0; and no
lower, since exp of what underflows takes ten times as long."""


class Attention(Encoder):
    """State: REACH places, oldest first, of an embedding (D = H / 2 numbers) and 1, or of zeros: not filled yet."""

    def __init__(self, *, features: int, hidden: int, random: np.random.Generator) -> None:
        self.width = max(hidden // 2, 1)  # D
        super().__init__(hidden=hidden, state_size=REACH * (self.width + 1))
        self.w_input = uniform(random, features, self.width)
        self.bias = nn.Parameter(torch.zeros(self.width))
        # The keys are the embeddings themselves: a head's key matrix would only be multiplied into its query's.
        self.w_query = uniform(random, self.width, HEADS * self.width)
        # One head begins by looking far, one near.
        lag = torch.arange(REACH - 1, -1, -1, dtype=torch.float32)
        self.lag_bias = nn.Parameter(-lag / (4.0 ** torch.arange(1, HEADS + 1))[:, None])  # (HEADS, REACH)
        self.w_read = uniform(random, HEADS * self.width, hidden)
        self.w_newest = uniform(random, self.width, hidden)

    def project(self, z: Tensor) -> Tensor:
        """(..., F) -> (..., D + 1): the place that the window will fill."""
        embedding = torch.tanh(z @ self.w_input + self.bias)
        return torch.cat((embedding, torch.ones_like(embedding[..., :1])), dim=-1)

    def step(self, state: Tensor, projected: Tensor) -> Tensor:
        """(N, S), (N, D + 1) -> (N, S): the oldest place is dropped."""
        return torch.cat((state[:, self.width + 1 :], projected), dim=1)

    def read(self, state: Tensor) -> Tensor:
        """(N, S) -> (N, H): what the newest window finds in all of them, and what it is itself."""
        places = state.unflatten(1, (REACH, self.width + 1))
        seen, filled = places[..., : self.width], places[..., self.width]  # (N, REACH, D), (N, REACH)
        newest = seen[:, -1]
        query = (newest @ self.w_query).unflatten(1, (HEADS, self.width))
        logits = query @ seen.transpose(1, 2) / math.sqrt(self.width) + self.lag_bias  # (N, HEADS, REACH)
        logits = torch.where(filled[:, None] > 0.0, logits, UNSEEN)
        # Softmax written out: torch's own is not vectorised over so few, and took a third of the time.
        weight = torch.exp(logits - logits.detach().amax(dim=2, keepdim=True))
        found = (weight / weight.sum(dim=2, keepdim=True)) @ seen  # (N, HEADS, D)
        return torch.tanh(found.flatten(1) @ self.w_read + newest @ self.w_newest)

    def served(self) -> ServedAttention:
        """The same in compiled loops."""
        weights = (self.w_input, self.w_query, self.w_read, self.w_newest)
        w_input, w_query, w_read, w_newest = (pack(weight.detach().numpy()) for weight in weights)
        lag_bias, bias = self.lag_bias.detach().numpy().copy(), widened(self.bias.detach().numpy())
        return ServedAttention(w_input, w_query, w_read, w_newest, lag_bias, bias, self.hidden)


@dataclass(frozen=True, slots=True)
class ServedAttention:
    """Implements `Served`."""

    w_input: Float32Array
    w_query: Float32Array
    w_read: Float32Array
    w_newest: Float32Array
    """Packed."""
    lag_bias: Float32Array
    """(HEADS, REACH)"""
    bias: Float32Array
    hidden: int

    def fold(self, state: Float32Array, z: Float32Array, joined: Int64Array) -> None:
        """(N, S), (R, F), (W,): the oldest place is dropped, the newest filled, window after window."""
        embedding = np.empty((len(z), len(self.bias)), np.float32)
        product(z, self.w_input, self.bias, embedding)
        _shift(state, embedding, joined)

    def read(self, state: Float32Array) -> Float32Array:
        """(N, S) -> (N, H): as `Attention.read`."""
        width = state.shape[1] // REACH - 1
        newest = np.ascontiguousarray(state[:, -width - 1 : -1])
        query = np.zeros((len(state), self.w_query.shape[0] * PANEL), np.float32)
        add_product(newest, self.w_query, query)
        found = np.empty((len(state), HEADS * width), np.float32)
        _look_back(state, query, self.lag_bias, found)
        said = np.zeros((len(state), self.w_read.shape[0] * PANEL), np.float32)
        add_product(found, self.w_read, said)
        add_product(newest, self.w_newest, said)
        _saturate(said)
        return said[:, : self.hidden]


@compiled
def _saturate(sums: Float32Array) -> None:
    for row in range(sums.shape[0]):
        for column in range(sums.shape[1]):
            sums[row, column] = tanh(sums[row, column])


@compiled
def _shift(state: Float32Array, embedding: Float32Array, joined: Int64Array) -> None:
    """(N, S), (R, at least D) before tanh, (W,)."""
    place, at = state.shape[1] // REACH, 0
    kept = state.shape[1] - place
    for rows in joined:
        for row in range(rows):
            for column in range(kept):
                state[row, column] = state[row, column + place]
            for column in range(place - 1):
                state[row, kept + column] = tanh(embedding[at, column])
            state[row, -1] = 1.0
            at += 1


@compiled
def _look_back(state: Float32Array, query: Float32Array, lag_bias: Float32Array, found: Float32Array) -> None:
    """(N, S), (N, at least HEADS * D), (HEADS, REACH) -> (N, HEADS * D): the mean of all places, weighed."""
    width = state.shape[1] // REACH - 1
    scale, weight = np.float32(1.0 / math.sqrt(width)), np.empty(REACH, np.float32)
    for row in range(len(state)):
        places = state[row].reshape(REACH, width + 1)
        for head in range(HEADS):
            asked = query[row, head * width : (head + 1) * width]
            for place in range(REACH):
                likeness = np.float32(0.0)
                for column in range(width):
                    likeness += asked[column] * places[place, column]
                likeness = likeness * scale + lag_bias[head, place]
                weight[place] = likeness if places[place, width] > 0.0 else UNSEEN
            most, total = weight.max(), np.float32(0.0)
            for place in range(REACH):
                weight[place] = exp(weight[place] - most)
                total += weight[place]
            seen = found[row, head * width : (head + 1) * width]
            seen[:] = 0.0
            for place in range(REACH):
                for column in range(width):
                    seen[column] += weight[place] / total * places[place, column]
