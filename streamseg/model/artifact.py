"""A model as bytes: safetensors with its manifest inside, and a loader that refuses whatever it can't vouch for.

Arrives: a network and what was learnt around it. Leaves: bytes for a file or the registry topic, and back a scorer.
Never pickle, nor what is built upon it: that runs what it reads. Knows no path, no clock and no Kafka.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from streamseg.core.features import COLUMN, FEATURES
from streamseg.core.windows import WindowSpec
from streamseg.errors import ConfigError
from streamseg.model.behaviours import Behaviours, from_manifest, to_manifest
from streamseg.model.blend import Blend
from streamseg.model.calibrate import Calibration
from streamseg.model.classical.day_spend import DaySpend
from streamseg.model.classical.gamma_gamma import GammaGamma
from streamseg.model.classical.members import MODELS, Classical
from streamseg.model.scorer import ModelScorer
from streamseg.model.serving.network import ServedNetwork, beneath
from streamseg.wire.vocabulary import TYPES

FORMAT_VERSION: Final = 4
TOLERANCE: Final = 1e-5
"""How far the golden batch may move between two kinds of CPU, relative above 1 and absolute below."""
GOLDEN_ROWS: Final = 8
REMEDY: Final = "train a new model with `streamseg train`"
_GOLDEN: Final = ("golden.state", "golden.x", "golden.advanced", "golden.scores")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of a model besides its numbers; JSON in the artefact, shown by `streamseg models list`."""

    features: tuple[str, ...]
    types: tuple[str, ...]
    window_length_days: int
    window_origin_ms: int
    horizon_days: float
    outcome_types: tuple[str, ...]
    networks: tuple[Mapping[str, Any], ...]
    """`encoder` and `hidden` of each."""
    classical: Mapping[str, Any] | None
    """`name`, and the parameters of `counts` and `spend`."""
    share: float
    """Of the classical model, 0 to 1."""
    spend: Mapping[str, float] | None
    """What a day of those who bought brings, beside networks: the parameters of `DaySpend`."""
    data_from_ms: int
    data_until_ms: int
    """The model has seen nothing after this. It stands for the time of creation: equal data gives equal bytes."""
    customers: int
    calibration: Mapping[str, float]
    behaviours: Mapping[str, Any]
    """names, centres (K, 3), mean (3), scale (3)."""
    reference: Mapping[str, Any]
    """What inputs and scores looked like (`reference.to_json`), for noticing drift."""
    metrics: Mapping[str, float]
    reasons: tuple[str, ...]
    """What the gate said, check by check."""
    parent: str | None
    """Version of the model that this one was meant to replace."""
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artefact that was read and found sound."""

    manifest: Manifest
    digest: str
    """SHA-256 over manifest and tensors, hexadecimal."""
    scorer: ModelScorer
    behaviours: Behaviours

    @property
    def version(self) -> str:
        """First 12 hexadecimal digits of the digest."""
        return self.digest[:12]


def pack(
    blend: Blend,
    *,
    spec: WindowSpec,
    outcome_types: Sequence[str],
    data_from_ms: int,
    data_until_ms: int,
    customers: int,
    calibration: Calibration,
    behaviours: Behaviours,
    reference: Mapping[str, Any],
    metrics: Mapping[str, float],
    reasons: Sequence[str] = (),
    parent: str | None = None,
) -> bytes:
    """Write the artefact: the same model gives the same bytes.

    Raises:
        ConfigError: If the model isn't finite, in its numbers or on the golden batch.
    """
    manifest = Manifest(
        features=FEATURES,
        types=TYPES,
        window_length_days=spec.length_days,
        window_origin_ms=spec.origin_ms,
        horizon_days=calibration.horizon_days,
        outcome_types=tuple(sorted(outcome_types)),
        networks=tuple({"encoder": one.encoder_name, "hidden": one.hidden} for one in blend.networks),
        classical=_describe(blend.classical),
        share=blend.share,
        spend=asdict(blend.spend) if blend.spend is not None else None,
        data_from_ms=data_from_ms,
        data_until_ms=data_until_ms,
        customers=customers,
        calibration=asdict(calibration),
        behaviours=to_manifest(behaviours),
        reference=reference,
        metrics=dict(metrics),
        reasons=tuple(reasons),
        parent=parent,
    )
    tensors = {"average": blend.average}
    for index, network in enumerate(blend.networks):
        tensors |= {f"{index}.{name}": value for name, value in network.tensors.items()}
    _refuse_unless_finite(tensors)
    # Around the training mean, and not of real customers: an artefact holds nobody's data.
    random = np.random.default_rng(0)
    x = (blend.average * random.uniform(0.5, 1.5, (GOLDEN_ROWS, len(FEATURES)))).astype(np.float32)
    # Every other one has bought: of the others a classical model is not asked, and so would not be checked.
    x[:, COLUMN["never_outcome"]] = np.arange(GOLDEN_ROWS) % 2
    state = random.uniform(-1.0, 1.0, (GOLDEN_ROWS, blend.state_size)).astype(np.float32)
    scorer = ModelScorer(blend, calibration=calibration, behaviours=behaviours, digest="0" * 64)
    golden: tuple[NDArray[Any], ...] = (state, x, *_golden_outputs(scorer, state, x))
    tensors.update(zip(_GOLDEN, golden, strict=True))
    _refuse_unless_finite(tensors)
    described = asdict(manifest)
    described["sha256"] = _digest(described, tensors)
    # One metadata key: safetensors keeps metadata in a hash map, and two keys would come out in any order.
    return save_tensors(tensors, metadata={"manifest": _canonical(described)})


def load(data: bytes, *, spec: WindowSpec) -> Artifact:
    """Read an artefact, and refuse it unless it is whole, meant for this program, finite, and computes what it did.

    Raises:
        ConfigError: With what is wrong and what to do.
    """
    described = read_manifest(data)
    try:
        tensors: dict[str, NDArray[Any]] = load_tensors(data)
    except SafetensorError as error:
        raise ConfigError(f"model artefact is corrupt ({error}); copy it again or {REMEDY}") from error
    digest = described.pop("sha256", None)
    if digest != _digest(described, tensors):
        raise ConfigError(f"model artefact is corrupt (its SHA-256 is not the one in it); copy it again or {REMEDY}")
    try:
        listed = ("features", "types", "outcome_types", "networks", "reasons")
        manifest = Manifest(**{**described, **{name: tuple(described[name]) for name in listed}})
        blend, calibration, behaviours = _build(manifest, tensors, spec)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"model artefact is malformed ({error}); {REMEDY}") from error
    _refuse_unless_finite(tensors)
    scorer = ModelScorer(blend, calibration=calibration, behaviours=behaviours, digest=str(digest))
    state, x, *expected = (tensors[name] for name in _GOLDEN)
    worst = max(
        float((np.abs(a - b) / np.maximum(np.abs(b), 1.0)).max(initial=0.0))
        for a, b in zip(_golden_outputs(scorer, state, x), expected, strict=True)
    )
    if not worst <= TOLERANCE:
        raise ConfigError(
            f"model {digest[:12]} computes its golden batch {worst:.1e} off; the limit is {TOLERANCE:.0e}: {REMEDY}"
        )
    return Artifact(manifest=manifest, digest=str(digest), scorer=scorer, behaviours=behaviours)


def read_manifest(data: bytes) -> dict[str, Any]:
    """The manifest as it stands in the bytes, its format checked and nothing else: enough to list models.

    Raises:
        ConfigError: If the bytes aren't an artefact of this format.
    """
    try:
        size = int.from_bytes(data[:8], "little")
        if len(data) < 8 or size > len(data) - 8:
            raise ValueError(f"it ends after {len(data)} bytes")
        header = json.loads(data[8 : 8 + size])
        described: dict[str, Any] = json.loads(header["__metadata__"]["manifest"])
        version = described["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"not a model artefact of streamseg ({error}); give a file from `streamseg train`") from error
    if version != FORMAT_VERSION:
        raise ConfigError(f"model format is {version!r}; this program reads {FORMAT_VERSION}: {REMEDY}")
    return described


def _build(
    manifest: Manifest, tensors: Mapping[str, NDArray[Any]], spec: WindowSpec
) -> tuple[Blend, Calibration, Behaviours]:
    """Refuse a model of other features, types or windows; else put its parts together."""
    _refuse_other_names("features", manifest.features, FEATURES)
    _refuse_other_names("touchpoint types", manifest.types, TYPES)
    window = (manifest.window_length_days, manifest.window_origin_ms)
    if window != (spec.length_days, spec.origin_ms):
        raise ConfigError(
            f"model was trained on windows of {window[0]} days from {window[1]} ms; "
            f"this worker cuts {spec.length_days} days from {spec.origin_ms} ms: set the same windows or {REMEDY}"
        )
    networks = tuple(
        ServedNetwork(parts["encoder"], parts["hidden"], beneath(f"{index}.", tensors))
        for index, parts in enumerate(manifest.networks)
    )
    if tensors["average"].shape != (len(FEATURES),):
        raise ValueError(f"averages of shape {tensors['average'].shape}")
    spend = DaySpend(**manifest.spend) if manifest.spend is not None else None
    blend = Blend(networks, _restore(manifest.classical), manifest.share, tensors["average"], spend)
    calibration = Calibration(**manifest.calibration)
    limits = (calibration.horizon_days, calibration.level, calibration.slope, calibration.value_level)
    if not all(math.isfinite(value) and value > 0 for value in limits) or not math.isfinite(calibration.offset):
        raise ConfigError(f"model calibration is {calibration}; expected finite numbers above 0: {REMEDY}")
    return blend, calibration, from_manifest(manifest.behaviours)


def _describe(classical: Classical | None) -> Mapping[str, Any] | None:
    if classical is None:
        return None
    counts = {field.name: getattr(classical.counts, field.name) for field in fields(MODELS[classical.name])}
    return {"name": classical.name, "counts": counts, "spend": asdict(classical.spend)}


def _restore(described: Mapping[str, Any] | None) -> Classical | None:
    if described is None:
        return None
    name = described["name"]
    return Classical(name, MODELS[name](**described["counts"]), GammaGamma(**described["spend"]))


def _refuse_other_names(what: str, found: Sequence[str], expected: Sequence[str]) -> None:
    if tuple(found) == tuple(expected):
        return
    missing = sorted(set(expected) - set(found))
    unknown = sorted(set(found) - set(expected))
    detail = f"missing {missing}, unknown {unknown}" if missing or unknown else "in another order"
    raise ConfigError(
        f"model reads {len(found)} {what}, this program makes {len(expected)} ({detail}); "
        f"{REMEDY}, or run the version of streamseg that made it"
    )


def _refuse_unless_finite(tensors: Mapping[str, NDArray[Any]]) -> None:
    for name, value in sorted(tensors.items()):
        if not np.isfinite(value).all():
            raise ConfigError(
                f"model tensor {name} holds {int((~np.isfinite(value)).sum())} non-finite numbers; {REMEDY}"
            )


def _golden_outputs(
    scorer: ModelScorer, state: NDArray[Any], x: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    scores = scorer.score(state, x)
    columns = (scores.churn_probability, scores.expected_outcomes, scores.expected_value)
    return scorer.advance(state, x), np.column_stack((*columns, scores.behaviour_distance))


def _digest(described: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over the manifest (without its own digest) and every tensor with name, type and shape."""
    seen = hashlib.sha256(_canonical(described).encode())
    for name, value in sorted(tensors.items()):
        seen.update(f"\0{name}\0{value.dtype.str}\0{value.shape}\0".encode())
        seen.update(np.ascontiguousarray(value).tobytes())
    return seen.hexdigest()


def _canonical(described: Mapping[str, Any]) -> str:
    return json.dumps(described, sort_keys=True, separators=(",", ":"), allow_nan=False)
