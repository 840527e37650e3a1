"""Catching up as it is defined: one window after the other, for scorers that are not in a hurry."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from streamseg.core.scores import Float32Array
from streamseg.core.windows import Int64Array


class Stepwise(ABC):
    """Gives a scorer `catch_up` for its `advance`."""

    __slots__ = ()

    @abstractmethod
    def advance(self, state: Float32Array, x: Float32Array) -> Float32Array:
        """Fold one closed window into each state: (N, S), (N, F) -> (N, S)."""

    def catch_up(self, state: Float32Array, x: Float32Array, joined: Int64Array) -> Float32Array:
        """Fold W closed windows into N states, from old to new: (N, S), (R, F), (W,) -> (N, S)."""
        after = state.copy()
        for window in np.split(x, np.cumsum(joined)[:-1]):
            after[: len(window)] = self.advance(after[: len(window)], window)
        return after
