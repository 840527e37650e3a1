"""The one interface of all encoders: what a customer's windows leave behind, folded in one window after the other.

Arrives: standardised features of windows (N, F). Leaves: packed states (N, S) that can be kept between two windows, and
what the head reads of them (N, H). Knows neither customers, nor time, nor what is forecast. Here torch learns; what
was learnt is served by serving/.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """A fold over windows. The state of all zeros has seen nothing."""

    def __init__(self, *, hidden: int, state_size: int) -> None:
        super().__init__()
        self.hidden, self.state_size = hidden, state_size
        """H, the numbers that the head reads, and S, those that are kept between two windows."""

    @abstractmethod
    def project(self, z: Tensor) -> Tensor:
        """(..., F) standardised -> (..., P): the part of a step that needs no state; training does it all at once."""

    @abstractmethod
    def step(self, state: Tensor, projected: Tensor) -> Tensor:
        """(N, S), (N, P) -> (N, S): one window is folded in."""

    @abstractmethod
    def read(self, state: Tensor) -> Tensor:
        """(N, S) -> (N, H): what the head is told after a step."""


def uniform(random: np.random.Generator, rows: int, columns: int, *, gain: float = 1.0) -> nn.Parameter:
    """A weight (rows, columns), float32, within gain / sqrt(rows): sums over the rows neither grow nor shrink much.

    Drawn from numpy's generator: torch's global one is shared with whoever else lives in the process.
    """
    bound = gain / math.sqrt(rows)
    return nn.Parameter(torch.from_numpy(random.uniform(-bound, bound, (rows, columns)).astype(np.float32)))
