"""The commands about the model registry: `streamseg models list | show | compare | publish | promote | rollback`.

Arrives: the parsed command line. Leaves: an exit code, what is printed, and with every change a decision on the topic.
Packages are imported inside, by the command that needs them: `streamseg --help` must not wait for numpy.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streamseg.errors import ConfigError
from streamseg.surroundings import find_brokers, load_settings, read_artifact

if TYPE_CHECKING:
    from streamseg.kafka.registry import Registry
    from streamseg.model.artifact import Artifact
    from streamseg.wire.model_decisions import Why

DONE: Final = 0
"""Exit code; whatever goes wrong is an error that the command line tells."""


def list_models(_: argparse.Namespace) -> int:
    """Show what the registry holds, the oldest first."""
    from streamseg.model.artifact import read_manifest
    from streamseg.model.card import members
    from streamseg.wire.times import rfc3339

    registry = _registry()
    marks = _marks(registry)
    for version in registry.versions:
        model = registry.model(version)
        manifest = read_manifest(model.data)
        print(
            f"{marks.get(version, ''):8}{version}  stored {rfc3339(model.stored_ms)}  data until "
            f"{rfc3339(manifest['data_until_ms'])[:10]}  {manifest['customers']:,} customers  {members(manifest)}  "
            f"log loss {manifest['metrics']['candidate.log_loss']:.4f}  "
            f"AUC {manifest['metrics']['candidate.auc']:.4f}"
        )
    if not registry.versions:
        print("no models; publish one with `streamseg models publish FILE`")
    return DONE


def show(arguments: argparse.Namespace) -> int:
    """Show one model's card, its whole manifest where asked for, and what was decided about it."""
    import orjson

    from streamseg.model.artifact import read_manifest
    from streamseg.model.card import model_card
    from streamseg.wire.model_decisions import describe_decision

    registry = _registry()
    decided = [one for one in registry.decisions if one.version == arguments.version]
    # Of a challenger that was refused only the decisions are kept.
    if arguments.version in registry.versions or not decided:
        manifest = read_manifest(registry.model(arguments.version).data)
        if arguments.json:
            print(orjson.dumps(manifest, option=orjson.OPT_INDENT_2).decode())
            return DONE
        print(model_card(manifest))
    print("## Decisions\n")
    for decision in decided:
        print(f"- {describe_decision(decision)}")
        for name, value in decision.figures.items():
            print(f"  - {name} {value:.6g}")
    if not decided:
        print("none is remembered")
    return DONE


def compare(arguments: argparse.Namespace) -> int:
    """Show the figures of two models side by side, and judge both on a file's outcomes where one is given."""
    from streamseg.compose import core_spec
    from streamseg.model.artifact import load

    registry, windows = _registry(), core_spec(load_settings()).windows
    one, other = (load(registry.model(version).data, spec=windows) for version in (arguments.one, arguments.other))
    _print_beside(one, other, one.manifest.metrics, other.manifest.metrics)
    if arguments.input is not None:
        _judge_both(one, other, arguments.input)
    return DONE


def publish(arguments: argparse.Namespace) -> int:
    """Check an artefact, store it and point at it."""
    from streamseg.compose import core_spec, kafka_access
    from streamseg.kafka.registry import publish as publish_model
    from streamseg.model.artifact import load

    chosen = load_settings()
    data = read_artifact(arguments.file)
    version = load(data, spec=core_spec(chosen).windows).version
    asyncio.run(
        publish_model(
            kafka_access(chosen),
            version,
            data,
            kind="stored" if arguments.keep_current else "promoted",
            why=_why(arguments),
        )
    )
    print(f"{version} is stored{'' if arguments.keep_current else ' and current'}")
    return DONE


def promote(arguments: argparse.Namespace) -> int:
    """Point at a stored model."""
    from streamseg.kafka.registry import promote as promote_model

    asyncio.run(promote_model(find_brokers(), arguments.version, why=_why(arguments)))
    print(f"{arguments.version} is current")
    return DONE


def rollback(arguments: argparse.Namespace) -> int:
    """Point at the model before the current one."""
    from streamseg.kafka.registry import rollback as roll_back

    print(f"{asyncio.run(roll_back(find_brokers(), why=_why(arguments)))} is current again")
    return DONE


def _judge_both(one: Artifact, other: Artifact, path: Path) -> None:
    """Print how both forecast what the file says of the time that neither has seen."""
    from streamseg.compose import core_spec, decode_limits
    from streamseg.datasets.past import read_past
    from streamseg.model.history import collect
    from streamseg.model.matured import compare_matured
    from streamseg.wire.times import rfc3339

    chosen = load_settings()
    past = read_past(path, limits=decode_limits(chosen, live=False))
    since_ms = max(one.manifest.data_until_ms, other.manifest.data_until_ms)
    matured = compare_matured(one.scorer, other.scorer, collect(past.batches, core_spec(chosen)), since_ms=since_ms)
    if matured is None:
        raise ConfigError(
            f"{path} has no outcome to judge by: nothing after {rfc3339(since_ms)}, which both models have seen, has "
            f"matured; give a longer file"
        )
    print(f"\non {matured.rows:,} outcomes since {rfc3339(since_ms)[:10]}, over {matured.horizon_days:g} days:")
    _print_beside(one, other, matured.new.flat("matured"), matured.old.flat("matured"))
    print(f"log loss of {one.version} minus that of {other.version}: {matured.low:+.4f} to {matured.high:+.4f}")


def _print_beside(one: Artifact, other: Artifact, left: Mapping[str, float], right: Mapping[str, float]) -> None:
    print(f"{'':28}{one.version:>16}{other.version:>16}")
    for name in dict.fromkeys((*left, *right)):
        print(f"{name:28}{_cell(left.get(name)):>16}{_cell(right.get(name)):>16}")


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4f}"


def _marks(registry: Registry) -> dict[str, str]:
    """What a reader of the list looks for: who serves, who waits, and where a rollback goes."""
    shadow = registry.shadow
    return {
        **dict.fromkeys(registry.before[:1], "before"),
        **({str(shadow.version): "shadow"} if shadow else {}),
        **({registry.current: "current"} if registry.current else {}),
    }


def _why(arguments: argparse.Namespace) -> Why:
    from streamseg.wire.model_decisions import Why

    return Why("operator", time.time_ns() // 1_000_000, (arguments.reason,))


def _registry() -> Registry:
    from streamseg.kafka.registry import read

    return asyncio.run(read(find_brokers()))
