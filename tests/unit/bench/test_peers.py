"""The contenders of the bench do the worker's work: same features, same state, same probability."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import orjson
import pytest
import torch

from streamseg.core.features import FEATURES
from streamseg.core.folds import FoldCache
from streamseg.core.spec import CoreSpec
from streamseg.core.table import CustomerTable
from streamseg.datasets import jsonl
from streamseg.datasets.jsonl import FileRecord
from streamseg.datasets.simulator import Options, simulate
from streamseg.model.calibrate import Calibration
from streamseg.model.network import Network
from streamseg.wire.touchpoint import DecodeLimits, decode
from tests.bench.peers.decide import Decided, decide
from tests.bench.peers.fold import Customer, Touch, read
from tests.bench.peers.job import Kept, work
from tests.bench.peers.network import NumpyModel, TorchModel
from tests.unit.model.scorers import a_blend, scorer_of, some_rows

CALIBRATION = Calibration(90.0, level=1.1, slope=0.9, offset=0.05)
DAY_MS = 86_400_000


def records() -> Iterator[FileRecord]:
    """Half a year of twelve customers, in order. Without sessions: two hashes collide in other places."""
    shop = simulate(Options(seed=3, customers=12, events=500, days=182, withdraw_share=0.0))
    for line in shop.lines():
        doc = orjson.loads(line)
        doc.pop("session_id", None)
        yield from jsonl.records([orjson.dumps(doc)])


@pytest.mark.parametrize("kind", [TorchModel, NumpyModel])
def test_a_peer_reads_and_scores_what_the_worker_does(kind: type[TorchModel] | type[NumpyModel]) -> None:
    blend = a_blend("lstm")
    network = Network.of(blend.networks[0])
    network.scale_by(torch.from_numpy(some_rows(200, 0)[1]))
    scorer = scorer_of(replace(blend, networks=(network.served(),)), CALIBRATION)
    table, folds, model = CustomerTable(CoreSpec(gate_touchpoints=0, gate_age_days=0)), FoldCache(scorer), kind(scorer)
    kept: dict[bytes, Kept] = {}
    risks, scored = [], []
    for record in records():
        batch = decode([record], limits=DecodeLimits(allowed_skew_ms=None)).batch
        slots, admitted = table.admit(batch)
        (steps,) = [one for one in table.observe(batch, slots, admitted, model_key=0) if one.kind == "touch"]
        touch = read(record.value)
        assert touch is not None
        kept[record.key], _ = work(kept.get(record.key), touch, model)
        now = kept[record.key]
        x = now.customer.features(touch.event_ms)
        np.testing.assert_allclose(x, steps.x[0], rtol=1e-5, atol=1e-6)
        risks.append(model.risk(now.state, x) if isinstance(model, NumpyModel) else model.risks([now.state], [x])[0])
        scored.append(float(folds.score(table, steps).churn_probability[0]))
    assert max(scored) - min(scored) > 0.05
    np.testing.assert_allclose(risks, scored, atol=1e-5)


def test_a_peer_names_the_features_that_the_network_was_trained_on() -> None:
    assert len(Customer(0, 0).features(0)) == len(FEATURES)


@pytest.mark.parametrize(
    "value", [b"{", b'{"event_id":"e1","customer_id":1,"type":"view","event_time":5}', b"\xff", b"[]"]
)
def test_a_peer_drops_what_is_no_touchpoint(value: bytes) -> None:
    assert read(value) is None


def test_a_peer_decides_with_hysteresis() -> None:
    decided, touch = Decided(), Touch("c1", "e1", "view", 0, 0, 0.0, None, 0)
    stages = []
    for day, risk in enumerate((None, 0.3, 0.6, 0.45, 0.8, 0.7, 0.6, 0.3)):
        decide(decided, touch, risk, at_ms=2 * day * DAY_MS, quiet_since_ms=0, version="v")
        stages.append(decided.stage)
    assert stages == ["new", "active", "cooling", "cooling", "at_risk", "at_risk", "cooling", "active"]


def test_a_peer_alerts_once_and_publishes_the_profile_with_every_change() -> None:
    decided, touch = Decided(stage="active"), Touch("c1", "e1", "view", 0, 0, 0.0, None, 0)
    said = decide(decided, touch, 0.9, at_ms=5 * DAY_MS, quiet_since_ms=0, version="v")
    assert [one["kind"] for one in said] == ["changed", "churn_alert", "profile"]
    assert decide(decided, touch, 0.9, at_ms=7 * DAY_MS, quiet_since_ms=0, version="v") == []
