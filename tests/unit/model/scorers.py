"""Scorers that were never trained, with output layers so wide that their forecasts differ from row to row."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamseg.core.features import COLUMN, FEATURES
from streamseg.core.scores import Float32Array
from streamseg.core.windows import WindowSpec
from streamseg.model.artifact import pack
from streamseg.model.behaviours import Behaviours
from streamseg.model.blend import Blend
from streamseg.model.calibrate import Calibration
from streamseg.model.classical.day_spend import DaySpend
from streamseg.model.classical.gamma_gamma import GammaGamma
from streamseg.model.classical.members import Classical
from streamseg.model.classical.pareto_nbd import ParetoNbd
from streamseg.model.encoders import ENCODERS
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

SPEND = DaySpend(level=20.0, between=0.5, within=0.6, tail_between=8.0, tail_within=4.0, mean=1.2)


def packed(blend: Blend, **changes: Any) -> bytes:
    """An artefact of a blend; `changes` are arguments of `artifact.pack`."""
    fields: dict[str, Any] = {
        "spec": WindowSpec(),
        "outcome_types": ("renew", "purchase"),
        "data_from_ms": 1_000,
        "data_until_ms": 2_000,
        "customers": 60,
        "calibration": Calibration(90.0),
        "behaviours": CENTRES,
        "reference": {},
        "metrics": {},
    }
    return pack(blend, **{**fields, **changes})


def a_blend(*encoders: str, hidden: int = 8, share: float = 0.0) -> Blend:
    """Networks that were never trained, of other weights each, and Pareto/NBD if it has a share: alone at 1."""
    networks = []
    for seed, encoder in enumerate(encoders, start=2):
        network = Network(len(FEATURES), len(TYPES), encoder=encoder, hidden=hidden, seed=seed)
        network.w_out.data *= 20.0
        networks.append(network.served())
    average = np.linspace(0.0, 2.0, len(FEATURES), dtype=np.float32)
    return Blend(tuple(networks), PARETO if share else None, share, average, SPEND if networks else None)


BLENDS = {
    "one": a_blend("lstm"),
    "alike": a_blend("lstm", "lstm", "lstm"),
    "every": a_blend(*ENCODERS, hidden=5),
    "shared": a_blend("gru", "attention", share=0.25),
    "classical": a_blend(share=1.0),
}
"""One network, several of one kind, one of every encoder, two beside a classical model, and that one alone."""


def a_scorer(
    *encoders: str, calibration: Calibration | None = None, hidden: int = 8, share: float = 0.0
) -> ModelScorer:
    return scorer_of(a_blend(*(encoders or ("lstm",)), hidden=hidden, share=share), calibration)


def scorer_of(
    blend: Blend, calibration: Calibration | None = None, *, digest: str = "0123456789abcdef" * 4
) -> ModelScorer:
    return ModelScorer(blend, calibration=calibration or Calibration(90.0), behaviours=CENTRES, digest=digest)


def some_rows(n: int, state_size: int, seed: int = 0) -> tuple[Float32Array, Float32Array]:
    """(N, S) states and (N, F) features, in ranges that a worker may meet; two customers of three have bought."""
    random = np.random.default_rng(seed)
    state = random.uniform(-1.0, 1.0, (n, state_size)).astype(np.float32)
    x = np.abs(random.normal(0.0, 1.5, (n, len(FEATURES))))
    x[:, COLUMN["never_outcome"]] = random.random(n) < 1 / 3
    return state, x.astype(np.float32)
