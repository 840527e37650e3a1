"""The demo's data, cut in two: what the model is trained on, and what then streams.

Arrives: the name of a dataset. Leaves: batches of the earlier part, and records of the later one with their times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamseg.datasets import catalogue, jsonl
from streamseg.datasets.past import past_of
from streamseg.errors import InvariantError
from streamseg.wire.batch import TouchpointBatch
from streamseg.wire.times import parse_rfc3339
from streamseg.wire.touchpoint import DecodeLimits

CUT_AT: Final = {
    # Three quarters of each year: enough history to learn a 90-day horizon from, and a season to watch.
    "online_retail": "2011-09-01T00:00:00Z",
    "journey": "2017-10-01T00:00:00Z",
}
_CURRENCY: Final = {"online_retail": "GBP", "journey": "USD"}


@dataclass(frozen=True, slots=True)
class Halves:
    """A dataset before and after the cut."""

    earlier: list[TouchpointBatch]
    later: list[jsonl.FileRecord]
    """N records in time order."""
    later_ms: NDArray[np.int64]
    """(N,) event times of `later`, milliseconds UTC, never decreasing."""


def halves(dataset: str) -> Halves:
    """Read a dataset and cut it at its time in `CUT_AT`.

    Raises:
        ConfigError: If the dataset's package is missing.
        InvariantError: If the data are not what they are known to be.
    """
    limits = DecodeLimits(base_currency=base_currency(dataset))
    records = list(jsonl.records(catalogue.lines(dataset)))
    until_ms = parse_rfc3339(CUT_AT[dataset])
    past = past_of(jsonl.chunked(records, jsonl.CHUNK), limits=limits, until_ms=until_ms)
    later = records[len(past) :]
    rest = past_of(jsonl.chunked(later, jsonl.CHUNK), limits=limits)
    if past.refused or len(rest) != len(later):
        raise InvariantError(f"the dataset {dataset} has lines that are no touchpoints: {past.refused + rest.refused}")
    later_ms = np.concatenate([batch.event_ms for batch in rest.batches])
    if int(later_ms.min()) < until_ms or (np.diff(later_ms) < 0).any():
        raise InvariantError(f"the dataset {dataset} is not in time order; install streamseg again")
    return Halves(past.batches, later, later_ms)


def base_currency(dataset: str) -> str:
    """The currency of a dataset's amounts."""
    return _CURRENCY[dataset]
