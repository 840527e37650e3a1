"""How far back a network can learn from: the gradient that reaches a window k steps ago. Why gates, and why clipping.

Arrives: a network and windows. Leaves: one norm for each lag. Draws nothing; docs/model.md shows the picture.
"""

from __future__ import annotations

import torch
from torch import Tensor

from streamseg.core.scores import Float64Array
from streamseg.model.network import Network


def gradient_norm_by_lag(network: Network, x: Tensor) -> Float64Array:
    """Measure how strongly what is read after the last window depends on each window before it.

    Where that norm falls to nothing a cause so long ago can't be learnt (vanishing gradients: Bengio et al. 1994);
    where it grows one customer can throw the weights (exploding gradients, and clipping: Pascanu et al. 2013).

    Args:
        network: Trained or not; its heads take no part.
        x: (W, N, F) raw features of W windows of N customers, folded from nothing.

    Returns:
        (W,) at [k] the Frobenius norm of d read(state after the last window) / d standardised input k windows
        before it, the root of its mean square over the customers; all at least 0.
    """
    z = network.standardise(x).requires_grad_()
    state = torch.zeros(x.shape[1], network.state_size, dtype=x.dtype)
    for projected in network.project(z):
        state = network.step(state, projected)
    told = network.encoder.read(state).sum(dim=0)  # (H,): a row depends on its own customer alone
    squares = torch.zeros(len(x), dtype=torch.float64)
    for unit in told:
        (gradient,) = torch.autograd.grad(unit, z, retain_graph=True)  # (W, N, F)
        squares += gradient.double().square().sum(dim=2).mean(dim=1)
    norms: Float64Array = squares.sqrt().flip(0).numpy()
    return norms
