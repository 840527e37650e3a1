"""How the weights move: AdamW under a one-cycle schedule, gradients clipped."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

WARM_UP = 0.3
"""Share of the steps in which the rate rises."""
START, END = 1.0 / 25.0, 1e-5
"""First and last rate, as shares of the highest."""


class OneCycleAdamW:
    """Decoupled weight decay (Loshchilov & Hutter 2019), one cycle of rates (Smith & Topin 2018).

    Not torch's own `OneCycleLR`: that one refuses a step beyond the number foreseen, and folds differ in their chunks.
    """

    def __init__(
        self, parameters: Iterable[Tensor], *, rate: float, weight_decay: float, clip_norm: float, steps: int
    ) -> None:
        self._parameters = list(parameters)
        self._clip_norm = clip_norm
        self._adamw = AdamW(self._parameters, lr=rate, weight_decay=weight_decay)
        self._schedule = LambdaLR(self._adamw, lambda taken: one_cycle(taken / max(steps, 1)))

    def step(self) -> None:
        """Move every parameter against its gradient, and forget the gradients."""
        # One customer with an absurd month must not throw the weights: Pascanu et al. 2013.
        clip_grad_norm_(self._parameters, self._clip_norm)
        self._adamw.step()
        self._schedule.step()
        self._adamw.zero_grad()


def one_cycle(share: float) -> float:
    """The rate after a share of the steps, 1 at its highest; cosines up and down.

    >>> [round(one_cycle(share), 3) for share in (0.0, 0.3, 0.65, 1.0)]
    [0.04, 1.0, 0.5, 0.0]
    """
    if share < WARM_UP:
        return START + (1.0 - START) * (1.0 - math.cos(math.pi * share / WARM_UP)) / 2.0
    return END + (1.0 - END) * (1.0 + math.cos(math.pi * min((share - WARM_UP) / (1.0 - WARM_UP), 1.0))) / 2.0
