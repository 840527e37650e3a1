"""The load of a benchmark: a simulated shop's touchpoints as JSON lines, and a model of the year before them.

Arrives: how much of it. Leaves: a file of lines, and an artefact. The same options give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streamseg.datasets import jsonl
from streamseg.datasets.simulator import DAY_MS, Options, simulate
from tests.faults.cluster import environment, run

LOAD_START_MS = 1_704_067_200_000
"""2024-01-01, a Monday."""
YEAR_DAYS = 364
LONG_IDS = (
    (b'"event_id":"e', b'"event_id":"0190f3c2-7b1e-4c55-9d0a-e'),
    (b'"session_id":"s', b'"session_id":"018f2d1a-51c4-4e2b-s'),
)
"""Publishers send UUIDs: with ids of their length a line has about 200 bytes instead of the simulator's 157."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much there is to do."""

    touchpoints: int = 1_000_000
    customers: int = 50_000
    weeks: int = 52
    """A year in a minute measures the sweeps of 52 weeks, too; four weeks are nearer to what a live worker meets."""
    hidden: int = 64
    """Units of the model."""
    seed: int = 11
    start_ms: int = LOAD_START_MS
    """Event time of the first touchpoint, about."""

    def lines(self) -> Iterator[bytes]:
        """The touchpoints as they arrive: 5 % out of order, 1 % repeated, 0.1 % that can't be decoded."""
        shop = Options(
            seed=self.seed,
            customers=self.customers,
            events=self.touchpoints,
            start_ms=self.start_ms,
            days=7 * self.weeks,
            zipf_exponent=1.0,
            out_of_order_share=0.05,
            duplicate_share=0.01,
            bad_share=0.001,
        )
        for line in simulate(shop).lines():
            for short, long in LONG_IDS:
                line = line.replace(short, long, 1)
            yield line

    def write(self, path: Path) -> float:
        """Write the touchpoints to a file, and return the mean bytes of a line."""
        count = jsonl.write(path, self.lines())
        return path.stat().st_size / count - 1

    def train(self, folder: Path) -> Path:
        """Train on the year before the load, with 1,000 customers of the same kind.

        How good a model is doesn't change how fast it is; all of the load would only take longer.
        """
        past, model = folder / "past.jsonl", folder / "bench.model"
        start_ms = self.start_ms - YEAR_DAYS * DAY_MS
        before = Options(seed=self.seed + 1, customers=1_000, events=40_000, start_ms=start_ms, days=YEAR_DAYS)
        jsonl.write(past, simulate(before).lines())
        env = environment("unused:9092", STREAMSEG_MODEL_HIDDEN_SIZE=str(self.hidden))
        run(["train", "--input", str(past), "--output", str(model)], env, limit_s=1_800)
        return model
