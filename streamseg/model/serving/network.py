"""A network at work: what it learnt, in compiled loops that hold no lock.

Arrives: arrays by name; packed states (N, S) and raw features (N, F). Leaves: states, and what the heads say. A row's
result depends on that row alone, bit for bit, whatever stands beside it: every sum is added up in one order. Knows
neither torch nor a calibration.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streamseg.compiled import compiled
from streamseg.core.features import FEATURES
from streamseg.core.scores import Float32Array, Float64Array
from streamseg.core.windows import Int64Array
from streamseg.elementary import exp, sigmoid, tanh
from streamseg.model.blueprint import EMBEDDING, HEAD, LIMITS, TOLD, relate
from streamseg.model.serving import ENCODERS, refuse_unknown
from streamseg.model.serving.encoder import Shapes, Tensors
from streamseg.model.serving.product import BLOCK, add_product, pack, product, widened
from streamseg.wire.vocabulary import TYPES

_ENCODER: Final = "encoder."
"""How the names of what an encoder has learnt begin."""


class ServedNetwork:
    """What a network has learnt, to be served and to be kept."""

    def __init__(self, encoder: str, hidden: int, tensors: Tensors) -> None:
        """Refuse what does not fit together.

        Args:
            encoder: Its name.
            hidden: H, the numbers that the head is told by it.
            tensors: As `shapes` says; they are kept, and must not change any more.

        Raises:
            ConfigError: If there is no encoder of that name.
            ValueError: If a tensor is missing, unknown, or of another shape or type.
        """
        _refuse_misshapen(tensors, shapes(encoder, hidden))
        self.encoder_name, self.hidden, self.tensors = encoder, hidden, tensors
        self._encoder = ENCODERS[encoder](hidden, beneath(_ENCODER, tensors))
        self._scale = np.stack([tensors[name] for name in ("mean", "std", "least", "most")])
        from_h, from_z = np.split(tensors["w_head"], [hidden])
        layers = (from_h, from_z, tensors["w_embedding"], tensors["w_out"], tensors["w_skip"])
        self._layers = tuple(pack(weight) for weight in layers)
        self._biases = tuple(widened(tensors[name]) for name in ("b_head", "b_embedding", "b_out"))
        low, high = np.array(LIMITS, np.float32).T
        width = (high - low).astype(np.float64)
        self._bounds = np.stack((low, width, 4.0 / width))
        # Spend is told in deviations from the customers' mean.
        self._bounds[:2, 4] *= tensors["spend_scale"]
        self._bounds[0, 4] += tensors["spend_level"][0]

    @property
    def state_size(self) -> int:
        """S: numbers kept of a customer between two windows."""
        return self._encoder.state_size

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


def shapes(encoder: str, hidden: int) -> Shapes:
    """What a network of H units has learnt, by name.

    Raises:
        ConfigError: If there is no encoder of that name.
    """
    refuse_unknown(encoder)
    features, outputs = len(FEATURES), TOLD + len(TYPES)
    own = ENCODERS[encoder].shapes(features, hidden)
    return {
        **{f"{_ENCODER}{name}": shape for name, shape in own.items()},
        "w_head": (hidden + features, HEAD),
        "b_head": (HEAD,),
        "w_embedding": (HEAD, EMBEDDING),
        "b_embedding": (EMBEDDING,),
        "w_out": (EMBEDDING, outputs),
        "b_out": (outputs,),
        "w_skip": (features, outputs),
        **dict.fromkeys(("mean", "std", "least", "most"), (features,)),
        **dict.fromkeys(("spend_level", "spend_scale"), (1,)),
    }


def beneath(start: str, tensors: Tensors) -> Tensors:
    """Those whose names begin so, by what follows it."""
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}


def _refuse_misshapen(tensors: Tensors, expected: Shapes) -> None:
    missing, unknown = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    if missing or unknown:
        raise ValueError(f"of a network's tensors {missing} are missing and {unknown} are unknown")
    for name, shape in expected.items():
        found = tensors[name]
        if found.shape != shape or found.dtype != np.float32:
            raise ValueError(f"tensor {name} is {found.dtype} of shape {found.shape}; expected float32 of {shape}")


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
    """As `bounded` when it learnt; `bounds` holds where each parameter begins, how far it goes, and how steeply."""
    low, width, slope = bounds
    for column in range(told.shape[0]):
        for row in range(told.shape[1]):
            told[column, row] = low[column] + width[column] / (1.0 + exp(-slope[column] * outputs[row, column]))
