"""The publisher of a latency run: so many touchpoints a second, each stamped with the instant at which it was due.

Arrives: the load's file and a `Pace`. Leaves: touchpoints on the topic, and one line of JSON: when it began, and how
late it was itself. A process of its own: `python -m tests.bench.latency.pace '{"rate": 5000.0, ...}'`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from pathlib import Path

import numpy as np
import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from streamseg.datasets import jsonl
from streamseg.kafka.partitioner import partition_of
from streamseg.kafka.produce import BATCH_BYTES
from streamseg.wire.topics import TOUCHPOINTS
from tests.bench.place import Place
from tests.faults.cluster import PARTITIONS

TICK_MS = 5
"""What is due within it leaves together: a request of some touchpoints, as publishers with a small linger send."""
POOL = 50_000
"""Touchpoints of the load's end whose customers and contents come again, each under an id of its own."""

LEAD_MS = 500
MAKING_MS = 0.02
"""From being ready to the first touchpoint, and how long it takes to make each of them, with time to spare."""

Template = tuple[bytes, bytes, int]
"""Customer, the fields behind the ids and the time, and the partition."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When what is published."""

    rate: float
    """Touchpoints a second, above 0."""
    seconds: float
    new_every: int
    """Each so many-th touchpoint is the first of a new customer: it brings an output about, whatever the model."""
    begin_ms: int = 0
    """When the first is due, milliseconds UTC; set by the publisher, when it is ready."""

    @property
    def touchpoints(self) -> int:
        """Of the whole run."""
        return round(self.rate * self.seconds)

    def due_ms(self, number: int) -> int:
        """When the touchpoint of this number, from 0, is due: whole ticks, never decreasing.

        >>> [Pace(500.0, 1.0, 50, 1_000).due_ms(number) for number in (0, 1, 2, 3, 4)]
        [1000, 1000, 1000, 1005, 1005]
        """
        return self.begin_ms + int(number * 1_000 / self.rate) // TICK_MS * TICK_MS

    def command(self) -> list[str]:
        """Of the process that keeps it."""
        return [sys.executable, "-m", "tests.bench.latency.pace", json.dumps(asdict(self))]


@dataclass(frozen=True, slots=True)
class Kept:
    """How it went: the one line that the process says."""

    begin_ms: int
    """When the first was due, milliseconds UTC."""
    late_ms_p99: float
    """99 % of the requests left this process at most so late."""


def templates(lines: Iterator[bytes]) -> list[Template]:
    """What comes again, from JSON lines; what can't be read is left out.

    >>> line = b'{"event_id":"e1","customer_id":"c1","event_time":5,"type":"view"}'
    >>> templates(iter([line, b"{"]))
    [(b'c1', b'"type":"view"}', 3)]
    """
    found = []
    for line in lines:
        try:
            doc = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if not isinstance(doc, dict) or not isinstance(customer_id := doc.get("customer_id"), str):
            continue
        rest = {name: value for name, value in doc.items() if name not in ("event_id", "customer_id", "event_time")}
        customer = customer_id.encode()
        found.append((customer, orjson.dumps(rest)[1:], partition_of(customer, PARTITIONS)))
    return found


def touchpoint(number: int, template: Template, pace: Pace) -> tuple[int, bytes, bytes]:
    """Partition, key and value of the touchpoint of this number.

    >>> pace = Pace(500.0, 1.0, 2, 1_000)
    >>> touchpoint(2, (b"c1", b'"type":"view"}', 3), pace)
    (3, b'c1', b'{"event_id":"1000-2","customer_id":"c1","event_time":1000,"type":"view"}')
    >>> touchpoint(3, (b"c1", b'"type":"view"}', 3), pace)[1]
    b'new-1000-3'
    """
    customer, rest, partition = template
    if number % pace.new_every == pace.new_every - 1:
        customer = b"new-%d-%d" % (pace.begin_ms, number)
        partition = partition_of(customer, PARTITIONS)
    # About 200 bytes, as the load's: its ids have the length of UUIDs, these haven't.
    value = b'{"event_id":"%d-%d","customer_id":"%b","event_time":%d,%b' % (
        pace.begin_ms,
        number,
        customer,
        pace.due_ms(number),
        rest,
    )
    return partition, customer, value


async def keep(pace: Pace, bootstrap: str, pool: list[Template]) -> Kept:
    """Publish by a pace whose beginning is set now, and return it.

    Everything is made beforehand: to make it in time would take a third of a core from whom it is sent to.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=0, max_batch_size=BATCH_BYTES)
    await producer.start()
    made_ms = round(LEAD_MS + pace.touchpoints * MAKING_MS)
    pace = replace(pace, begin_ms=time.time_ns() // 1_000_000 + made_ms)
    ticks = list(_ticks(producer, pace, cycle(pool)))
    if (late_ms := time.time() * 1_000 - pace.begin_ms) > 0:
        raise RuntimeError(f"{pace.touchpoints:,} touchpoints took {late_ms:,.0f} ms more to make than {made_ms:,} ms")
    deliveries, lateness_ms = [], []
    for due_ms, batches in ticks:
        await asyncio.sleep(max(0.0, due_ms / 1_000 - time.time()))
        for partition, batch in batches:
            deliveries.append(await producer.send_batch(batch, TOUCHPOINTS, partition=partition))
        lateness_ms.append(time.time() * 1_000 - due_ms)
    await asyncio.gather(*deliveries)
    await producer.stop()
    return Kept(pace.begin_ms, round(float(np.quantile(lateness_ms, 0.99)), 1))


def _ticks(
    producer: AIOKafkaProducer, pace: Pace, contents: Iterator[Template]
) -> Iterator[tuple[int, list[tuple[int, BatchBuilder]]]]:
    """When something is due, and the record batches of it by partition."""
    number = 0
    while number < pace.touchpoints:
        due_ms = pace.due_ms(number)
        batches = [producer.create_batch() for _ in range(PARTITIONS)]
        while number < pace.touchpoints and pace.due_ms(number) == due_ms:
            partition, key, value = touchpoint(number, next(contents), pace)
            if batches[partition].append(timestamp=due_ms, key=key, value=value) is None:
                raise RuntimeError(
                    f"the touchpoints of {TICK_MS} ms at {pace.rate:,.0f}/s don't fit in a batch of {BATCH_BYTES} bytes"
                )
            number += 1
        yield due_ms, [(partition, batch) for partition, batch in enumerate(batches) if batch.record_count()]


def main() -> None:
    """Keep the pace that the argument tells, at the place that the environment tells."""
    place, pace = Place.here(), Pace(**json.loads(sys.argv[1]))
    print(json.dumps(asdict(asyncio.run(keep(pace, place.bootstrap, templates(_last_lines(place.load)))))))


def _last_lines(load: Path) -> Iterator[bytes]:
    values = [record.value for chunk in jsonl.read(load) for record in chunk]
    return iter(values[-POOL:])


if __name__ == "__main__":
    main()
