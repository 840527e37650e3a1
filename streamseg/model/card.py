"""The model card: what a person must know of a model before trusting it, in Markdown, from its manifest alone.

A manifest arrives, as it stands in the artefact. Leaves: text. It knows no file, no registry and no clock; the template
is documented in docs/model-card.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from streamseg.wire.times import rfc3339

FIGURES: Final = ("log_loss", "auc", "brier", "ece", "bias_pct", "alert_rate")
"""Columns of the table of contenders; a contender is whoever has the first of them in the metrics."""


def model_card(manifest: Mapping[str, Any]) -> str:
    """Write the card.

    Args:
        manifest: As `model.artifact.read_manifest` gives it.
    """
    sections = (
        f"# Model {str(manifest['sha256'])[:12]}\n\n{_purpose(manifest)}",
        f"## Data\n\n{_data(manifest)}",
        f"## How good it was before it served\n\n{_figures(manifest)}",
        f"## Calibration\n\n{_calibration(manifest['calibration'])}",
        f"## What the gate said\n\n{_list(manifest['reasons'])}",
        f"## Segments\n\n{_segments(manifest['behaviours'])}",
        f"## Limits\n\n{_list(_limits(manifest))}",
    )
    return "\n\n".join(sections) + "\n"


def contenders(metrics: Mapping[str, float]) -> list[str]:
    """Names of all that were judged on the same outcomes, the candidate first.

    >>> contenders({"past_rate.log_loss": 0.6, "candidate.log_loss": 0.5, "candidate.auc": 0.8, "origin_ms": 0})
    ['candidate', 'past_rate']
    """
    names = {name.removesuffix(f".{FIGURES[0]}") for name in metrics if name.endswith(f".{FIGURES[0]}")}
    return sorted(names, key=lambda name: (name != "candidate", name))


def _purpose(manifest: Mapping[str, Any]) -> str:
    return (
        f"Forecasts for each customer whether {_either(manifest['outcome_types'])} follows within "
        f"{manifest['horizon_days']:g} days, how often, and what it is worth. Members: {members(manifest)}; "
        f"windows of {manifest['window_length_days']} days with {len(manifest['features'])} features each."
    )


def members(manifest: Mapping[str, Any]) -> str:
    """What a model is made of, in a few words.

    >>> members({"networks": [{"encoder": "lstm", "hidden": 32}], "classical": {"name": "pareto_nbd"}, "share": 0.25})
    'lstm-32 75 %, pareto_nbd 25 %'
    """
    networks = ", ".join(f"{one['encoder']}-{one['hidden']}" for one in manifest["networks"])
    if manifest["classical"] is None:
        return networks
    name, share = manifest["classical"]["name"], manifest["share"]
    return f"{networks} {1 - share:.0%}, {name} {share:.0%}".replace("%", " %") if networks else f"{name} alone"


def _data(manifest: Mapping[str, Any]) -> str:
    parent = manifest["parent"]
    return (
        f"{manifest['customers']:,} customers, from {_day(manifest['data_from_ms'])} to "
        f"{_day(manifest['data_until_ms'])}. "
        + (f"Trained to replace {parent}." if parent else "The first of its line: it replaced no other.")
    )


def _figures(manifest: Mapping[str, Any]) -> str:
    metrics = manifest["metrics"]
    rows = [f"| | {' | '.join(FIGURES)} |", f"|---{'|---:' * len(FIGURES)}|"]
    for name in contenders(metrics):
        values = (metrics.get(f"{name}.{figure}") for figure in FIGURES)
        rows.append(f"| {name} | {' | '.join('' if value is None else f'{value:.4f}' for value in values)} |")
    return (
        f"Judged from {_day(int(metrics['origin_ms']))} on, by weights fitted before, over "
        f"{metrics['origin_horizon_days']:g} days, on {metrics['candidate.rows']:,.0f} instants:\n\n" + "\n".join(rows)
    )


def _calibration(calibration: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in calibration.items())


def _segments(behaviours: Mapping[str, Any]) -> str:
    named = zip(behaviours["ids"], behaviours["names"], behaviours["descriptions"], strict=True)
    told = [f"{name} ({one}): {description}" for one, name, description in named]
    return _list([*told, f"Stability {behaviours['stability']:.2f} (bootstrap ARI).", *behaviours["remarks"]])


def _limits(manifest: Mapping[str, Any]) -> Iterable[str]:
    judged_days, horizon_days = manifest["metrics"]["origin_horizon_days"], manifest["horizon_days"]
    yield f"It has seen nothing after {_day(manifest['data_until_ms'])}; what changed since, it does not know."
    if judged_days < horizon_days:
        yield (
            f"The history was too short to judge {horizon_days:g} days: it was judged over {judged_days:g}, and the "
            f"rest is extrapolated."
        )
    yield "Its figures are those of weights fitted before the origin; the weights that serve were fitted on all."
    yield "It says who is likely to be lost, not who can be won: that takes the hold-out group."


def _either(names: Iterable[str]) -> str:
    return " or ".join(names)


def _day(time_ms: int) -> str:
    return rfc3339(time_ms)[:10]


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
