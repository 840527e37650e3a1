"""Figures that others printed for the CDNOW customers, in weeks and dollars."""

from __future__ import annotations

import numpy as np
import pytest

from streamseg.model.classical.bg_nbd import BgNbd
from streamseg.model.classical.gamma_gamma import GammaGamma
from streamseg.model.classical.pareto_nbd import ParetoNbd
from tests.unit.model.classical.pasts import past_with


def test_bg_nbd_says_what_fader_hardie_and_lee_print() -> None:
    model = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
    assert model.forecast(past_with(2.0, 30.43, 38.86), 39.0)[1][0] == pytest.approx(1.226, abs=5e-4)


def test_pareto_nbd_says_what_the_walk_through_of_btyd_prints() -> None:
    model = ParetoNbd(r=0.5534, alpha=10.5802, s=0.6061, beta=11.6656)
    customer = past_with(26.0, 30.86, 31.0)
    assert model.forecast(customer, 52.0)[1][0] == pytest.approx(25.46, abs=5e-3)
    assert model.alive(customer)[0] == pytest.approx(0.9979, abs=5e-5)


@pytest.mark.parametrize(("days", "mean_spend", "expected"), [(2, 22.35, 24.66), (1, 11.77, 18.91), (0, 0.0, 35.17)])
def test_gamma_gamma_says_what_fader_and_hardie_print(days: int, mean_spend: float, expected: float) -> None:
    # Printed with unrounded parameters; these have three digits.
    mean = GammaGamma(p=6.25, q=3.74, gamma=15.44).mean(np.array([float(days)]), np.array([mean_spend]))
    assert mean[0] == pytest.approx(expected, rel=2e-3)
