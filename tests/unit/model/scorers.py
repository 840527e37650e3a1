"""A scorer that was never trained, with an output layer so wide that its forecasts differ from row to row."""

from __future__ import annotations

import numpy as np

from streamseg.core.features import FEATURES
from streamseg.model.behaviours import Behaviours
from streamseg.model.blend import Blend
from streamseg.model.calibrate import Calibration
from streamseg.model.classical.gamma_gamma import GammaGamma
from streamseg.model.classical.members import Classical
from streamseg.model.classical.pareto_nbd import ParetoNbd
from streamseg.model.network import Network
from streamseg.model.scorer import ModelScorer
from streamseg.wire.vocabulary import TYPES

CENTRES = Behaviours(
    ids=("b1", "b2", "b3"),
    names=("a", "b", "c"),
    descriptions=("First.", "Second.", "Third."),
    centres=np.array([[0.0, 0.0, 0.0], [1.0, -1.0, 0.5], [-1.0, 2.0, 0.1]]),
    mean=np.array([0.3, 0.4, 2.0]),
    scale=np.array([0.2, 0.3, 1.5]),
    stability=1.0,
    overlaps=(0.0, 0.0, 0.0),
    remarks=(),
)
PARETO = Classical("pareto_nbd", ParetoNbd(r=0.8, alpha=40.0, s=0.6, beta=200.0), GammaGamma(p=4.0, q=3.0, gamma=20.0))


def a_blend(encoder: str = "lstm", hidden: int = 8, *, seeds: int = 1, share: float = 0.0) -> Blend:
    """Networks that were never trained, with Pareto/NBD if it has a share."""
    networks = []
    for seed in range(2, 2 + seeds):
        network = Network(len(FEATURES), len(TYPES), encoder=encoder, hidden=hidden, seed=seed)
        network.w_out.data *= 20.0
        networks.append(network)
    average = np.linspace(0.0, 2.0, len(FEATURES), dtype=np.float32)
    return Blend(tuple(networks), PARETO if share else None, share, average)


def a_scorer(encoder: str = "lstm", calibration: Calibration | None = None, hidden: int = 8) -> ModelScorer:
    return scorer_of(a_blend(encoder, hidden), calibration)


def scorer_of(blend: Blend, calibration: Calibration | None = None) -> ModelScorer:
    return ModelScorer(
        blend, calibration=calibration or Calibration(90.0), behaviours=CENTRES, digest="0123456789abcdef" * 4
    )
