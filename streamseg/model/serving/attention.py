"""Attention at work: `encoders/attention.py` in compiled loops.

Arrives: what was learnt, and standardised features of windows. Leaves: places of each customer, and what they say.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from streamseg.compiled import compiled
from streamseg.core.scores import Float32Array
from streamseg.core.windows import Int64Array
from streamseg.elementary import exp, tanh
from streamseg.model.serving.encoder import Shapes, Tensors
from streamseg.model.serving.product import PANEL, add_product, pack, product, widened

REACH: Final = 13
"""Windows that are kept, the newest included. 26 and 52 were no better (log loss within .001) and cost memory."""
HEADS: Final = 2
UNSEEN: Final = -80.0
"""Logit of a place that no window has filled: finite, so that of nothing at all the mean is taken, which is 0; and no
lower, since exp of what underflows takes ten times as long."""


def width_of(hidden: int) -> int:
    """D, numbers of an embedding."""
    return max(hidden // 2, 1)


class ServedAttention:
    """Implements `Served`."""

    def __init__(self, hidden: int, tensors: Tensors) -> None:
        names = ("w_input", "w_query", "w_read", "w_newest")
        self._w_input, self._w_query, self._w_read, self._w_newest = (pack(tensors[name]) for name in names)
        self._lag_bias, self._bias = tensors["lag_bias"].copy(), widened(tensors["bias"])
        self._hidden, self.state_size = hidden, REACH * (width_of(hidden) + 1)

    @staticmethod
    def shapes(features: int, hidden: int) -> Shapes:
        """What was learnt."""
        width = width_of(hidden)
        return {
            "w_input": (features, width),
            "bias": (width,),
            "w_query": (width, HEADS * width),
            "lag_bias": (HEADS, REACH),
            "w_read": (HEADS * width, hidden),
            "w_newest": (width, hidden),
        }

    def fold(self, state: Float32Array, z: Float32Array, joined: Int64Array) -> None:
        """(N, S), (R, F), (W,): the oldest place is dropped, the newest filled, window after window."""
        embedding = np.empty((len(z), len(self._bias)), np.float32)
        product(z, self._w_input, self._bias, embedding)
        _shift(state, embedding, joined)

    def read(self, state: Float32Array) -> Float32Array:
        """(N, S) -> (N, H): as `Attention.read`."""
        width = state.shape[1] // REACH - 1
        newest = np.ascontiguousarray(state[:, -width - 1 : -1])
        query = np.zeros((len(state), self._w_query.shape[0] * PANEL), np.float32)
        add_product(newest, self._w_query, query)
        found = np.empty((len(state), HEADS * width), np.float32)
        _look_back(state, query, self._lag_bias, found)
        said = np.zeros((len(state), self._w_read.shape[0] * PANEL), np.float32)
        add_product(found, self._w_read, said)
        add_product(newest, self._w_newest, said)
        _saturate(said)
        return said[:, : self._hidden]


@compiled
def _saturate(sums: Float32Array) -> None:
    for row in range(sums.shape[0]):
        for column in range(sums.shape[1]):
            sums[row, column] = tanh(sums[row, column])


@compiled
def _shift(state: Float32Array, embedding: Float32Array, joined: Int64Array) -> None:
    """(N, S), (R, at least D) before tanh, (W,)."""
    place, at = state.shape[1] // REACH, 0
    kept = state.shape[1] - place
    for rows in joined:
        for row in range(rows):
            for column in range(kept):
                state[row, column] = state[row, column + place]
            for column in range(place - 1):
                state[row, kept + column] = tanh(embedding[at, column])
            state[row, -1] = 1.0
            at += 1


@compiled
def _look_back(state: Float32Array, query: Float32Array, lag_bias: Float32Array, found: Float32Array) -> None:
    """(N, S), (N, at least HEADS * D), (HEADS, REACH) -> (N, HEADS * D): the mean of all places, weighed."""
    width = state.shape[1] // REACH - 1
    scale, weight = np.float32(1.0 / math.sqrt(width)), np.empty(REACH, np.float32)
    for row in range(len(state)):
        places = state[row].reshape(REACH, width + 1)
        for head in range(HEADS):
            asked = query[row, head * width : (head + 1) * width]
            for place in range(REACH):
                likeness = np.float32(0.0)
                for column in range(width):
                    likeness += asked[column] * places[place, column]
                likeness = likeness * scale + lag_bias[head, place]
                weight[place] = likeness if places[place, width] > 0.0 else UNSEEN
            most, total = weight.max(), np.float32(0.0)
            for place in range(REACH):
                weight[place] = exp(weight[place] - most)
                total += weight[place]
            seen = found[row, head * width : (head + 1) * width]
            seen[:] = 0.0
            for place in range(REACH):
                for column in range(width):
                    seen[column] += weight[place] / total * places[place, column]
