"""A network at work: what it learnt, in compiled loops that hold no lock; torch is for learning alone.

Arrives: packed states (N, S) and raw features (N, F). Leaves: states, and what the heads say. A row's result depends on
that row alone, bit for bit, whatever stands beside it: every sum is added up in one order. Knows no calibration.
"""

from __future__ import annotations

import numpy as np

from streamseg.compiled import compiled
from streamseg.core.scores import Float32Array, Float64Array
from streamseg.core.windows import Int64Array
from streamseg.elementary import exp, sigmoid, tanh
from streamseg.model.network import HEAD, Network, relate
from streamseg.model.product import BLOCK, add_product, pack, product, widened

TOLD = 6
"""Outputs that a forecast is made of; the types of the next touchpoint stand behind them."""


class ServedNetwork:
    """Has the weights of the moment at which it is made."""

    def __init__(self, network: Network) -> None:
        weights = {name: value.numpy() for name, value in network.state_dict().items()}
        from_h, from_z = np.split(weights["w_head"], [network.hidden])
        self.state_size = network.state_size
        """S"""
        self._encoder = network.encoder.served()
        self._scale = np.stack([weights[name] for name in ("mean", "std", "least", "most")]).astype(np.float32)
        layers = (from_h, from_z, weights["w_embedding"], weights["w_out"], weights["w_skip"])
        self._layers = tuple(pack(weight) for weight in layers)
        self._biases = tuple(widened(weights[name]) for name in ("b_head", "b_embedding", "b_out"))
        low, width = network.low.double().numpy(), (network.high - network.low).double().numpy()
        self._bounds = np.stack((low, width, 4.0 / width))
        # Spend is told in deviations from the customers' mean.
        self._bounds[:2, 4] *= weights["spend_scale"]
        self._bounds[0, 4] += weights["spend_level"]

    def advance(self, state: Float32Array, x: Float32Array, joined: Int64Array) -> Float32Array:
        """(N, S), (R, F), (W,) as in `core.scores.Scorer.catch_up` -> (N, S)."""
        after = np.array(state, order="C")
        self._encoder.fold(after, self._standardised(x), joined)
        return after

    def outputs(self, state: Float32Array, x: Float32Array) -> Float32Array:
        """(N, S), (N, F) -> (N, at least 6 + T): `Network.head`, raw; what stands behind is of no use."""
        z, after = self._standardised(x), np.array(state, order="C")
        self._encoder.fold(after, z, np.array([len(z)]))
        out = np.empty((len(z), len(self._biases[2])), np.float32)
        # A column's part of one row is contiguous and of two is not: the loop would be compiled for either.
        h = np.ascontiguousarray(self._encoder.read(after))
        _head(h, z, self._layers, self._biases, out)
        return out

    def parameters(self, outputs: Float32Array) -> Float64Array:
        """(N, …) of `outputs` -> (6, N) as in `Network.closed_forms`, in double."""
        told = np.empty((TOLD, len(outputs)))
        _bound(outputs, self._bounds, told)
        return told

    def _standardised(self, x: Float32Array) -> Float32Array:
        z = np.empty(x.shape, np.float32)
        _standardise(x, self._scale, z)
        return z


@compiled
def _standardise(x: Float32Array, scale: Float32Array, z: Float32Array) -> None:
    """As `Network.standardise`; `scale` holds mean, deviation and limits."""
    relate(x, z)
    for row in range(z.shape[0]):
        for column in range(z.shape[1]):
            deviation = (z[row, column] - scale[0, column]) / scale[1, column]
            z[row, column] = min(max(deviation, scale[2, column]), scale[3, column])


@compiled
def _head(
    h: Float32Array,
    z: Float32Array,
    layers: tuple[Float32Array, ...],
    biases: tuple[Float32Array, ...],
    out: Float32Array,
) -> None:
    from_h, from_z, w_embedding, w_out, w_skip = layers
    b_head, b_embedding, b_out = biases
    feature_room = np.empty((BLOCK, len(b_head)), np.float32)
    embedding_room = np.empty((BLOCK, len(b_embedding)), np.float32)
    for start in range(0, len(z), BLOCK):
        stop = min(start + BLOCK, len(z))
        features, embedding, told = feature_room[: stop - start], embedding_room[: stop - start], out[start:stop]
        product(h[start:stop], from_h, b_head, features)
        add_product(z[start:stop], from_z, features)
        for row in range(len(features)):
            for unit in range(HEAD):
                features[row, unit] *= sigmoid(features[row, unit])
        product(features, w_embedding, b_embedding, embedding)
        for row in range(len(embedding)):
            for unit in range(embedding.shape[1]):
                embedding[row, unit] = tanh(embedding[row, unit])
        product(embedding, w_out, b_out, told)
        add_product(z[start:stop], w_skip, told)


@compiled
def _bound(outputs: Float32Array, bounds: Float64Array, told: Float64Array) -> None:
    """`network.bounded`; `bounds` holds where each parameter begins, how far it reaches, and how steeply it rises."""
    low, width, slope = bounds
    for column in range(told.shape[0]):
        for row in range(told.shape[1]):
            told[column, row] = low[column] + width[column] / (1.0 + exp(-slope[column] * outputs[row, column]))
