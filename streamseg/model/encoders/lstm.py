"""Long short-term memory: a cell that forgets by a gate, so that what it holds can last and its gradient with it.

Hochreiter & Schmidhuber, Neural Computation 1997, with the forget gate of Gers et al. 2000.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from streamseg.compiled import compiled
from streamseg.core.scores import Float32Array
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
        self._room = torch.empty(0, 4 * hidden)

    def project(self, z: Tensor) -> Tensor:
        """(..., F) -> (..., 4H): input, forget, candidate, output."""
        return z @ self.w_input + self.bias

    def step(self, state: Tensor, projected: Tensor) -> Tensor:
        """(N, 2H), (N, 4H) -> (N, 2H)."""
        h, c = state.chunk(2, dim=1)
        i, f, g, o = (projected + h @ self.w_state).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.cat((torch.sigmoid(o) * torch.tanh(c), c), dim=1)

    def infer(self, state: Tensor, z: Tensor, after: Tensor) -> None:
        """(N, 2H), (N, F) -> (N, 2H): two products and one pass over the gates."""
        # The gates' room is kept: the allocator would fetch fresh pages for it, which takes longer than the products.
        if len(self._room) < len(z):
            self._room = torch.empty(len(z), 4 * self.hidden)
        gates = self._room[: len(z)]
        torch.addmm(self.bias, z, self.w_input, out=gates).addmm_(state[:, : self.hidden], self.w_state)
        _close(gates.numpy(), state.numpy(), after.numpy())

    def read(self, state: Tensor) -> Tensor:
        """(N, 2H) -> (N, H): h; the cell stays inside."""
        return state[:, : self.hidden]


_LARGEST: Final = np.float32(7.90531110763549805)
"""Where tanh is 1 in float32."""
_P1, _P3, _P5, _P7, _P9, _P11, _P13 = (
    np.float32(value)
    for value in (
        4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08,
        -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16,
    )
)  # fmt: skip
_Q0, _Q2, _Q4, _Q6 = (
    np.float32(value)
    for value in (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)
)
"""By power of x."""


@compiled
def _tanh(x: np.float32) -> np.float32:
    """Rational approximation of Eigen's vectorised tanh, within 5e-7: unlike libm's it can be done in vectors."""
    x = max(min(x, _LARGEST), -_LARGEST)
    y = x * x
    # Written out, and not looped over coefficients: only so it is done for many x at once.
    p = ((((((_P13 * y + _P11) * y + _P9) * y + _P7) * y + _P5) * y + _P3) * y + _P1) * x
    return p / (((_Q6 * y + _Q4) * y + _Q2) * y + _Q0)


@compiled
def _close(gates: Float32Array, state: Float32Array, after: Float32Array) -> None:
    """(N, 4H) input, forget, candidate, output before their functions, (N, 2H) -> (N, 2H), as in `LSTM.step`."""
    rows, hidden = gates.shape[0], gates.shape[1] // 4
    half = np.float32(0.5)
    for row in range(rows):
        for unit in range(hidden):
            # sigmoid(x) = (1 + tanh(x / 2)) / 2
            let_in = half + half * _tanh(half * gates[row, unit])
            keep = half + half * _tanh(half * gates[row, hidden + unit])
            candidate = _tanh(gates[row, 2 * hidden + unit])
            let_out = half + half * _tanh(half * gates[row, 3 * hidden + unit])
            cell = keep * state[row, hidden + unit] + let_in * candidate
            after[row, hidden + unit] = cell
            after[row, unit] = let_out * _tanh(cell)
