"""The plain recurrent network: no gates. It is here to be measured against, and shows what gates are for.

Elman, Cognitive Science 1990. What it holds, and the gradient with it, shrinks or grows by the same matrix at every
step: Bengio et al., IEEE Transactions on Neural Networks 1994.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from streamseg.model.encoders.encoder import Encoder, uniform


class RNN(Encoder):
    """h' = tanh(z W + h U + b). State: h."""

    def __init__(self, *, features: int, hidden: int, random: np.random.Generator) -> None:
        super().__init__(hidden=hidden, state_size=hidden)
        self.w_input = uniform(random, features, hidden)
        self.w_state = uniform(random, hidden, hidden)
        self.bias = nn.Parameter(torch.zeros(hidden))

    def project(self, z: Tensor) -> Tensor:
        """(..., F) -> (..., H)."""
        return z @ self.w_input + self.bias

    def step(self, state: Tensor, projected: Tensor) -> Tensor:
        """(N, H), (N, H) -> (N, H)."""
        return torch.tanh(projected + state @ self.w_state)

    def read(self, state: Tensor) -> Tensor:
        """(N, H) -> (N, H): the state itself."""
        return state
