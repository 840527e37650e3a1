"""A scorer that was never trained, with an output layer so wide that its forecasts differ from row to row."""

from __future__ import annotations

import numpy as np

from streamseg.core.features import FEATURES
from streamseg.model.behaviours import Behaviours
from streamseg.model.calibrate import Calibration
from streamseg.model.network import Network
from streamseg.model.scorer import NetworkScorer
from streamseg.wire.vocabulary import TYPES

CENTRES = Behaviours(
    ids=("b1", "b2", "b3"),
    names=("a", "b", "c"),
    descriptions=("A.", "B.", "C."),
    centres=np.array([[0.0, 0.0, 0.0], [1.0, -1.0, 0.5], [-1.0, 2.0, 0.1]]),
    mean=np.array([0.3, 0.4, 2.0]),
    scale=np.array([0.2, 0.3, 1.5]),
    stability=0.9,
    overlaps=(0.0, 0.0, 0.0),
    remarks=(),
)


def a_scorer(encoder: str = "lstm", calibration: Calibration | None = None, hidden: int = 8) -> NetworkScorer:
    network = Network(len(FEATURES), len(TYPES), encoder=encoder, hidden=hidden, seed=2)
    network.w_out.data *= 20.0
    return NetworkScorer(
        network, calibration=calibration or Calibration(90.0), behaviours=CENTRES, digest="0123456789abcdef" * 4
    )
