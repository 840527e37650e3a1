"""Attention over the last quarter: nothing is folded away, the newest window looks back at the others as they were.

Vaswani et al., NeurIPS 2017, causal since a state holds only what came before; order enters as a bias by lag, as in
Press et al., ICLR 2022, but learned. Of a customer it keeps three to four times as many numbers as an LSTM.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from streamseg.model.encoders.encoder import Encoder, uniform
from streamseg.model.serving.attention import HEADS, REACH, UNSEEN, width_of


class Attention(Encoder):
    """State: REACH places, oldest first, of an embedding (D = H / 2 numbers) and 1, or of zeros: not filled yet."""

    def __init__(self, *, features: int, hidden: int, random: np.random.Generator) -> None:
        self.width = width_of(hidden)  # D
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
