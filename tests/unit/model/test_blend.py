"""Members of a model count as they should: networks alike, a classical model by its share, and for buyers only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from streamseg.core.features import COLUMN, FEATURES
from streamseg.core.scores import Float32Array, Float64Array
from streamseg.model.blend import Blend, Outlook, expected, mix
from streamseg.model.classical.members import discount
from streamseg.model.classical.past import past_from_features
from streamseg.model.forecaster import DISCOUNT_PER_DAY
from streamseg.model.network import Network
from tests.unit.model.scorers import BLENDS, PARETO, SPEND, a_blend, some_rows

AVERAGE = np.zeros(len(FEATURES), np.float32)
MANY = 512


def many_rows(blend: Blend) -> tuple[Float32Array, Float32Array]:
    """Their states and features."""
    return some_rows(MANY, blend.state_size)


def columns(outlook: Outlook) -> Float64Array:
    return np.column_stack(outlook)


def ask(blend: Blend, state: Float32Array, x: Float32Array) -> Float64Array:
    return columns(blend.expect(state, x, 90.0))


def test_networks_count_alike() -> None:
    blend = replace(BLENDS["every"], spend=None)
    (state, x), alone, start = many_rows(blend), [], 0
    for network in blend.networks:
        stop = start + network.state_size
        one = Blend((network,), None, 0.0, AVERAGE)
        alone.append(ask(one, state[:, start:stop], x))
        start = stop
    assert start == blend.state_size
    assert ask(blend, state, x) == pytest.approx(np.mean(alone, axis=0), rel=1e-12)


def test_each_network_folds_its_own_part_of_the_state() -> None:
    blend = BLENDS["every"]
    state, x = many_rows(blend)
    windows = np.array([MANY])
    found, start = blend.advance(state, x, windows), 0
    for network in blend.networks:
        stop = start + network.state_size
        own = Blend((network,), None, 0.0, AVERAGE).advance(state[:, start:stop], x, windows)
        assert np.array_equal(found[:, start:stop], own)
        start = stop


def test_the_classical_model_has_its_share_in_those_who_bought_and_none_in_the_others() -> None:
    blend = BLENDS["shared"]
    state, x = many_rows(blend)
    networks = ask(Blend(blend.networks, None, 0.0, AVERAGE, SPEND), state, x)
    classical = ask(Blend((), PARETO, 1.0, AVERAGE), state[:, :0], x)
    found = ask(blend, state, x)
    never = x[:, COLUMN["never_outcome"]] > 0.5
    assert 100 < never.sum() < 300
    assert np.array_equal(found[never], networks[never])
    # Of P(none) and days, and of nothing else: the networks alone say on how many days something is spent.
    share = np.array([0.25, 0.25, 0.0, 0.0])
    assert found[~never] == pytest.approx((1.0 - share) * networks[~never] + share * classical[~never], rel=1e-12)
    assert np.array_equal(found[:, 2:], networks[:, 2:])
    assert (np.abs(found - networks)[~never].max(axis=1) > 0).all()


def test_what_a_buyer_spends_is_the_networks_days_at_the_days_spend_and_a_stranger_is_the_networks_own() -> None:
    blend = BLENDS["shared"]
    state, x = many_rows(blend)
    alone = ask(Blend(blend.networks, None, 0.0, AVERAGE), state, x)
    priced = ask(Blend(blend.networks, None, 0.0, AVERAGE, SPEND), state, x)
    past = past_from_features(x)
    assert np.array_equal(priced[:, :2], alone[:, :2])
    assert np.array_equal(priced[~past.ever], alone[~past.ever])
    value = alone[:, 1] * SPEND.expect(past.spend_days, past.mean_spend) * discount(90.0)
    assert priced[past.ever, 2] == pytest.approx(value[past.ever], rel=1e-12)
    # The interval keeps its relative width.
    assert priced[:, 3] / priced[:, 2] ** 2 == pytest.approx(alone[:, 3] / alone[:, 2] ** 2, rel=1e-9)


@pytest.mark.parametrize("name", ["one", "alike", "every", "shared"])
def test_the_next_type_is_the_mean_of_what_each_network_says(name: str) -> None:
    blend = BLENDS[name]
    (state, x), start, said = many_rows(blend), 0, []
    found = blend.next_types(state, x)
    with torch.inference_mode():
        for network in map(Network.of, blend.networks):
            stop = start + network.state_size
            z = network.standardise(torch.from_numpy(x))
            logits = network.forecast(torch.from_numpy(state[:, start:stop]), z).type_logits
            said.append(torch.softmax(logits.double(), dim=1).numpy())
            start = stop
    assert found == pytest.approx(np.mean(said, axis=0), abs=1e-5)
    assert found.sum(axis=1) == pytest.approx(np.ones(MANY))


def test_a_classical_model_is_not_asked_what_comes_next() -> None:
    with pytest.raises(ValueError, match="has no network") as refused:
        BLENDS["classical"].next_types(*many_rows(BLENDS["classical"]))
    assert str(refused.value) == (
        "pareto_nbd has no network, and classical models know of no types; train with networks"
    )


def test_without_networks_there_is_no_state_and_the_classical_model_speaks_for_all() -> None:
    blend = BLENDS["classical"]
    assert blend.state_size == 0
    state, x = many_rows(blend)
    assert blend.advance(state, x, np.array([MANY])).shape == (MANY, 0)
    assert np.isfinite(ask(blend, state, x)).all()


def test_a_blend_is_named_after_its_encoders_and_its_classical_model() -> None:
    names = {name: blend.name for name, blend in BLENDS.items()}
    assert names == {
        "one": "lstm",
        "alike": "lstm",
        "every": "attention+gru+lstm+rnn",
        "shared": "attention+gru+pareto_nbd",
        "classical": "pareto_nbd",
    }


@pytest.mark.parametrize(
    ("networks", "classical", "share", "told"),
    [
        (1, True, 1.5, "1 networks and a classical model has the share 1.5"),
        (1, True, -0.1, "1 networks and a classical model has the share -0.1"),
        (1, True, float("nan"), "1 networks and a classical model has the share nan"),
        (1, False, 0.25, "1 networks and no classical model has the share 0.25"),
        (0, True, 0.5, "0 networks and a classical model has the share 0.5"),
        (0, False, 0.0, "0 networks and no classical model has the share 0.0"),
        (0, False, 1.0, "0 networks and no classical model has the share 1.0"),
    ],
)
def test_a_share_that_does_not_fit_the_members_is_refused(
    networks: int, classical: bool, share: float, told: str
) -> None:
    members = a_blend(*["lstm"] * networks, share=1.0).networks
    with pytest.raises(ValueError, match="a blend of") as refused:
        Blend(members, PARETO if classical else None, share, AVERAGE)
    assert str(refused.value) == (
        f"a blend of {told}; expected 0 to 1, 1 without networks and 0 without a classical model"
    )


def test_mixing_weighs_each_row_by_its_own_share_and_leaves_the_money_as_it_is() -> None:
    values = ((0.2, 1.0, 10.0, 200.0), (0.6, 3.0, 20.0, 800.0))
    one, other = (Outlook(*(np.full(3, value) for value in some)) for some in values)
    found = columns(mix(one, other[:2], np.array([0.0, 0.25, 1.0])))
    assert found == pytest.approx(np.array([[0.2, 1, 10, 200], [0.3, 1.5, 10, 200], [0.6, 3, 10, 200]]))


@pytest.mark.parametrize(
    ("rate", "decay", "shape", "zero", "mu", "sigma"),
    [(0.05, 0.01, 1.5, 0.1, 3.0, 0.6), (0.01, 1e-4, 0.3, 0.3, 2.0, 1.0), (0.3, 0.03, 20.0, 0.02, 4.0, 0.1)],
)
def test_the_outlook_is_the_mean_over_futures_drawn_one_by_one(
    rate: float, decay: float, shape: float, zero: float, mu: float, sigma: float
) -> None:
    horizon, n, random = 90.0, 400_000, np.random.default_rng(0)
    told = (np.log(rate), np.log(decay), np.log(shape), np.log(zero / (1.0 - zero)), mu, np.log(sigma))
    found = columns(expected(np.array(told)[:, None], horizon))[0]
    m = rate * -np.expm1(-decay * horizon) / decay
    count = random.poisson(m * random.gamma(shape, 1.0 / shape, n) * (random.random(n) >= zero))
    spend = np.zeros(n)
    for turn in range(int(count.max())):
        here = count > turn
        spend[here] += np.exp(random.normal(mu, sigma, int(here.sum())))
    # What an outcome loses by its distance, on average over the fading rate.
    days = np.linspace(0.0, horizon, 20_001)
    weight = np.exp(-decay * days)
    spend *= np.average(np.exp(-DISCOUNT_PER_DAY * days), weights=weight)
    drawn = [float(np.mean(count == 0)), float(count.mean()), float(spend.mean()), float(np.mean(spend**2))]
    assert found[:3] == pytest.approx(drawn[:3], rel=0.02, abs=2e-3)
    assert found[3] == pytest.approx(drawn[3], rel=0.06)
