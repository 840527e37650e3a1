"""The bare consumer: aiokafka's `getmany` and `orjson.loads`, what no Python worker on this client can pass."""

from __future__ import annotations

import asyncio
import json
import time

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamseg.kafka.client import FETCH_BYTES
from tests.bench.place import Place
from tests.faults.cluster import PARTITIONS


async def read_all(place: Place) -> float:
    """Read and parse every touchpoint once; the seconds that it took."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=place.bootstrap, auto_offset_reset="earliest", max_partition_fetch_bytes=FETCH_BYTES
    )
    await consumer.start()
    consumer.assign([TopicPartition("touchpoints", partition) for partition in range(PARTITIONS)])
    read, started = 0, time.perf_counter()
    while read < place.touchpoints:
        for records in (await consumer.getmany(timeout_ms=500, max_records=8_000)).values():
            for record in records:
                try:
                    orjson.loads(record.value)
                except orjson.JSONDecodeError:
                    continue
            read += len(records)
    seconds = time.perf_counter() - started
    await consumer.stop()
    return seconds


if __name__ == "__main__":
    here = Place.here()
    print(json.dumps({"touchpoints": here.touchpoints, "seconds": asyncio.run(read_all(here))}))
