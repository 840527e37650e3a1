"""Classical models as forecasters: fitted on what was known, asked about anybody, money included."""

from __future__ import annotations

import numpy as np
import pytest

from streamseg.core.spec import CoreSpec
from streamseg.model.classical import members
from streamseg.model.classical.past import past_of
from streamseg.model.forecaster import Forecaster
from streamseg.model.history import History, collect
from tests.unit.model.classical.pasts import cut_off
from tests.unit.model.simulated import DAY_MS, START_MS, some_shoppers

CUT_MS = START_MS + 200 * DAY_MS
HORIZON = 60.0


@pytest.fixture(scope="module")
def history() -> History:
    return collect(some_shoppers(150, 300), CoreSpec())


@pytest.mark.parametrize("name", members.FITS)
def test_every_classical_model_answers_for_every_instant(history: History, name: str) -> None:
    model: Forecaster = members.fit(name, history, until_ms=CUT_MS)
    assert model.name == name
    found = model.forecast(history, history.instants, HORIZON)
    assert len(found.none) == len(history.instants)
    assert np.all((found.none > 0.0) & (found.none < 1.0))
    assert np.all((found.count > 0.0) & np.isfinite(found.count))
    assert np.all((found.value > 0.0) & np.isfinite(found.value))


@pytest.mark.parametrize("name", members.FITS)
def test_what_comes_after_the_cut_off_changes_no_fit(history: History, name: str) -> None:
    known = collect([cut_off(some_shoppers(150, 300)[0], CUT_MS)], CoreSpec())
    assert members.fit(name, history, until_ms=CUT_MS) == members.fit(name, known, until_ms=CUT_MS)


def test_value_is_days_times_the_customers_shrunk_spend_at_a_discount(history: History) -> None:
    model = members.fit("past_rate", history, until_ms=CUT_MS)
    past = past_of(history, np.arange(150), np.full(150, CUT_MS))
    found = model.expect(past, 365.25)
    mean = model.spend.mean(past.spend_days, past.mean_spend)
    assert found.value == pytest.approx(found.count * mean * (1.0 - 1.0 / 1.1) / np.log(1.1))
