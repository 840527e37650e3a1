"""Labels by hand, an optimiser that is torch's, and weights that depend on the seed and the data alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from streamseg.core.features import FEATURES
from streamseg.core.scores import Float64Array
from streamseg.core.spec import CoreSpec
from streamseg.errors import ConfigError
from streamseg.model.blend import Blend
from streamseg.model.calibrate import Calibration
from streamseg.model.fit import fit, label
from streamseg.model.folds import Folds
from streamseg.model.history import History, collect
from streamseg.model.influence import share_limit
from streamseg.model.network import Network
from streamseg.model.optimise import OneCycleAdamW, one_cycle
from streamseg.model.plan import horizon_grid
from streamseg.model.replay import replay_scores
from streamseg.model.scorer import unfinished
from streamseg.model.serving.network import ServedNetwork
from streamseg.wire.vocabulary import TYPE_CODES
from tests.unit.model.simulated import DAY_MS, START_MS, a_batch, some_shoppers


def fitted(
    history: History,
    *,
    seed: int = 0,
    until_ms: int | None = None,
    epochs: int = 2,
    max_steps: int = 60,
    warm: ServedNetwork | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Network:
    return fit(
        history,
        until_ms=until_ms or history.end_ms,
        horizon_days=28.0,
        encoder="lstm",
        hidden=4,
        epochs=epochs,
        max_steps=max_steps,
        seed=seed,
        warm=warm,
        progress=progress,
    )


def test_horizons_double_up_to_the_churn_horizon_which_is_always_one() -> None:
    assert horizon_grid(90, 7) == (7, 14, 28, 56, 90)
    assert horizon_grid(56, 7) == (7, 14, 28, 56)
    assert horizon_grid(5, 7) == (5,)


def test_labels_are_what_came_after_the_instant_and_by_the_end_of_what_may_be_known() -> None:
    days = (0.0, 1.0, 9.0, 15.0, 15.5, 20.0)
    kinds = ("view", "view", "view", "purchase", "purchase", "view")
    rows = [("a", kind, START_MS + int(day * DAY_MS), 30.0) for day, kind in zip(days, kinds, strict=True)]
    history = collect([a_batch([*rows, ("b", "view", START_MS + 30 * DAY_MS, 0.0)])], CoreSpec())
    at_day_9 = history.instants.take(history.instants.instant_ms == START_MS + 9 * DAY_MS)
    found = label(history, at_day_9, (7.0, 14.0), START_MS + 18 * DAY_MS)
    assert found.count.tolist() == [[1.0, 0.0]]  # days, not purchases; the second horizon ends too late to be known
    assert found.known.tolist() == [[1.0, 0.0]]
    assert float(found.log_spend[0]) == pytest.approx(math.log(60.0))
    assert found.next_type.tolist() == [TYPE_CODES["purchase"]]
    later = label(history, at_day_9, (7.0, 14.0), START_MS + 10 * DAY_MS)
    assert later.known.tolist() == [[0.0, 0.0]]
    assert later.next_type.tolist() == [-1]


def test_weights_see_nothing_after_the_origin() -> None:
    (batch,) = some_shoppers(40, 150)
    origin_ms = START_MS + 100 * DAY_MS
    rows = [
        (batch.customer_id[i].decode(), "purchase", int(batch.event_ms[i]), batch.amount_micro[i] / 1e6)
        for i in range(len(batch))
    ]
    # Later another world begins: everybody spends a thousandfold.
    other = [(who, kind, ms, amount * (1000.0 if ms > origin_ms else 1.0)) for who, kind, ms, amount in rows]
    one, two = (fitted(collect([a_batch(some)], CoreSpec()), until_ms=origin_ms) for some in (rows, other))
    assert _same_weights(one, two)


def test_training_twice_gives_the_same_weights_whatever_torchs_seed() -> None:
    history = collect(some_shoppers(40, 150), CoreSpec())
    torch.manual_seed(1)
    one = fitted(history)
    torch.manual_seed(2)
    assert _same_weights(one, fitted(history))
    assert not _same_weights(one, fitted(history, seed=1))


def _same_weights(one: Network, two: Network) -> bool:
    return all(torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items())


@pytest.mark.parametrize(("max_passes", "passes"), [(9.0, 3), (2.5, 2), (0.1, 1)])
def test_a_history_too_large_for_all_the_passes_is_passed_fewer_times_but_at_least_once(
    max_passes: float, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamseg.model.fit.LEAST_STEPS", 1)
    history = collect(some_shoppers(150, 100), CoreSpec())
    told: list[float] = []
    fitted(history, epochs=3, max_steps=int(max_passes * steps_of(history)), progress=told.append)
    assert told == [share / passes for share in range(passes + 1)]


def test_a_small_history_is_passed_more_often_until_the_weights_have_moved_far_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history = collect(some_shoppers(60, 100), CoreSpec())
    monkeypatch.setattr("streamseg.model.fit.LEAST_STEPS", 5 * steps_of(history))
    for max_steps, passes in ((10_000, 5), (4 * steps_of(history), 4)):
        told: list[float] = []
        fitted(history, epochs=2, max_steps=max_steps, progress=told.append)
        assert told == [share / passes for share in range(passes + 1)]


def steps_of(history: History) -> int:
    """Of the optimiser, in one pass."""
    fitting = history.instants.take(history.instants.instant_ms + 7 * DAY_MS <= history.end_ms)
    return Folds(history, fitting).count_steps()


def test_a_warm_start_goes_on_from_the_given_weights_and_scales_and_leaves_them_as_they_are() -> None:
    history = collect(some_shoppers(150, 100), CoreSpec())
    before = fitted(history, max_steps=300)
    served, kept = before.served(), before.state_dict()
    one_pass = steps_of(history)
    warm, cold = (fitted(history, max_steps=one_pass, seed=1, warm=start) for start in (served, None))
    assert all(np.array_equal(value, before.served().tensors[name]) for name, value in served.tensors.items())
    for scale in ("mean", "std", "least", "most", "spend_level", "spend_scale"):
        assert torch.equal(warm.state_dict()[scale], kept[scale]), scale
    assert not _same_weights(warm, before)
    assert _distance(warm, before) < 0.2 * _distance(cold, before)


def test_nobody_carries_more_of_the_training_weight_than_the_limit() -> None:
    (batch,) = some_shoppers(60, 70)
    late_ms = 194 * 7 * DAY_MS
    rows = [(f"late{i % 60}", "view", int(ms) + late_ms, 0.0) for i, ms in enumerate(batch.event_ms)]
    rows += [("bot", "purchase", START_MS + day * DAY_MS, 10.0) for day in range(204 * 7)]
    history = collect([a_batch(sorted(rows, key=lambda row: row[2]))], CoreSpec())
    labels = label(history, history.instants, (7.0, 14.0), history.end_ms)
    weight = np.bincount(history.instants.customer, weights=labels.weight.numpy())
    uncapped = np.bincount(history.instants.customer, weights=history.instants.weight)
    bot = history.customer_ids.index(b"bot")
    assert uncapped[bot] / uncapped.sum() > 1.5 * share_limit(history.customers)
    assert weight[bot] / weight.sum() == pytest.approx(share_limit(history.customers), rel=1e-4)
    assert weight.argmax() == bot


def test_one_customer_with_most_of_the_touchpoints_hardly_moves_the_fit() -> None:
    (batch,) = some_shoppers(150, 150)
    honest = [
        (batch.customer_id[i].decode(), "purchase" if batch.amount_micro[i] else "view", int(batch.event_ms[i]), 10.0)
        for i in range(len(batch))
    ]
    # Eighty times a day, every day, and a purchase each time: more than all others do together.
    bot = [("bot", "purchase", START_MS + turn * DAY_MS // 80, 10.0) for turn in range(80 * 150)]
    assert len(bot) > 2 * len(honest)
    rows = [sorted(honest + more, key=lambda row: row[2]) for more in ([], bot)]
    plain, with_bot = (collect([a_batch(some)], CoreSpec()) for some in rows)
    before, after = (_buys(plain, fitted(one, max_steps=200)) for one in (plain, with_bot))
    assert abs(after.mean() - before.mean()) < 0.02
    assert np.abs(after - before).mean() < 0.05  # another seed moves it by .02


def _buys(history: History, network: Network) -> Float64Array:
    blend = Blend((network.served(),), None, 0.0, np.zeros(len(FEATURES), np.float32))
    return 1.0 - replay_scores(unfinished(blend, Calibration(28.0)), history, history.instants).none


def _distance(one: Network, two: Network) -> float:
    pairs = zip(one.parameters(), two.parameters(), strict=True)
    return math.sqrt(sum(float((a - b).detach().square().sum()) for a, b in pairs))


def test_a_history_without_instants_is_refused() -> None:
    history = collect(some_shoppers(5, 10), CoreSpec())
    with pytest.raises(ConfigError) as refused:
        fitted(history)
    assert str(refused.value) == (
        "nothing to train on: no instant has 7 days of outcomes after it; give a longer history"
    )


def test_folds_are_no_longer_than_two_blocks_and_gradients_stop_at_the_cut() -> None:
    history = collect(some_shoppers(10, 900), CoreSpec())
    network = Network(len(FEATURES), 25, encoder="lstm", hidden=4)
    folds = Folds(history, history.instants)
    batch = np.arange(len(folds.starts))
    chunks = folds.chunks(batch, 13)
    assert chunks[-1].end <= 52
    assert sum(len(chunk.instants) for chunk in chunks) == len(history.instants)
    states, after = folds.unroll(network, batch, chunks[0], None)
    assert states.requires_grad
    assert not after.requires_grad
    carried, _ = folds.unroll(network, batch, chunks[1], after)
    assert torch.equal(carried[0], after)


def test_the_optimiser_is_adamw_with_clipped_gradients() -> None:
    random = np.random.default_rng(0)
    start = torch.from_numpy(random.normal(size=(3, 2)))
    ours, theirs = start.clone().requires_grad_(), start.clone().requires_grad_()
    optimiser = OneCycleAdamW([ours], rate=0.1, weight_decay=0.2, clip_norm=1.0, steps=20)
    first, second = torch.zeros_like(start), torch.zeros_like(start)
    for taken in range(20):
        target = torch.from_numpy(random.normal(size=(3, 2)))
        ours.grad = torch.autograd.grad(4.0 * (ours - target).square().sum(), ours)[0]
        optimiser.step()
        # Loshchilov & Hutter 2019, algorithm 2, line by line.
        (gradient,) = torch.autograd.grad(4.0 * (theirs - target).square().sum(), theirs)
        theirs, first, second = _adamw(theirs, gradient, first, second, taken + 1, 0.1 * one_cycle(taken / 20))
    assert torch.allclose(ours, theirs, atol=1e-9)
    assert ours.grad is None


def _adamw(theta: Tensor, gradient: Tensor, m: Tensor, v: Tensor, t: int, rate: float) -> tuple[Tensor, Tensor, Tensor]:
    gradient = gradient * min(1.0, 1.0 / (float(gradient.norm()) + 1e-6))
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    moved = (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
    return (theta - rate * (moved + 0.2 * theta)).detach().requires_grad_(), m, v


def test_a_gradient_of_a_million_moves_no_further_than_one_of_one() -> None:
    weights = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    for weight, size in zip(weights, (1.0, 1e6), strict=True):
        optimiser = OneCycleAdamW([weight], rate=0.1, weight_decay=0.0, clip_norm=1.0, steps=5)
        weight.grad = torch.full((1,), size)
        optimiser.step()
    assert weights[0].tolist() == pytest.approx(weights[1].tolist(), rel=1e-4)
