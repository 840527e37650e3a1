"""Touchpoint files for tests of backtests, and forecasters that are no models: one that knows, one that guesses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from streamseg.core.scores import Float64Array
from streamseg.datasets import jsonl
from streamseg.model.forecaster import Forecasts
from streamseg.model.history import History
from streamseg.model.instants import Instants
from streamseg.wire.batch import MICRO
from streamseg.wire.vocabulary import TYPES
from tests.unit.model.simulated import DAY_MS, START_MS, some_shoppers

CUTOFF_MS = START_MS + 100 * DAY_MS
"""2021-04-14T00:00:00Z, a Wednesday: in mid-window."""


def a_touchpoint(customer: str, kind: str, event_ms: int, amount: float = 0.0, **more: Any) -> dict[str, Any]:
    return {"customer_id": customer, "type": kind, "event_time": event_ms, "amount": amount, **more}


def a_file(path: Path, touchpoints: Sequence[dict[str, Any]]) -> Path:
    """Ids by position, where none is given."""
    jsonl.write(path, (orjson.dumps({"event_id": f"e{i}", **one}) for i, one in enumerate(touchpoints)))
    return path


def other_customers(number: int = 50) -> list[dict[str, Any]]:
    """Enough to be measured: each buys for 10 on the 10th, 90th and 110th day, and all of them view on day 199."""
    return [
        a_touchpoint(f"other-{index:02}", kind, START_MS + day * DAY_MS, amount)
        for index in range(number)
        for day, kind, amount in (
            (10, "purchase", 10.0),
            (90, "purchase", 10.0),
            (110, "purchase", 10.0),
            (199, "view", 0),
        )
    ]


def shoppers(*, customers: int = 200, days: int = 200) -> list[dict[str, Any]]:
    """The simulated shoppers."""
    (batch,) = some_shoppers(customers, days)
    columns = (batch.type_code.tolist(), batch.event_ms.tolist(), batch.amount_micro.tolist())
    rows = zip(batch.customer_id, *columns, strict=True)
    return [a_touchpoint(who.decode(), TYPES[kind], ms, amount / MICRO) for who, kind, ms, amount in rows]


@dataclass(frozen=True, slots=True)
class Knowing:
    """Knows what comes, by customer id."""

    count: dict[bytes, int]
    spend: dict[bytes, float]
    name: str = "knowing"

    def forecast(self, history: History, instants: Instants, horizon_days: float) -> Forecasts:
        ids = [history.customer_ids[one] for one in instants.customer.tolist()]
        count = np.array([self.count.get(one, 0) for one in ids], np.float64)
        return Forecasts(np.where(count > 0, 0.0, 1.0), count, np.array([self.spend.get(one, 0.0) for one in ids]))


@dataclass(frozen=True, slots=True)
class Constant:
    """Says the same of everybody."""

    none: float = 0.5
    count: float = 1.0
    value: float = 10.0
    name: str = "constant"

    def forecast(self, history: History, instants: Instants, horizon_days: float) -> Forecasts:
        everybody: Float64Array = np.ones(len(instants))
        return Forecasts(self.none * everybody, self.count * everybody, self.value * everybody)
