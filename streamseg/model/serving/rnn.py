"""The plain recurrent network at work: `encoders/rnn.py` in compiled loops.

Arrives: what was learnt, and standardised features of windows. Leaves: h of each customer, which is also what is read.
"""

from __future__ import annotations

import numpy as np

from streamseg.compiled import compiled
from streamseg.core.scores import Float32Array
from streamseg.core.windows import Int64Array
from streamseg.elementary import tanh
from streamseg.model.serving.encoder import Shapes, Tensors
from streamseg.model.serving.product import BLOCK, add_product, pack, product, widened


class ServedRNN:
    """Implements `Served`."""

    def __init__(self, hidden: int, tensors: Tensors) -> None:
        self.state_size = hidden
        self._w_input, self._w_state = pack(tensors["w_input"]), pack(tensors["w_state"])
        self._bias = widened(tensors["bias"])

    @staticmethod
    def shapes(features: int, hidden: int) -> Shapes:
        """What was learnt."""
        return {"w_input": (features, hidden), "w_state": (hidden, hidden), "bias": (hidden,)}

    def fold(self, state: Float32Array, z: Float32Array, joined: Int64Array) -> None:
        """(N, H), (R, F), (W,): windows are folded in where the states stand."""
        _fold(state, z, joined, self._w_input, self._w_state, self._bias)

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
