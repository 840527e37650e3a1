"""The exported file: what it holds, and which artefacts it refuses."""

from __future__ import annotations

import struct

import pytest

from streamseg.core.features import FEATURES
from streamseg.errors import ConfigError
from streamseg.model.artifact import load
from streamseg.wire.vocabulary import CHANNELS, TYPES
from tests.bench.peers.kafka_streams.weights import export
from tests.kafka.models import WEEKS, an_untrained_model
from tests.unit.model.scorers import BLENDS, CENTRES, packed


def test_the_file_begins_with_the_sizes_and_the_names_that_java_takes_as_they_are() -> None:
    version, model = an_untrained_model()
    data = export(load(model, spec=WEEKS))
    *sizes, length = struct.unpack_from("<12i", data)
    assert sizes[:7] == [len(FEATURES), 4, 48, 16, len(TYPES), len(CHANNELS), len(CENTRES.names)]
    assert [FEATURES[at] for at in sizes[7:]] == ["touchpoints", "active_days", "spend", "age_days"]
    names = data[48 : 48 + length].decode().split("\n")
    assert names == [version, *TYPES, *CHANNELS, *CENTRES.names]


def test_a_model_of_several_networks_is_refused_with_what_to_train() -> None:
    model = packed(BLENDS["shared"], spec=WEEKS)
    artifact = load(model, spec=WEEKS)
    with pytest.raises(ConfigError) as refused:
        export(artifact)
    assert str(refused.value) == (
        f"the peers run one lstm, and model {artifact.version} has the networks: gru, attention; "
        "train one with STREAMSEG_MODEL_ENCODER=lstm and STREAMSEG_MODEL_SEEDS=1"
    )
