"""Gradients by lag against a matrix power by hand, and the laws that the page on the model draws from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from streamseg.core.features import FEATURES
from streamseg.model.encoders import ENCODERS
from streamseg.model.gradients import gradient_norm_by_lag
from streamseg.model.network import Network

F = len(FEATURES)


def some_windows(many: int, *, rows: int = 6, scale: float = 1.0) -> Tensor:
    """(W, N, F)"""
    return torch.from_numpy(np.random.default_rng(4).normal(0.0, scale, (many, rows, F)).astype(np.float32))


def a_plain_network(gain: float) -> Network:
    """h' = tanh(z W + gain h Q), Q orthogonal: around the origin every step back multiplies the gradient by `gain`."""
    network = Network(F, 2, encoder="rnn", hidden=4)
    orthogonal = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    network.get_parameter("encoder.w_state").data = torch.from_numpy((gain * orthogonal).astype(np.float32))
    return network


@pytest.mark.parametrize("gain", [0.5, 1.0, 1.3])
def test_without_gates_the_gradient_shrinks_or_grows_by_the_same_factor_at_every_step(gain: float) -> None:
    network = a_plain_network(gain)
    norms = gradient_norm_by_lag(network, some_windows(20, scale=1e-5))
    assert norms[0] == pytest.approx(network.get_parameter("encoder.w_input").norm().item(), rel=1e-3)
    assert norms[1:] / norms[:-1] == pytest.approx([gain] * 19, rel=1e-3)


def test_an_open_forget_gate_carries_a_gradient_further_than_none() -> None:
    x = some_windows(30)
    gated, plain = (gradient_norm_by_lag(Network(F, 2, encoder=name, hidden=16), x) for name in ("lstm", "rnn"))
    assert gated[29] / gated[0] > 10.0 * plain[29] / plain[0]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_gradient_is_that_of_finite_differences(encoder: str) -> None:
    network = Network(F, 2, encoder=encoder, hidden=4, seed=2).double()
    x, step = some_windows(5, rows=1).double(), 1e-6
    inputs = network.standardise(x)

    def read(z: Tensor) -> Tensor:
        state = torch.zeros(1, network.state_size, dtype=torch.float64)
        for projected in network.project(z):
            state = network.step(state, projected)
        return network.encoder.read(state)[0].detach()

    norms = gradient_norm_by_lag(network, x)
    for lag in range(5):
        squares = 0.0
        for feature in range(F):
            moved = inputs.clone()
            moved[4 - lag, 0, feature] += step
            squares += float(((read(moved) - read(inputs)) / step).square().sum())
        assert norms[lag] == pytest.approx(squares**0.5, rel=1e-4)
