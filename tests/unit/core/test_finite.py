"""A model that gives what is no number brings nothing out: the batch fails before anything could be committed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import orjson
import pytest

from streamseg.core.scores import Float32Array, Scores
from streamseg.errors import InvariantError
from streamseg.pipeline import Pipeline, Rules
from tests.oracle.dial_scorer import DialScorer
from tests.oracle.streams import DAY, MONDAY, Record

NO_NUMBERS = pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e15])
REFUSAL = "^model dial-a gave a number that is not finite, or not below 1e[+]15; nothing was committed: roll back"


@dataclass(slots=True)
class BrokenScorer(DialScorer):
    """Gives one bad number in every answer from the `after`-th on."""

    column: str = "churn_probability"
    number: float = 0.0
    after: int = 0
    answers: int = 0

    def score(self, state: Float32Array, x: Float32Array) -> Scores:
        scores = DialScorer.score(self, state, x)
        self.answers += 1
        if self.answers > self.after:
            scores = replace(scores, **{self.column: np.full_like(getattr(scores, self.column), self.number)})
        return scores


def visits(count: int) -> list[Record]:
    said = [
        {"event_id": f"e{day}", "customer_id": "ada", "type": "view", "event_time": MONDAY + day * DAY}
        for day in range(0, 7 * count, 7)
    ]
    return [Record(b"ada", orjson.dumps(one), MONDAY, number) for number, one in enumerate(said)]


@NO_NUMBERS
@pytest.mark.parametrize("column", ["churn_probability", "expected_value", "value_high", "behaviour_distance"])
def test_a_score_that_is_no_number_is_refused(column: str, number: float) -> None:
    pipeline = Pipeline(Rules(), BrokenScorer(column=column, number=number))
    with pytest.raises(InvariantError, match=REFUSAL):
        pipeline.process(visits(6), now_ms=None)


@NO_NUMBERS
def test_a_reason_that_is_no_number_is_refused(number: float) -> None:
    pipeline = Pipeline(Rules(), BrokenScorer(number=number, after=1))
    with pytest.raises(InvariantError, match=REFUSAL):
        pipeline.process(visits(6)[:5], now_ms=None)
