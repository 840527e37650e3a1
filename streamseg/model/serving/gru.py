"""The gated recurrent unit at work: `encoders/gru.py` in compiled loops.

Arrives: what was learnt, and standardised features of windows. Leaves: h of each customer, which is also what is read.
"""

from __future__ import annotations

import numpy as np

from streamseg.compiled import compiled
from streamseg.core.scores import Float32Array
from streamseg.core.windows import Int64Array
from streamseg.elementary import sigmoid, tanh
from streamseg.model.serving.encoder import Shapes, Tensors
from streamseg.model.serving.product import BLOCK, pack, product, widened


class ServedGRU:
    """Implements `Served`."""

    def __init__(self, hidden: int, tensors: Tensors) -> None:
        self.state_size = hidden
        self._w_input, self._w_state = pack(tensors["w_input"]), pack(tensors["w_state"])
        self._bias = widened(tensors["bias"])
        # As wide as the bias: only the candidate has one.
        self._reset_bias = widened(np.pad(tensors["reset_bias"], (2 * hidden, 0)))

    @staticmethod
    def shapes(features: int, hidden: int) -> Shapes:
        """What was learnt."""
        wide = 3 * hidden
        return {"w_input": (features, wide), "w_state": (hidden, wide), "bias": (wide,), "reset_bias": (hidden,)}

    def fold(self, state: Float32Array, z: Float32Array, joined: Int64Array) -> None:
        """(N, H), (R, F), (W,): windows are folded in where the states stand."""
        _fold(state, z, joined, self._w_input, self._w_state, self._bias, self._reset_bias)

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
