"""AdamW under a one-cycle schedule with clipped gradients: the only optimiser that training needs.

Written out because ``torch.optim`` imports the compiler on its first step: four seconds and 800 modules.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

BETAS = (0.9, 0.999)
EPSILON = 1e-8
WARM_UP = 0.3
"""Share of the steps in which the rate rises."""
START, END = 1.0 / 25.0, 1e-5
"""First and last rate, as shares of the highest."""


class OneCycleAdamW:
    """Decoupled weight decay (Loshchilov & Hutter 2019), one cycle of rates (Smith & Topin 2018)."""

    def __init__(
        self, parameters: Iterable[Tensor], *, rate: float, weight_decay: float, clip_norm: float, steps: int
    ) -> None:
        self._parameters = list(parameters)
        self._rate, self._weight_decay, self._clip_norm = rate, weight_decay, clip_norm
        self._steps, self._taken = max(steps, 1), 0
        self._first = [torch.zeros_like(one) for one in self._parameters]
        self._second = [torch.zeros_like(one) for one in self._parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter against its gradient, and forget the gradients."""
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in self._parameters]
        # One customer with an absurd month must not throw the weights: Pascanu et al. 2013.
        norm = math.sqrt(sum(float(one.square().sum()) for one in gradients))
        shrink = min(1.0, self._clip_norm / (norm + 1e-6))
        rate = self._rate * one_cycle(self._taken / self._steps)
        self._taken += 1
        unbias = [1.0 - beta**self._taken for beta in BETAS]
        for at, first, second, gradient in zip(self._parameters, self._first, self._second, gradients, strict=True):
            gradient = gradient * shrink
            first.lerp_(gradient, 1.0 - BETAS[0])
            second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1.0 - BETAS[1])
            at.mul_(1.0 - rate * self._weight_decay)
            at.addcdiv_(first, (second / unbias[1]).sqrt_().add_(EPSILON), value=-rate / unbias[0])
            at.grad = None


def one_cycle(share: float) -> float:
    """The rate after a share of the steps, 1 at its highest; cosines up and down.

    >>> [round(one_cycle(share), 3) for share in (0.0, 0.3, 0.65, 1.0)]
    [0.04, 1.0, 0.5, 0.0]
    """
    if share < WARM_UP:
        return START + (1.0 - START) * (1.0 - math.cos(math.pi * share / WARM_UP)) / 2.0
    return END + (1.0 - END) * (1.0 + math.cos(math.pi * min((share - WARM_UP) / (1.0 - WARM_UP), 1.0))) / 2.0
