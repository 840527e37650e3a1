"""The network against sums that must be one, and against finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from streamseg.errors import ConfigError
from streamseg.model.encoders import ENCODERS
from streamseg.model.network import LOG_RATE, Forecast, Network, log_likelihood, log_mean, log_none


def a_network(encoder: str = "lstm", *, features: int = 5, hidden: int = 4, seed: int = 1) -> Network:
    return Network(features, 3, encoder=encoder, hidden=hidden, seed=seed)


def a_forecast(*, rate: float = 0.02, decay: float = 0.01, shape: float = 1.5, zero: float = -2.0) -> Forecast:
    values = (math.log(rate), math.log(decay), math.log(shape), zero, 3.0, -1.0)
    one, two, three, four, five, six = (torch.tensor([value], dtype=torch.float64) for value in values)
    return Forecast(one, two, three, four, five, six, torch.zeros(1, 3))


def test_an_unknown_encoder_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"^encoder is 'lsmt'; expected one of lstm, gru, rnn, attention$"):
        a_network("lsmt")


def test_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(5)
    one = a_network(seed=3).w_head
    torch.manual_seed(6)
    assert torch.equal(one, a_network(seed=3).w_head)
    assert not torch.equal(one, a_network(seed=4).w_head)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_gradients_of_two_steps_and_a_forecast_are_those_of_finite_differences(encoder: str) -> None:
    network = a_network(encoder, features=2, hidden=2).double()

    x = torch.randn(3, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    weights = (*network.encoder.parameters(), network.w_skip)

    def likelihood(x: Tensor, *_: Tensor) -> Tensor:  # the weights are nudged where they stand
        state = torch.zeros(3, network.state_size, dtype=torch.float64)
        for z in x[:2]:
            state = network.step(state, network.project(z))
        forecast = network.forecast(state, x[2])
        return log_likelihood(forecast, log_mean(forecast, torch.tensor(28.0)), torch.tensor([0.0, 1.0, 5.0]))

    assert torch.autograd.gradcheck(likelihood, (x, *weights))


def test_mean_and_p_none_are_the_closed_forms() -> None:
    forecast = a_forecast(rate=0.05, decay=0.02, shape=2.0, zero=math.log(0.25 / 0.75))
    log_m = log_mean(forecast, torch.tensor(90.0))
    m = 0.05 * (1 - math.exp(-1.8)) / 0.02
    assert float(log_m.exp()) == pytest.approx(m)
    assert float(log_none(forecast, log_m).exp()) == pytest.approx(0.25 + 0.75 * (2 / (2 + m)) ** 2)


forecasts = st.builds(
    a_forecast,
    rate=st.floats(1e-5, 1.0),
    decay=st.floats(1e-5, 0.05),
    shape=st.floats(0.1, 30.0),
    zero=st.floats(-8.0, 3.0),
)


@settings(max_examples=40, deadline=None)
@given(forecast=forecasts, days=st.floats(1.0, 300.0), more=st.floats(1.0, 300.0))
def test_a_longer_horizon_means_more_outcomes_and_less_often_none(forecast: Forecast, days: float, more: float) -> None:
    near, far = (log_mean(forecast, torch.tensor(span, dtype=torch.float64)) for span in (days, days + more))
    # In exact numbers strictly; a rate that has faded to nothing stands still in floats.
    assert float(far) >= float(near)
    assert float(log_none(forecast, far)) <= float(log_none(forecast, near)) < 0.0


@settings(max_examples=40, deadline=None)
@given(forecast=forecasts)
def test_the_probabilities_of_all_counts_add_up_to_one(forecast: Forecast) -> None:
    log_m = log_mean(forecast, torch.tensor(20.0))
    counts = torch.arange(4000, dtype=torch.float64)
    wide = Forecast(*(value[:, None] if value.dim() == 1 else value for value in forecast))
    assert float(log_likelihood(wide, log_m[:, None], counts).exp().sum()) == pytest.approx(1.0, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100), scale=st.sampled_from([1.0, 1e3, 1e30]))
def test_no_input_however_absurd_makes_a_forecast_that_is_not_finite(seed: int, scale: float) -> None:
    network = a_network(seed=seed)
    network.std.fill_(0.5)
    x = np.random.default_rng(seed).normal(0.0, scale, (9, 5)).astype(np.float32)
    with torch.no_grad():
        forecast = network.forecast(torch.zeros(9, 8), network.standardise(torch.from_numpy(x)))
        log_m = log_mean(forecast, torch.tensor(90.0))
        assert torch.isfinite(torch.stack((*forecast[:6], log_m, log_none(forecast, log_m)))).all()
        assert (forecast.log_rate >= LOG_RATE[0]).all()
        assert (forecast.log_rate <= LOG_RATE[1]).all()


def test_an_untrained_network_forecasts_the_average_customer() -> None:
    network = a_network()
    network.w_out.data.zero_()
    network.start_at(rate=0.03, type_counts=torch.tensor([8.0, 1.0, 0.0]))
    with torch.no_grad():
        forecast = network.forecast(torch.zeros(1, 8), torch.zeros(1, 5))
    assert float(forecast.log_rate.exp()) == pytest.approx(0.03, rel=1e-4)
    assert torch.softmax(forecast.type_logits, dim=1).tolist()[0] == pytest.approx([9 / 12, 2 / 12, 1 / 12])
