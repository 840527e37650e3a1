"""The gated recurrent unit: one gate mixes old and new, so that a state can be kept as it is for many windows.

Cho et al., EMNLP 2014; the reset gate acts after the product with the state, as in cuDNN and torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from streamseg.compiled import compiled
from streamseg.core.scores import Float32Array
from streamseg.core.windows import Int64Array
from streamseg.elementary import sigmoid, tanh
from streamseg.model.encoders.encoder import Encoder, uniform
from streamseg.model.product import BLOCK, pack, product, widened


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

    def served(self) -> ServedGRU:
        """The same in compiled loops."""
        w_input, w_state = (pack(weight.detach().numpy()) for weight in (self.w_input, self.w_state))
        bias, reset_bias = self.bias.detach().numpy(), self.reset_bias.detach().numpy()
        return ServedGRU(w_input, w_state, widened(bias), widened(np.pad(reset_bias, (2 * self.hidden, 0))))


@dataclass(frozen=True, slots=True)
class ServedGRU:
    """Implements `Served`."""

    w_input: Float32Array
    w_state: Float32Array
    """Packed."""
    bias: Float32Array
    reset_bias: Float32Array
    """As wide as the bias: only the candidate has one."""

    def fold(self, state: Float32Array, z: Float32Array, joined: Int64Array) -> None:
        """(N, H), (R, F), (W,): windows are folded in where the states stand."""
        _fold(state, z, joined, self.w_input, self.w_state, self.bias, self.reset_bias)

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
    reset_bias: Float32Array,
) -> None:
    first = 0
    room, more_room = np.empty((BLOCK, len(bias)), np.float32), np.empty((BLOCK, len(bias)), np.float32)
    for rows in joined:
        for start in range(0, rows, BLOCK):
            stop = min(start + BLOCK, rows)
            from_input, from_state = room[: stop - start], more_room[: stop - start]
            product(z[first + start : first + stop], w_input, bias, from_input)
            product(state[start:stop], w_state, reset_bias, from_state)
            _close(from_input, from_state, state[start:stop])
        first += rows


@compiled
def _close(from_input: Float32Array, from_state: Float32Array, state: Float32Array) -> None:
    """(N, 3H) reset, update, candidate each, (N, H) where it stands, as in `GRU.step`."""
    hidden = state.shape[1]
    for row in range(len(state)):
        for unit in range(hidden):
            reset = sigmoid(from_input[row, unit] + from_state[row, unit])
            update = sigmoid(from_input[row, hidden + unit] + from_state[row, hidden + unit])
            candidate = tanh(from_input[row, 2 * hidden + unit] + reset * from_state[row, 2 * hidden + unit])
            state[row, unit] = candidate + update * (state[row, unit] - candidate)
