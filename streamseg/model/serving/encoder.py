"""The one interface of all encoders at work: what a customer's windows leave behind, folded in by compiled loops.

Arrives: what was learnt, as arrays by name. Leaves: states (N, S) and what the head reads of them (N, H). Knows neither
who learnt nor how; `encoders/` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from streamseg.core.scores import Float32Array
from streamseg.core.windows import Int64Array

Tensors = Mapping[str, Float32Array]
"""What was learnt, by name."""
Shapes = Mapping[str, tuple[int, ...]]
"""What shape each of them has."""


class Served(Protocol):
    """An encoder that learns no more. A row of a result depends on that row alone."""

    state_size: int
    """S, the numbers that are kept between two windows."""

    def __init__(self, hidden: int, tensors: Tensors) -> None:
        """H units, and arrays of the names and shapes that `shapes` tells."""
        ...

    @staticmethod
    def shapes(features: int, hidden: int) -> Shapes:
        """What an encoder of F features and H units learns."""
        ...

    def fold(self, state: Float32Array, z: Float32Array, joined: Int64Array) -> None:
        """Fold W windows into N states where these stand, from old to new.

        Args:
            state: (N, S), C order; who has more windows to be folded in stands before who has fewer.
            z: (R, F) standardised, C order: the windows of the first of `joined`, then those of the second …
            joined: (W,) how many states each window is folded into, the first ones; R in all, 0 to N, never falling.
        """
        ...

    def read(self, state: Float32Array) -> Float32Array:
        """(N, S) -> (N, H): what the head is told."""
        ...
