"""The long short-term memory at work: `encoders/lstm.py` in compiled loops.

Arrives: what was learnt, and standardised features of windows. Leaves: h and c of each customer, and h to be read.
"""

from __future__ import annotations

import numpy as np

from streamseg.compiled import compiled
from streamseg.core.scores import Float32Array
from streamseg.core.windows import Int64Array
from streamseg.elementary import sigmoid, tanh
from streamseg.model.serving.encoder import Shapes, Tensors
from streamseg.model.serving.product import BLOCK, add_product, pack, product, widened


class ServedLSTM:
    """Implements `Served`."""

    def __init__(self, hidden: int, tensors: Tensors) -> None:
        self.state_size = 2 * hidden
        self._w_input, self._w_state = pack(tensors["w_input"]), pack(tensors["w_state"])
        self._bias = widened(tensors["bias"])

    @staticmethod
    def shapes(features: int, hidden: int) -> Shapes:
        """What was learnt."""
        return {"w_input": (features, 4 * hidden), "w_state": (hidden, 4 * hidden), "bias": (4 * hidden,)}

    def fold(self, state: Float32Array, z: Float32Array, joined: Int64Array) -> None:
        """(N, 2H), (R, F), (W,): windows are folded in where the states stand."""
        _fold(state, z, joined, self._w_input, self._w_state, self._bias)

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
