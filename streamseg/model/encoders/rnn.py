"""The plain recurrent network: no gates. It is here to be measured against, and shows what gates are for.

Elman, Cognitive Science 1990. What it holds, and the gradient with it, shrinks or grows by the same matrix at every
step: Bengio et al., IEEE Transactions on Neural Networks 1994.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from streamseg.compiled import compiled
from streamseg.core.scores import Float32Array
from streamseg.core.windows import Int64Array
from streamseg.elementary import tanh
from streamseg.model.encoders.encoder import Encoder, uniform
from streamseg.model.product import BLOCK, add_product, pack, product, widened


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

    def served(self) -> ServedRNN:
        """The same in compiled loops."""
        w_input, w_state, bias = (weight.detach().numpy() for weight in (self.w_input, self.w_state, self.bias))
        return ServedRNN(pack(w_input), pack(w_state), widened(bias))


@dataclass(frozen=True, slots=True)
class ServedRNN:
    """Implements `Served`."""

    w_input: Float32Array
    w_state: Float32Array
    """Packed."""
    bias: Float32Array

    def fold(self, state: Float32Array, z: Float32Array, joined: Int64Array) -> None:
        """(N, H), (R, F), (W,): windows are folded in where the states stand."""
        _fold(state, z, joined, self.w_input, self.w_state, self.bias)

    def read(self, state: Float32Array) -> Float32Array:
        """(N, H) -> (N, H): the state itself."""
        return state


@compiled
def _fold(
    state: Float32Array,
    z: Float32Array,
    joined: Int64Array,
    w_input: Float32Array,
    w_state: Float32Array,
    bias: Float32Array,
) -> None:
    first = 0
    room = np.empty((BLOCK, len(bias)), np.float32)
    for rows in joined:
        for start in range(0, rows, BLOCK):
            stop = min(start + BLOCK, rows)
            sums = room[: stop - start]
            product(z[first + start : first + stop], w_input, bias, sums)
            add_product(state[start:stop], w_state, sums)
            for row in range(len(sums)):
                for unit in range(state.shape[1]):
                    state[start + row, unit] = tanh(sums[row, unit])
        first += rows
