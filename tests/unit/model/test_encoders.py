"""Encoders: the gated cells against torch's own and by hand, and laws that hold for every one of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from streamseg.errors import ConfigError
from streamseg.model.encoders import ENCODERS, Encoder, make
from streamseg.model.encoders.attention import Attention
from streamseg.model.encoders.gru import GRU
from streamseg.model.encoders.lstm import LSTM
from streamseg.model.encoders.rnn import RNN
from streamseg.model.serving import ENCODERS as SERVED
from streamseg.model.serving.attention import REACH
from streamseg.model.serving.encoder import Served
from streamseg.settings.tree import ModelSettings

every_encoder = pytest.mark.parametrize("name", ENCODERS)


def seeded(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def windows(many: int, rows: int = 7, features: int = 5) -> Tensor:
    """(W, N, F)"""
    return torch.from_numpy(seeded(many).normal(size=(many, rows, features)).astype(np.float32))


def folded(encoder: Encoder, z: Tensor, state: Tensor | None = None) -> Tensor:
    """(W, N, F) -> (N, S)"""
    state = torch.zeros(z.shape[1], encoder.state_size) if state is None else state
    for projected in encoder.project(z):
        state = encoder.step(state, projected)
    return state


def served_from(name: str, encoder: Encoder) -> Served:
    return SERVED[name](encoder.hidden, {key: value.numpy() for key, value in encoder.state_dict().items()})


def test_an_lstm_step_by_hand_is_what_the_paper_says() -> None:
    encoder = LSTM(features=1, hidden=1, random=seeded())
    encoder.w_input.data = torch.tensor([[0.5, 0.0, 1.0, 0.0]])
    encoder.w_state.data = torch.tensor([[0.0, 0.0, 2.0, 0.0]])
    after = encoder.step(torch.tensor([[0.25, -1.0]]), encoder.project(torch.tensor([[2.0]])))
    i, f, g, o = 1 / (1 + math.exp(-1.0)), 1 / (1 + math.exp(-1.0)), math.tanh(2.0 + 0.5), 0.5
    c = f * -1.0 + i * g
    assert after.tolist()[0] == pytest.approx([o * math.tanh(c), c], abs=1e-6)


def test_the_lstm_agrees_with_torch() -> None:
    encoder, reference = LSTM(features=5, hidden=4, random=seeded()), nn.LSTMCell(5, 4)
    reference.weight_ih.data, reference.weight_hh.data = encoder.w_input.data.T, encoder.w_state.data.T
    reference.bias_ih.data, reference.bias_hh.data = encoder.bias.data, torch.zeros(16)
    z, h, c = torch.randn(7, 5), torch.randn(7, 4), torch.randn(7, 4)
    expected = torch.cat(reference(z, (h, c)), dim=1)
    assert torch.allclose(encoder.step(torch.cat((h, c), dim=1), encoder.project(z)), expected, atol=1e-6)


def test_the_gru_agrees_with_torch() -> None:
    encoder, reference = GRU(features=5, hidden=4, random=seeded()), nn.GRUCell(5, 4)
    reference.weight_ih.data, reference.weight_hh.data = encoder.w_input.data.T, encoder.w_state.data.T
    encoder.bias.data, encoder.reset_bias.data = torch.randn(12), torch.randn(4)
    reference.bias_ih.data = encoder.bias.data
    reference.bias_hh.data = torch.cat((torch.zeros(8), encoder.reset_bias.data))
    z, h = torch.randn(7, 5), torch.randn(7, 4)
    assert torch.allclose(encoder.step(h, encoder.project(z)), reference(z, h), atol=1e-6)


def test_the_plain_network_agrees_with_torch() -> None:
    encoder, reference = RNN(features=5, hidden=4, random=seeded()), nn.RNNCell(5, 4)
    reference.weight_ih.data, reference.weight_hh.data = encoder.w_input.data.T, encoder.w_state.data.T
    reference.bias_ih.data, reference.bias_hh.data = torch.randn(4), torch.zeros(4)
    encoder.bias.data = reference.bias_ih.data
    z, h = torch.randn(7, 5), torch.randn(7, 4)
    assert torch.allclose(encoder.step(h, encoder.project(z)), reference(z, h), atol=1e-6)


def test_an_lstm_begins_with_its_forget_gate_open() -> None:
    assert LSTM(features=5, hidden=4, random=seeded()).bias.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8


def test_an_unknown_encoder_is_refused_by_name() -> None:
    with pytest.raises(ConfigError) as refused:
        make("lsmt", features=5, hidden=4, random=seeded())
    assert str(refused.value) == "encoder is 'lsmt'; expected one of lstm, gru, rnn, attention"


def test_the_setting_offers_every_encoder_and_every_one_is_served() -> None:
    assert ModelSettings.__dataclass_fields__["encoder"].metadata["choices"] == tuple(ENCODERS) == tuple(SERVED)


@every_encoder
@pytest.mark.parametrize("hidden", [1, 6])
def test_what_is_served_is_told_by_name_and_shape(name: str, hidden: int) -> None:
    encoder = make(name, features=5, hidden=hidden, random=seeded())
    assert SERVED[name].shapes(5, hidden) == {key: (*value.shape,) for key, value in encoder.state_dict().items()}
    assert served_from(name, encoder).state_size == encoder.state_size


@every_encoder
def test_a_fold_in_pieces_is_the_fold_in_one_go(name: str) -> None:
    encoder, z = make(name, features=5, hidden=4, random=seeded()), windows(60)
    whole = folded(encoder, z)
    for cut in (0, 1, 26, 41, 60):
        assert torch.equal(folded(encoder, z[cut:], folded(encoder, z[:cut])), whole)


@every_encoder
def test_what_is_read_is_bounded_and_as_wide_as_promised(name: str) -> None:
    encoder = make(name, features=5, hidden=6, random=seeded())
    for many in (1, 5, 80):
        read = encoder.read(folded(encoder, 6.0 * windows(many))).detach()
        assert read.shape == (7, 6)
        assert float(read.abs().max()) <= 1.0


@every_encoder
def test_of_a_state_of_zeros_nothing_is_read(name: str) -> None:
    encoder = make(name, features=5, hidden=6, random=seeded())
    assert encoder.read(torch.zeros(7, encoder.state_size)).tolist() == [[0.0] * 6] * 7


@every_encoder
def test_the_order_of_windows_matters(name: str) -> None:
    encoder, z = make(name, features=5, hidden=4, random=seeded()), windows(6)
    swapped = z[[1, 0, 2, 3, 4, 5]]
    assert not torch.allclose(encoder.read(folded(encoder, z)), encoder.read(folded(encoder, swapped)), atol=1e-6)


@every_encoder
def test_weights_are_drawn_from_the_generator_alone(name: str) -> None:
    torch.manual_seed(5)
    one = make(name, features=5, hidden=4, random=seeded(3)).state_dict()
    torch.manual_seed(6)
    again = make(name, features=5, hidden=4, random=seeded(3)).state_dict()
    other = make(name, features=5, hidden=4, random=seeded(4)).state_dict()
    assert all(torch.equal(value, again[key]) for key, value in one.items())
    assert not torch.equal(one["w_input"], other["w_input"])


def test_attention_looks_back_over_its_reach_and_no_further() -> None:
    encoder = Attention(features=5, hidden=4, random=seeded())
    z = windows(40)
    z.requires_grad_()
    (gradient,) = torch.autograd.grad(encoder.read(folded(encoder, z)).sum(), z)
    touched = gradient.abs().sum(dim=(1, 2)) > 0
    assert touched.tolist() == [False] * (40 - REACH) + [True] * REACH


def test_attention_gives_no_weight_to_windows_that_were_not() -> None:
    encoder, z = Attention(features=5, hidden=4, random=seeded()), windows(3)
    seen = encoder.project(z)[..., :2].detach()  # (3, N, D)
    # Softmax over three windows, by hand: what the other places would say must not count.
    query = (seen[2] @ encoder.w_query).reshape(-1, 2, 2)
    logits = torch.einsum("nhd,wnd->nhw", query, seen) / math.sqrt(2.0) + encoder.lag_bias[:, -3:]
    found = torch.einsum("nhw,wnd->nhd", torch.softmax(logits, dim=2), seen).flatten(1)
    expected = torch.tanh(found @ encoder.w_read + seen[2] @ encoder.w_newest)
    assert torch.allclose(encoder.read(folded(encoder, z)), expected, atol=1e-6)


@every_encoder
def test_every_encoder_learns_to_remember_a_purchase_of_eight_windows_ago(name: str) -> None:
    encoder = make(name, features=3, hidden=16, random=seeded(2))
    weights = [*encoder.parameters(), torch.zeros(16, 1, requires_grad=True)]
    adam = torch.optim.Adam(weights, lr=0.01)
    random = seeded(7)

    def loss() -> Tensor:
        bought = torch.from_numpy(random.integers(0, 2, 128).astype(np.float32))
        z = torch.from_numpy(random.normal(0.0, 0.3, (9, 128, 3)).astype(np.float32))
        z[:, :, 0] = 0.0  # nothing in between says it again
        z[0, :, 0] = 2.0 * bought - 1.0
        logit = (encoder.read(folded(encoder, z)) @ weights[-1])[:, 0]
        return nn.functional.binary_cross_entropy_with_logits(logit, bought)

    assert loss().item() == pytest.approx(math.log(2.0), abs=1e-6)  # a coin
    for _ in range(150):
        gradients = torch.autograd.grad(loss(), weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        adam.step()
    assert loss().item() < 0.1


@every_encoder
@pytest.mark.parametrize("hidden", [4, 64])
def test_what_is_served_is_what_was_learnt(name: str, hidden: int) -> None:
    encoder, z = make(name, features=5, hidden=hidden, random=seeded()), windows(20, rows=70)
    for weight in encoder.parameters():  # biases, too
        weight.data += torch.from_numpy(seeded(2).normal(0.0, 0.1, weight.shape).astype(np.float32))
    state, served = np.zeros((70, encoder.state_size), np.float32), served_from(name, encoder)
    served.fold(state, z.reshape(-1, 5).numpy(), np.full(20, 70))
    with torch.inference_mode():
        expected = folded(encoder, z)
        assert state == pytest.approx(expected.numpy(), abs=3e-6)
        assert served.read(state) == pytest.approx(encoder.read(expected).numpy(), abs=3e-6)


@every_encoder
def test_each_state_is_given_its_own_windows_whoever_joins_when(name: str) -> None:
    encoder = make(name, features=5, hidden=6, random=seeded())
    served, z = served_from(name, encoder), windows(3).numpy()
    joined = np.array([2, 2, 7])
    start = seeded(5).uniform(-1.0, 1.0, (7, encoder.state_size)).astype(np.float32)
    state = start.copy()
    served.fold(state, np.concatenate([window[:rows] for window, rows in zip(z, joined, strict=True)]), joined)
    for row in range(7):
        alone = start[row : row + 1].copy()
        for window in z[joined > row]:
            served.fold(alone, window[row : row + 1].copy(), np.array([1]))
        assert state[row].tobytes() == alone[0].tobytes()
        assert served.read(state)[row].tobytes() == served.read(alone)[0].tobytes()
