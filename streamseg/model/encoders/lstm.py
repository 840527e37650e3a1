"""Long short-term memory: a cell that forgets by a gate, so that what it holds can last and its gradient with it.

Hochreiter & Schmidhuber, Neural Computation 1997, with the forget gate of Gers et al. 2000.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from streamseg.model.encoders.encoder import Encoder, uniform


class LSTM(Encoder):
    """i, f, o = sigmoid(.), g = tanh(.), each of z W + h U + b; c' = f c + i g, h' = o tanh(c'). h, c kept."""

    def __init__(self, *, features: int, hidden: int, random: np.random.Generator) -> None:
        super().__init__(hidden=hidden, state_size=2 * hidden)
        self.w_input = uniform(random, features, 4 * hidden)
        self.w_state = uniform(random, hidden, 4 * hidden)
        self.bias = nn.Parameter(torch.zeros(4 * hidden))
        # Gers et al. 2000; Jozefowicz et al. 2015: a forget gate that starts open lets gradients through at all.
        self.bias.data[hidden : 2 * hidden] = 1.0

    def project(self, z: Tensor) -> Tensor:
        """(..., F) -> (..., 4H): input, forget, candidate, output."""
        return z @ self.w_input + self.bias

    def step(self, state: Tensor, projected: Tensor) -> Tensor:
        """(N, 2H), (N, 4H) -> (N, 2H)."""
        h, c = state.chunk(2, dim=1)
        i, f, g, o = (projected + h @ self.w_state).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.cat((torch.sigmoid(o) * torch.tanh(c), c), dim=1)

    def read(self, state: Tensor) -> Tensor:
        """(N, 2H) -> (N, H): h; the cell stays inside."""
        return state[:, : self.hidden]
