"""Models that were never trained, as artefacts: small, quick to make, as sure of everybody's loss as a test asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from streamseg.core.features import FEATURES
from streamseg.core.windows import WindowSpec
from streamseg.model.artifact import load, pack
from streamseg.model.blend import Blend
from streamseg.model.calibrate import Calibration
from streamseg.model.network import Network
from streamseg.wire.vocabulary import TYPES
from tests.unit.model.scorers import CENTRES

WEEKS = WindowSpec()


def an_untrained_model(
    *,
    calibration: Calibration | None = None,
    hidden: int = 4,
    data_until_ms: int = 2_000,
    reference: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
) -> tuple[str, bytes]:
    """Version and bytes of a model of one network; without a reference its drift can't be measured."""
    network = Network(len(FEATURES), len(TYPES), encoder="lstm", hidden=hidden, seed=1)
    data = pack(
        Blend(networks=(network.served(),), classical=None, share=0.0, average=np.ones(len(FEATURES), np.float32)),
        spec=WEEKS,
        outcome_types=("purchase", "renew"),
        data_from_ms=1_000,
        data_until_ms=data_until_ms,
        customers=60,
        calibration=calibration or Calibration(90.0),
        behaviours=CENTRES,
        reference=reference or {},
        metrics=metrics or {},
    )
    return load(data, spec=WEEKS).version, data
