"""Bytewax: fold in a keyed step, score in batches across customers, decide in a second keyed step; one worker.

Its outputs may repeat after a failure, where the worker is exactly once: left out in its favour. It keeps its offsets
in its recovery store and commits none, so a thread tells the broker four times a second how far scoring has come, for
the harness to read; that is before the outputs are written, and in its favour. Undecodable touchpoints are dropped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from confluent_kafka import Consumer, TopicPartition

from streamseg.core.scores import Float32Array
from tests.bench.peers.decide import TOPIC_OF, Decided, Said, decide, is_gated
from tests.bench.peers.fold import Customer, Touch, read
from tests.bench.peers.network import NumpyModel, TorchModel, scorer_of
from tests.bench.place import Place

if TYPE_CHECKING:
    from bytewax.dataflow import Dataflow

COMMIT_S = 0.25


class Arrived(NamedTuple):
    """A touchpoint, and where it stood."""

    touch: Touch
    partition: int
    offset: int


class Scorable(NamedTuple):
    """A touchpoint that was counted in, with what its score is made from."""

    arrived: Arrived
    state: Float32Array
    x: list[float] | None
    """(F,); None below the gate."""
    at_ms: int
    quiet_since_ms: int


def flow() -> Dataflow:
    """The dataflow of `python -m bytewax.run`."""
    import bytewax.operators as op
    from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
    from bytewax.dataflow import Dataflow

    place = Place.here()
    steps = _Steps(place)

    def record(said: tuple[str, Said]) -> Any:
        key, payload = said
        return KafkaSinkMessage(key.encode(), orjson.dumps(payload), topic=TOPIC_OF[payload["kind"]])

    dataflow = Dataflow("bench")
    messages = op.input("touchpoints", dataflow, KafkaSource([place.bootstrap], ["touchpoints"]))
    touches = op.filter_map("read", messages, arrived)
    folded = op.stateful_map("fold", touches, steps.fold)
    scored = op.flat_map_batch("score", folded, steps.score)
    said = op.stateful_flat_map("decide", scored, steps.decide)
    op.output("said", op.map("record", said, record), KafkaSink([place.bootstrap], None))
    return dataflow


def arrived(message: Any) -> tuple[str, Arrived] | None:
    """A message of the source, by customer; None for what is no touchpoint."""
    touch = read(message.value)
    return None if touch is None else (touch.customer_id, Arrived(touch, message.partition, message.offset))


class _Steps:
    def __init__(self, place: Place) -> None:
        scorer = scorer_of(place)
        self._one, self._many = NumpyModel(scorer), TorchModel(scorer)
        self._progress = _Progress(place)

    def fold(
        self, kept: tuple[Customer, Float32Array] | None, arrived: Arrived
    ) -> tuple[tuple[Customer, Float32Array], Scorable]:
        customer, state = kept or (Customer.met(arrived.touch), self._one.zero)
        if closed := customer.add(arrived.touch):
            state = self._one.advance(state, closed)
        at_ms = customer.last_ms
        x = None if is_gated(customer, at_ms) else customer.features(at_ms)
        return (customer, state), Scorable(arrived, state, x, at_ms, customer.quiet_since_ms)

    def score(self, batch: list[tuple[str, Scorable]]) -> Iterable[tuple[str, tuple[Scorable, float | None]]]:
        asked = [(one.state, one.x) for _, one in batch if one.x is not None]
        risks = iter(self._many.risks([state for state, _ in asked], [x for _, x in asked]) if asked else ())
        scored = [(key, (one, None if one.x is None else next(risks))) for key, one in batch]
        self._progress.reached(one.arrived for _, one in batch)
        return scored

    def decide(self, decided: Decided | None, scored: tuple[Scorable, float | None]) -> tuple[Decided, Iterable[Said]]:
        (one, risk), decided = scored, decided or Decided()
        said = decide(
            decided,
            one.arrived.touch,
            risk,
            at_ms=one.at_ms,
            quiet_since_ms=one.quiet_since_ms,
            version=self._one.version,
        )
        return decided, said


class _Progress:
    """The offsets up to which everything is scored, committed for the harness."""

    def __init__(self, place: Place) -> None:
        self._consumer = Consumer({"bootstrap.servers": place.bootstrap, "group.id": place.group})
        self._next: dict[int, int] = {}
        threading.Thread(target=self._tell, daemon=True).start()

    def reached(self, touches: Iterable[Arrived]) -> None:
        for touch in touches:
            if touch.offset >= self._next.get(touch.partition, 0):
                self._next[touch.partition] = touch.offset + 1

    def _tell(self) -> None:
        while True:
            time.sleep(COMMIT_S)
            reached = [TopicPartition("touchpoints", *where) for where in list(self._next.items())]
            if reached:
                self._consumer.commit(offsets=reached, asynchronous=False)
