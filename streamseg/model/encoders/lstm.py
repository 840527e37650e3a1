"""Long short-term memory: a cell that forgets by a gate, so that what it holds can last and its gradient with it.

Hochreiter & Schmidhuber, Neural Computation 1997, with the forget gate of Gers et al. 2000.
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
from streamseg.model.product import BLOCK, add_product, pack, product, widened


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

    def served(self) -> ServedLSTM:
        """The same in compiled loops."""
        w_input, w_state, bias = (weight.detach().numpy() for weight in (self.w_input, self.w_state, self.bias))
        return ServedLSTM(pack(w_input), pack(w_state), widened(bias))


@dataclass(frozen=True, slots=True)
class ServedLSTM:
    """Implements `Served`."""

    w_input: Float32Array
    w_state: Float32Array
    """Packed."""
    bias: Float32Array

    def fold(self, state: Float32Array, z: Float32Array, joined: Int64Array) -> None:
        """(N, 2H), (R, F), (W,): windows are folded in where the states stand."""
        _fold(state, z, joined, self.w_input, self.w_state, self.bias)

    def read(self, state: Float32Array) -> Float32Array:
        """(N, 2H) -> (N, H): h."""
        return state[:, : state.shape[1] // 2]


@compiled
def _fold(
    state: Float32Array,
    z: Float32Array,
    joined: Int64Array,
    w_input: Float32Array,
    w_state: Float32Array,
    bias: Float32Array,
) -> None:
    hidden, first = state.shape[1] // 2, 0
    room = np.empty((BLOCK, len(bias)), np.float32)
    for rows in joined:
        for start in range(0, rows, BLOCK):
            stop = min(start + BLOCK, rows)
            gates = room[: stop - start]
            product(z[first + start : first + stop], w_input, bias, gates)
            add_product(state[start:stop, :hidden], w_state, gates)
            _close(gates, state[start:stop])
        first += rows


@compiled
def _close(gates: Float32Array, state: Float32Array) -> None:
    """(N, 4H) input, forget, candidate, output before their functions, (N, 2H) where it stands, as in `LSTM.step`."""
    hidden = state.shape[1] // 2
    for row in range(len(state)):
        for unit in range(hidden):
            let_in, keep = sigmoid(gates[row, unit]), sigmoid(gates[row, hidden + unit])
            cell = keep * state[row, hidden + unit] + let_in * tanh(gates[row, 2 * hidden + unit])
            state[row, hidden + unit] = cell
            state[row, unit] = sigmoid(gates[row, 3 * hidden + unit]) * tanh(cell)
