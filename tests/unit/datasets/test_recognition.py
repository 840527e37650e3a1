"""A model that learnt from one simulated shop recognises silence and behaviour in another, where the truth is known."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
import orjson
import pytest

from streamseg.core.spec import CoreSpec
from streamseg.core.windows import DAY_MS
from streamseg.datasets import jsonl
from streamseg.datasets.past import past_of
from streamseg.datasets.simulator import KINDS, Options, Simulated, simulate
from streamseg.model.artifact import load
from streamseg.model.plan import TrainingPlan
from streamseg.model.train import train
from streamseg.pipeline import Rules
from streamseg.replay import replay_effects
from streamseg.wire.times import parse_rfc3339
from streamseg.wire.topics import CUSTOMER_PROFILES
from streamseg.wire.touchpoint import DecodeLimits

PAST = Options(seed=21, customers=400, events=30_000)
PRESENT = replace(PAST, seed=22)

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Seen:
    """What the worker concluded about the customers of `shop`."""

    shop: Simulated
    risks_at: dict[int, list[tuple[int, float]]]
    """Instant (ms) and risk of every profile of each customer, in order."""

    def risks(self, kind: str) -> list[float]:
        """The last risks of all scored customers of a kind."""
        members = np.flatnonzero(self.shop.people.kind == KINDS.index(kind)).tolist()
        return [self.risks_at[customer][-1][1] for customer in members if self.risks_at[customer]]


@pytest.fixture(scope="module")
def seen() -> Seen:
    spec = CoreSpec()
    past = past_of(jsonl.chunked(jsonl.records(simulate(PAST).lines()), 8_192), limits=DecodeLimits())
    trained = train(past.batches, spec=spec, plan=TrainingPlan(epochs=6, hidden=16))
    scorer = load(trained.artifact, spec=spec.windows).scorer
    shop = simulate(PRESENT)
    risks_at: dict[int, list[tuple[int, float]]] = defaultdict(list)
    chunks = jsonl.chunked(jsonl.records(shop.lines()), 8_192)
    for effects in replay_effects(chunks, rules=Rules(spec=spec), scorer=scorer):
        for output in effects.outputs:
            said = orjson.loads(output.value or b"{}")
            if output.topic == CUSTOMER_PROFILES and said.get("churn_probability") is not None:
                customer = int(said["customer_id"][1:])
                risks_at[customer].append((parse_rfc3339(said["event_time"]), said["churn_probability"]))
    return Seen(shop, risks_at)


def higher(ones: list[float], others: list[float]) -> float:
    """How often one of the first is above one of the second; 0.5 = no difference (the area under the ROC curve)."""
    return float((np.array(ones)[:, None] > np.array(others)[None, :]).mean())


def test_who_fell_silent_for_ever_ends_with_a_higher_risk_than_who_buys_on(seen: Seen) -> None:
    assert higher(seen.risks("churner"), seen.risks("loyal")) > 0.8


def test_who_only_looks_ends_with_a_higher_risk_than_who_buys_seldom(seen: Seen) -> None:
    assert higher(seen.risks("browser"), seen.risks("loyal")) > 0.9
    assert higher(seen.risks("browser"), seen.risks("occasional")) > 0.7


def test_silence_alone_raises_the_risk_of_a_churner(seen: Seen) -> None:
    people = seen.shop.people
    then_and_now = []
    for customer in np.flatnonzero(people.kind == KINDS.index("churner")).tolist():
        before = [risk for ms, risk in seen.risks_at[customer] if ms < people.churn_ms[customer]]
        if before and people.churn_ms[customer] < people.end_ms - 150 * DAY_MS:
            then_and_now.append((before[-1], seen.risks_at[customer][-1][1]))
    assert len(then_and_now) >= 20
    assert sum(now > then for then, now in then_and_now) > 0.9 * len(then_and_now)
