"""The gated recurrent unit: one gate mixes old and new, so that a state can be kept as it is for many windows.

Cho et al., EMNLP 2014; the reset gate acts after the product with the state, as in cuDNN and torch.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from streamseg.model.encoders.encoder import Encoder, uniform


class GRU(Encoder):
    """r, u = sigmoid(z W + h U + b); g = tanh(z W' + b' + r (h U' + b'')); h' = u h + (1 - u) g. State: h."""

    def __init__(self, *, features: int, hidden: int, random: np.random.Generator) -> None:
        super().__init__(hidden=hidden, state_size=hidden)
        self.w_input = uniform(random, features, 3 * hidden)
        self.w_state = uniform(random, hidden, 3 * hidden)
        self.bias = nn.Parameter(torch.zeros(3 * hidden))
        self.reset_bias = nn.Parameter(torch.zeros(hidden))

    def project(self, z: Tensor) -> Tensor:
        """(..., F) -> (..., 3H): reset, update, candidate."""
        return z @ self.w_input + self.bias

    def step(self, state: Tensor, projected: Tensor) -> Tensor:
        """(N, H), (N, 3H) -> (N, H)."""
        from_input = projected.split((2 * self.hidden, self.hidden), dim=1)  # (N, 2H), (N, H)
        from_state = (state @ self.w_state).split((2 * self.hidden, self.hidden), dim=1)
        reset, update = torch.sigmoid(from_input[0] + from_state[0]).chunk(2, dim=1)
        candidate = torch.tanh(from_input[1] + reset * (from_state[1] + self.reset_bias))
        return update * state + (1.0 - update) * candidate

    def read(self, state: Tensor) -> Tensor:
        """(N, H) -> (N, H): the state itself."""
        return state
