"""The table of what is measured, and at which settings. To add a measure, add a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.growth import online
from tests.bench.load import Load
from tests.bench.place import Place


@dataclass(frozen=True, slots=True)
class Measure:
    """One number over some settings of one thing."""

    name: str
    """For `--rows`."""
    what: str
    unit: str
    axis: str
    """What is varied."""
    settings: tuple[int, ...]
    reference: int
    """The setting that the others are set against, in the same round."""
    online: Callable[[Place, int], float] | None = None
    """How it is measured on Kafka; None = in a process of its own, by the part of `offline` of its name."""


LOAD = Load()
"""Of the memory, and of what runs on Kafka: 50,000 customers over 52 weeks."""
PER_S = "touchpoints/s"
MEASURES: tuple[Measure, ...] = (
    Measure(
        "customers",
        "pipeline, the same 10,000 come",
        PER_S,
        "customers in the table",
        (1_000, 10_000, 100_000, 1_000_000),
        10_000,
    ),
    Measure(
        "spread",
        "pipeline, all come by turns",
        PER_S,
        "customers in the table",
        (1_000, 10_000, 100_000, 1_000_000),
        10_000,
    ),
    Measure("windows", "pipeline", PER_S, "days of a window", (1, 7, 28), 7),
    Measure("batch", "pipeline", PER_S, "records of a batch", (250, 1_000, 4_000, 16_000, 32_000), 16_000),
    Measure("silence", "sweep at a week's end", "customers/s", "customers", (10_000, 100_000), 10_000),
    Measure("memory", "growth of the process", "bytes/customer", "customers", (LOAD.customers,), LOAD.customers),
    Measure("restore", "changelog rows to tables", "customers/s", "customers", (10_000, 100_000, 1_000_000), 100_000),
    Measure("partitions", "worker", PER_S, "partitions", (1, 4, 16, 64), 4, online.partitions),
    Measure("workers", "workers", PER_S, "worker processes", (1, 2), 1, online.workers),
    Measure("retraining", "worker beside trainings", PER_S, "trainings", (0, 1), 0, online.retraining),
    Measure("changelog", "changelog topic to table", "customers/s", "customers", (100_000,), 100_000, online.changelog),
    Measure("restart", "process start to first output", "s", "customers", (100_000,), 100_000, online.restart),
)


def measures_named(names: str) -> tuple[Measure, ...]:
    """The measures of a comma-separated list, in the order of the table; all for an empty one.

    Raises:
        ValueError: If there is no such measure.

    >>> [measure.name for measure in measures_named("memory,customers")]
    ['customers', 'memory']
    """
    asked = [name.strip() for name in names.split(",") if name.strip()]
    known = [measure.name for measure in MEASURES]
    if unknown := [name for name in asked if name not in known]:
        raise ValueError(f"no measure {', '.join(unknown)}; expected some of {', '.join(known)}")
    return tuple(measure for measure in MEASURES if not asked or measure.name in asked)
