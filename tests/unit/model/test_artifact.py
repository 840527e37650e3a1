"""An artefact is the model it was, or it is refused in one clear sentence."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from streamseg.core.features import COLUMN, FEATURES
from streamseg.core.scores import Scores
from streamseg.core.windows import WindowSpec
from streamseg.errors import ConfigError
from streamseg.model import artifact
from streamseg.model.artifact import load, read_manifest
from streamseg.model.blend import Blend
from streamseg.model.calibrate import Calibration
from streamseg.model.classical.bg_nbd import BgNbd
from streamseg.model.classical.members import MODELS, Classical, CountModel
from streamseg.model.classical.past_rate import PastRate
from streamseg.wire.vocabulary import TYPES
from tests.unit.model import scorers
from tests.unit.model.scorers import BLENDS, PARETO, SPEND, a_blend, scorer_of, some_rows

WEEKS = WindowSpec()


def a_sound_blend() -> Blend:
    """Two networks beside a classical model; a new one each time, for a test that breaks it."""
    return a_blend("lstm", "gru", hidden=4, share=0.25)


def packed(blend: Blend | None = None, **changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "spec": WEEKS,
        "calibration": Calibration(90.0, level=1.1, slope=0.9, offset=0.05, value_level=1.2),
        "reference": {"features": {"spend": [0.5, 0.5]}},
        "metrics": {"candidate.auc": 0.73},
        "reasons": ("log loss 0.4000 is within 0.5000 (past_rate)",),
        "parent": "0123456789ab",
    }
    return scorers.packed(blend or a_sound_blend(), **{**fields, **changes})


def reworked(
    data: bytes,
    *,
    sign: bool = True,
    tensors: dict[str, Any] | None = None,
    without: str = "",
    **changes: Any,
) -> bytes:
    """The artefact with other contents, its digest made right again (or not): what a careless tool would write."""
    described = {**read_manifest(data), **changes}
    held = {**load_tensors(data), **(tensors or {})}
    held.pop(without, None)
    if sign:
        described.pop("sha256")
        described["sha256"] = artifact._digest(described, held)
    return save_tensors(held, metadata={"manifest": json.dumps(described)})


def refusal(data: bytes, spec: WindowSpec = WEEKS) -> str:
    with pytest.raises(ConfigError) as refused:
        load(data, spec=spec)
    return str(refused.value)


@pytest.mark.parametrize("name", BLENDS)
def test_a_model_that_was_packed_and_loaded_gives_the_same_scores_to_the_bit(name: str) -> None:
    blend, calibration = BLENDS[name], Calibration(90.0, level=1.1, slope=0.9, offset=0.05, value_level=1.2)
    before = scorer_of(blend, calibration)
    data = packed(blend, calibration=calibration)
    after = load(data, spec=WEEKS).scorer
    rows = some_rows(300, blend.state_size)
    scored, loaded = before.score(*rows), after.score(*rows)
    for column in fields(Scores):
        assert np.array_equal(getattr(scored, column.name), getattr(loaded, column.name)), column.name
    assert np.array_equal(before.advance(*rows), after.advance(*rows))
    assert np.array_equal(before.average, after.average)
    assert (after.blend.name, after.blend.share, after.blend.classical) == (blend.name, blend.share, blend.classical)
    assert after.blend.spend == blend.spend


@pytest.mark.parametrize("model", MODELS)
def test_every_classical_model_can_be_packed_alone(model: str) -> None:
    counts: dict[str, CountModel] = {
        "past_rate": PastRate(2.0, 50.0),
        "bg_nbd": BgNbd(0.8, 40.0, 1.5, 3.0),
        "pareto_nbd": PARETO.counts,
    }
    classical = Classical(model, counts[model], PARETO.spend)
    blend = Blend((), classical, 1.0, np.ones(len(FEATURES), np.float32))
    loaded = load(packed(blend), spec=WEEKS)
    assert loaded.scorer.blend.classical == classical
    assert (loaded.manifest.networks, loaded.scorer.state_size) == ((), 0)
    assert loaded.manifest.classical is not None
    assert loaded.manifest.classical["name"] == loaded.scorer.blend.name == model


def test_the_manifest_says_what_the_model_is() -> None:
    found = load(packed(), spec=WEEKS)
    assert found.manifest.networks == ({"encoder": "lstm", "hidden": 4}, {"encoder": "gru", "hidden": 4})
    assert found.manifest.classical == {
        "name": "pareto_nbd",
        "counts": {"r": 0.8, "alpha": 40.0, "s": 0.6, "beta": 200.0},
        "spend": {"p": 4.0, "q": 3.0, "gamma": 20.0},
    }
    assert found.manifest.share == 0.25
    assert found.manifest.spend == asdict(SPEND)
    assert found.manifest.outcome_types == ("purchase", "renew")
    assert found.manifest.reference == {"features": {"spend": [0.5, 0.5]}}
    assert found.manifest.metrics == {"candidate.auc": 0.73}
    assert found.manifest.reasons == ("log loss 0.4000 is within 0.5000 (past_rate)",)
    assert found.version == found.digest[:12] == found.scorer.version


def test_the_same_model_gives_the_same_bytes_and_version() -> None:
    assert packed() == packed()


def test_anything_that_matters_makes_another_version() -> None:
    versions = {
        load(data, spec=WEEKS).version
        for data in (packed(), packed(calibration=Calibration(90.0)), packed(data_until_ms=2_001), packed(parent=None))
    }
    assert len(versions) == 4


def test_bytes_that_are_no_artefact_are_refused() -> None:
    assert refusal(b"") == (
        "not a model artefact of streamseg (it ends after 0 bytes); give a file from `streamseg train`"
    )
    assert refusal(b'{"customer_id": "c1", "event_id": 1}').startswith("not a model artefact of streamseg (")
    other = save_tensors({"a": np.zeros(2)}, metadata={"format": "pt"})
    assert refusal(other) == "not a model artefact of streamseg ('manifest'); give a file from `streamseg train`"


@pytest.mark.parametrize("kept", [4, 100, 5_000, -1])
def test_a_truncated_artefact_is_refused(kept: int) -> None:
    message = refusal(packed()[:kept])
    assert message.startswith(("not a model artefact of streamseg (", "model artefact is corrupt ("))


def test_one_flipped_bit_anywhere_in_the_weights_is_refused() -> None:
    data = bytearray(packed())
    begin = 8 + int.from_bytes(data[:8], "little")
    for at in np.random.default_rng(0).integers(begin, len(data), 20).tolist():
        data[at] ^= 4
        assert refusal(bytes(data)) == (
            "model artefact is corrupt (its SHA-256 is not the one in it); "
            "copy it again or train a new model with `streamseg train`"
        )
        data[at] ^= 4


def test_a_changed_manifest_is_refused() -> None:
    tampered = reworked(packed(), sign=False, calibration={"horizon_days": 90.0, "level": 3.0})
    assert refusal(tampered).startswith("model artefact is corrupt (its SHA-256 is not the one in it)")


def test_another_format_is_refused() -> None:
    assert refusal(reworked(packed(), format_version=1)) == (
        "model format is 1; this program reads 4: train a new model with `streamseg train`"
    )


def test_another_feature_list_is_refused_with_the_difference() -> None:
    names = [*FEATURES[:-1], "shoe_size"]
    assert refusal(reworked(packed(), features=names)) == (
        "model reads 56 features, this program makes 56 (missing ['first_window'], unknown ['shoe_size']); "
        "train a new model with `streamseg train`, or run the version of streamseg that made it"
    )
    assert refusal(reworked(packed(), features=[*reversed(FEATURES)])) == (
        "model reads 56 features, this program makes 56 (in another order); "
        "train a new model with `streamseg train`, or run the version of streamseg that made it"
    )


def test_other_touchpoint_types_are_refused() -> None:
    assert refusal(reworked(packed(), types=TYPES[:-1])) == (
        "model reads 24 touchpoint types, this program makes 25 (missing ['other'], unknown []); "
        "train a new model with `streamseg train`, or run the version of streamseg that made it"
    )


@pytest.mark.parametrize("spec", [WindowSpec(length_days=14), WindowSpec(origin_ms=0)])
def test_other_windows_are_refused(spec: WindowSpec) -> None:
    assert refusal(packed(), spec) == (
        "model was trained on windows of 7 days from 345600000 ms; "
        f"this worker cuts {spec.length_days} days from {spec.origin_ms} ms: "
        "set the same windows or train a new model with `streamseg train`"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused_on_both_ways(value: float) -> None:
    blend = a_sound_blend()
    weights = blend.networks[1].tensors["w_head"]
    weights[0, 0] = value
    sentence = "model tensor 1.w_head holds 1 non-finite numbers; train a new model with `streamseg train`"
    with pytest.raises(ConfigError) as refused:
        packed(blend)
    assert str(refused.value) == sentence
    assert refusal(reworked(packed(), tensors={"1.w_head": weights})) == sentence


def test_a_model_that_does_not_compute_what_it_did_is_refused() -> None:
    data = packed()
    weights = load_tensors(data)["0.w_out"]
    weights[:, 0] += 0.01
    message = refusal(reworked(data, tensors={"0.w_out": weights}))
    assert message.startswith("model ")
    assert message.endswith("off; the limit is 1e-05: train a new model with `streamseg train`")
    assert " computes its golden batch " in message


@pytest.mark.parametrize(
    "change",
    [
        {"classical": {"name": "pareto_nbd", "counts": {"r": 1.6, "alpha": 40.0, "s": 0.6, "beta": 200.0}}},
        {"share": 0.5},
    ],
)
def test_a_classical_part_that_does_not_compute_what_it_did_is_refused_too(change: dict[str, Any]) -> None:
    data = packed()
    if "classical" in change:
        change = {"classical": {**read_manifest(data)["classical"], **change["classical"]}}
    assert " computes its golden batch " in refusal(reworked(data, **change))


def test_a_missing_or_misshapen_tensor_is_refused() -> None:
    refused = "model artefact is malformed ({}); train a new model with `streamseg train`"
    assert refusal(reworked(packed(), tensors={"0.encoder.w_state": np.zeros((2, 2), np.float32)})) == (
        refused.format("tensor encoder.w_state is float32 of shape (2, 2); expected float32 of (4, 16)")
    )
    assert refusal(reworked(packed(), tensors={"1.b_head": np.zeros(48)})) == (
        refused.format("tensor b_head is float64 of shape (48,); expected float32 of (48,)")
    )
    assert refusal(reworked(packed(), tensors={"1.b_hand": np.zeros(48, np.float32)}, without="1.b_head")) == (
        refused.format("of a network's tensors ['b_head'] are missing and ['b_hand'] are unknown")
    )
    of_two = read_manifest(packed())["networks"]
    swapped, unknown = [dict(of_two[1]), dict(of_two[0])], [{"encoder": "mlp", "hidden": 4}, dict(of_two[1])]
    assert refusal(reworked(packed(), networks=swapped)).startswith("model artefact is malformed (")
    assert refusal(reworked(packed(), networks=unknown)) == (
        "encoder is 'mlp'; expected one of lstm, gru, rnn, attention"
    )
    assert refusal(reworked(packed(), mood="good")).startswith("model artefact is malformed (")
    assert refusal(reworked(packed(), tensors={"average": np.ones(3, np.float32)})) == (
        "model artefact is malformed (averages of shape (3,)); train a new model with `streamseg train`"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"share": 1.5},
        {"classical": None},
        {"networks": []},
        {"classical": {"name": "arima", "counts": {}, "spend": {"p": 4.0, "q": 3.0, "gamma": 20.0}}},
        {"classical": {"name": "pareto_nbd", "counts": {"r": 1.0}, "spend": {"p": 4.0, "q": 3.0, "gamma": 20.0}}},
    ],
)
def test_members_that_do_not_fit_their_shares_or_are_unknown_are_refused(change: dict[str, Any]) -> None:
    message = refusal(reworked(packed(), **change))
    assert message.startswith("model artefact is malformed (")
    assert message.endswith("; train a new model with `streamseg train`")


def test_behaviours_that_contradict_themselves_are_refused() -> None:
    parts = {**read_manifest(packed())["behaviours"], "ids": ["b1", "b1", "b2"]}
    assert refusal(reworked(packed(), behaviours=parts)) == (
        "model artefact is malformed (3 behaviours, parts for [2, 3], centres of shape (3, 3)); "
        "train a new model with `streamseg train`"
    )


@pytest.mark.parametrize("level", [0.0, -1.0])
def test_a_calibration_that_turns_things_over_is_refused(level: float) -> None:
    message = refusal(reworked(packed(), calibration={"horizon_days": 90.0, "level": level}))
    assert message.startswith("model calibration is Calibration(horizon_days=90.0, level=")


def test_the_golden_batch_holds_no_customer() -> None:
    held = load_tensors(packed())
    drawn = np.random.default_rng(0).uniform(0.5, 1.5, held["golden.x"].shape)
    expected = (held["average"] * drawn).astype(np.float32)
    # Drawn around the mean by a fixed seed, so it can be made again without any data; every other row is a buyer's.
    expected[:, COLUMN["never_outcome"]] = np.arange(len(expected)) % 2
    assert np.array_equal(held["golden.x"], expected)
