"""Who competes in a backtest: the classical models, the encoder, and the same encoder on outcomes alone."""

from __future__ import annotations

import numpy as np
import pytest

from streamseg.backtest.learning import Learnt, OutcomesOnly, learn
from streamseg.core.spec import CoreSpec
from streamseg.model.classical.members import FITS
from streamseg.model.forecaster import Forecasts
from streamseg.model.history import History, collect
from streamseg.model.plan import TrainingPlan
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.vocabulary import TYPES
from tests.unit.model.simulated import DAY_MS, START_MS, a_batch, some_shoppers

CUTOFF_MS = START_MS + 120 * DAY_MS
PLAN = TrainingPlan(horizon_days=28.0, hidden=4, epochs=1, max_steps=200)
SPEC = CoreSpec()


def everything() -> TouchpointBatch:
    (batch,) = some_shoppers(150, 120)
    return batch


def purchases(of: TouchpointBatch) -> TouchpointBatch:
    """As if the shop had never recorded anything else."""
    kept = np.flatnonzero(of.type_code == TYPES.index("purchase"))
    columns = zip(of.event_ms[kept].tolist(), (of.amount_micro[kept] / 1e6).tolist(), strict=True)
    return a_batch(
        [(of.customer_id[row].decode(), "purchase", *one) for row, one in zip(kept.tolist(), columns, strict=True)]
    )


def learnt(history: History) -> Learnt:
    return learn(history, PLAN, cutoff_ms=CUTOFF_MS, progress=lambda stage, share: None)


@pytest.fixture(scope="module")
def whole() -> tuple[History, Learnt]:
    history = collect([everything()], SPEC)
    return history, learnt(history)


def asked(contender: str, found: tuple[History, Learnt], ids: list[bytes]) -> Forecasts:
    history, learnt = found
    customer = np.array([history.customer_ids.index(one) for one in ids])
    instants = history.at(customer, np.full(len(customer), CUTOFF_MS))
    return learnt.contenders[contender].forecast(history, instants, 28.0)


def test_the_encoder_competes_with_and_without_what_is_no_outcome(whole: tuple[History, Learnt]) -> None:
    _, found = whole
    assert {*FITS, "lstm", "lstm:outcomes_only"} <= set(found.contenders)
    assert found.served in found.contenders
    assert not found.served.endswith(":outcomes_only")
    assert found.reasons


def test_a_classical_model_that_serves_is_not_asked_what_comes_next(whole: tuple[History, Learnt]) -> None:
    _, found = whole
    assert found.served in FITS, "too few shoppers here for a network to be sure of"
    assert found.next_types is None


def test_on_outcomes_alone_it_learns_and_says_what_it_would_if_there_were_nothing_else(
    whole: tuple[History, Learnt],
) -> None:
    history = collect([purchases(everything())], SPEC)
    bare = history, learnt(history)
    assert "lstm:outcomes_only" not in bare[1].contenders
    ids = history.customer_ids[::3]
    alone, reference, all_of_it = (
        asked("lstm:outcomes_only", whole, ids),
        asked("lstm", bare, ids),
        asked("lstm", whole, ids),
    )
    for column in ("none", "count", "value"):
        assert np.array_equal(getattr(alone, column), getattr(reference, column))
        assert not np.allclose(getattr(alone, column), getattr(all_of_it, column), rtol=1e-3)


def test_each_customer_is_asked_about_by_its_own_number(whole: tuple[History, Learnt]) -> None:
    history, found = whole
    contender = found.contenders["lstm:outcomes_only"]
    assert isinstance(contender, OutcomesOnly)
    numbered = {history.customer_ids[one]: number for one, number in enumerate(contender.number.tolist())}
    bought = set(purchases(everything()).customer_id)
    assert {one for one, number in numbered.items() if number >= 0} == bought
    assert all(contender.narrow.customer_ids[numbered[one]] == one for one in bought)
