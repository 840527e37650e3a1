"""A model artefact and the rules of a deployment as one flat file that Java reads in order: little-endian, no names.

Arrives: an artefact with one LSTM. Leaves: bytes, laid out as `Model.java` and `Rules.java` read them. Whatever both
sides must agree on (vocabularies, columns, thresholds) comes from the Python objects, so nothing is told twice.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np

from streamseg.core.decide import Policy
from streamseg.core.features import FEATURES
from streamseg.core.scores import Float32Array
from streamseg.core.spec import CoreSpec
from streamseg.errors import ConfigError
from streamseg.model.artifact import Artifact
from streamseg.model.blueprint import AGE, EMBEDDING, HEAD, LIMITS, TOLD, TOTALS
from streamseg.model.serving.network import ServedNetwork
from streamseg.wire.vocabulary import CHANNELS, MONEY_SIGNS, TYPES

ALLOWED_SKEW_MS: Final = 300_000
"""As the worker's default."""


def the_network(artifact: Artifact) -> ServedNetwork:
    """The one LSTM of an artefact; a classical model beside it is left out in the peer's favour.

    Raises:
        ConfigError: If it has another network, or several.
    """
    networks = artifact.scorer.blend.networks
    if [network.encoder_name for network in networks] != ["lstm"]:
        found = ", ".join(network.encoder_name for network in networks) or "none"
        raise ConfigError(
            f"the peers run one lstm, and model {artifact.version} has the networks: {found}; "
            "train one with STREAMSEG_MODEL_ENCODER=lstm and STREAMSEG_MODEL_SEEDS=1"
        )
    return networks[0]


def export(artifact: Artifact, *, spec: CoreSpec | None = None, policy: Policy | None = None) -> bytes:
    """Write the model for Java.

    Args:
        artifact: With one LSTM.
        spec: Windows, admission and gate; None = the defaults.
        policy: Thresholds; None = the defaults.

    Raises:
        ConfigError: If the artefact isn't one of one LSTM.
    """
    network = the_network(artifact)
    behaviours = artifact.behaviours
    names = "\n".join((artifact.version, *TYPES, *CHANNELS, *behaviours.names)).encode()
    sizes = (len(FEATURES), network.hidden, HEAD, EMBEDDING, len(TYPES), len(CHANNELS), len(behaviours.names))
    header = (*sizes, *TOTALS, AGE, len(names))
    return b"".join(
        [
            struct.pack(f"<{len(header)}i", *header),
            names,
            *(np.ascontiguousarray(one, "<f4").tobytes() for one in _weights(network)),
            _doubles(_forms(network, artifact)),
            _doubles(_rules(spec or CoreSpec(), policy or Policy())),
        ]
    )


def _weights(network: ServedNetwork) -> list[Float32Array]:
    learnt = network.tensors
    return [
        learnt["mean"],
        learnt["std"],
        learnt["least"],
        learnt["most"],
        learnt["encoder.w_input"],
        learnt["encoder.w_state"],
        learnt["encoder.bias"],
        learnt["w_head"],  # rows of the state first, then those of the input
        learnt["b_head"],
        learnt["w_embedding"],
        learnt["b_embedding"],
        learnt["w_out"][:, :TOLD],
        learnt["w_skip"][:, :TOLD],
        learnt["b_out"][:TOLD],
    ]


def _forms(network: ServedNetwork, artifact: Artifact) -> list[float]:
    calibration, behaviours = artifact.scorer.calibration, artifact.behaviours
    return [
        *network.tensors["spend_level"].tolist(),
        *network.tensors["spend_scale"].tolist(),
        *(low for low, _ in LIMITS),
        *(high for _, high in LIMITS),
        calibration.horizon_days,
        calibration.level,
        calibration.slope,
        calibration.offset,
        calibration.value_level,
        *behaviours.mean.tolist(),
        *behaviours.scale.tolist(),
        *behaviours.centres.ravel().tolist(),
    ]


def _rules(spec: CoreSpec, policy: Policy) -> list[float]:
    return [
        spec.windows.length_days,
        spec.windows.origin_ms,
        spec.allowed_lateness_ms,
        ALLOWED_SKEW_MS,
        spec.gate_touchpoints,
        spec.gate_age_days,
        policy.cooling_enter,
        policy.cooling_exit,
        policy.at_risk_enter,
        policy.at_risk_exit,
        policy.lapse_days,
        policy.min_dwell_days,
        policy.alert_cooldown_days,
        policy.won_back_days,
        policy.behaviour_margin,
        policy.profile_step,
        policy.profile_ttl_days,
        *spec.outcome_by_code.tolist(),
        *(MONEY_SIGNS.get(name, 0) for name in TYPES),
    ]


def _doubles(values: Sequence[float]) -> bytes:
    return np.array(values, "<f8").tobytes()
