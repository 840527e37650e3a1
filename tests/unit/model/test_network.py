"""The network against sums that must be one, and against finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from streamseg.core.features import COLUMN, FEATURES
from streamseg.errors import ConfigError
from streamseg.model.blueprint import AGE, CLIP, LOG_RATE, TOTALS
from streamseg.model.encoders import ENCODERS
from streamseg.model.network import Forecast, Network, log_likelihood, log_mean, log_none, relative


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
    network = a_network(features=len(FEATURES), seed=seed)
    network.std.fill_(0.5)
    x = np.random.default_rng(seed).normal(0.0, scale, (9, len(FEATURES))).astype(np.float32)
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


def some_lives(n: int, *, oldest_days: float, seed: int = 0) -> Tensor:
    """(N, F) rows of customers up to an age, with totals that grow at a rate of their own."""
    random = np.random.default_rng(seed)
    x = random.uniform(0.0, 1.0, (n, len(FEATURES)))
    age_days = random.uniform(30.0, oldest_days, n)
    age_days[0] = oldest_days
    x[:, AGE] = np.log1p(age_days)
    x[:, list(TOTALS)] = np.log1p(age_days[:, None] * random.uniform(0.01, 1.0, (n, len(TOTALS))))
    return torch.from_numpy(x.astype(np.float32))


@settings(max_examples=40, deadline=None)
@given(years=st.floats(1.0, 30.0), seed=st.integers(0, 50))
def test_a_customer_older_than_all_of_training_is_read_as_the_oldest_seen(years: float, seed: int) -> None:
    network = a_network(features=len(FEATURES))
    network.scale_by(some_lives(200, oldest_days=365.0, seed=seed))
    old = some_lives(5, oldest_days=365.0, seed=seed + 1000)
    old[:, AGE] = math.log1p(365.0)
    older = old.clone()
    older[:, AGE] = math.log1p(365.0 * years)
    # Totals that go on at the same pace are the same rates.
    growth = (365.0 * years + 30.0) / 395.0
    older[:, list(TOTALS)] = torch.log1p(torch.expm1(old[:, list(TOTALS)]) * growth)
    assert torch.allclose(network.standardise(older), network.standardise(old), atol=2e-5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 50), scale=st.sampled_from([1.0, 10.0, 1e6]))
def test_no_input_reads_beyond_what_training_saw(seed: int, scale: float) -> None:
    network, seen = a_network(features=len(FEATURES)), some_lives(50, oldest_days=365.0)
    network.scale_by(seen)
    z = network.standardise(seen)
    x = np.random.default_rng(seed).normal(0.0, scale, (9, len(FEATURES))).astype(np.float32)
    found = network.standardise(torch.from_numpy(x))
    assert (found >= torch.clamp(z.amin(dim=0), max=0.0) - 1e-5).all()
    assert (found <= torch.clamp(z.amax(dim=0), min=0.0) + 1e-5).all()
    assert (found.abs() <= CLIP).all()


def test_totals_are_read_as_rates_and_all_else_as_it_is() -> None:
    x = torch.zeros(1, len(FEATURES))
    x[0, AGE] = math.log1p(270.0)
    x[0, COLUMN["spend"]] = math.log1p(500.0)
    x[0, COLUMN["window_spend"]] = math.log1p(40.0)
    found = relative(x)
    assert float(found[0, COLUMN["spend"]]) == pytest.approx(math.log1p(500.0 * 30.0 / 300.0))
    kept = [column for column in range(len(FEATURES)) if column not in TOTALS]
    assert torch.equal(found[:, kept], x[:, kept])
