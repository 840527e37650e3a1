"""Plain Faust: one agent, one Table, torch for each touchpoint, as its tutorial counts page views.

At least once, which is Faust's default, where the worker is exactly once: left out in its favour, as is RocksDB (the
table is in memory, its changelog on the broker). Undecodable touchpoints are dropped, too.
"""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterable
from typing import Any

import faust
import orjson

from tests.bench.peers.decide import TOPIC_OF
from tests.bench.peers.fold import read
from tests.bench.peers.job import work
from tests.bench.peers.network import TorchModel, scorer_of
from tests.bench.place import Place
from tests.faults.cluster import PARTITIONS


def app_of(place: Place) -> faust.App:
    """The app; its id is the consumer group."""
    model = TorchModel(scorer_of(place))
    app = faust.App(
        place.group,
        broker=f"kafka://{place.bootstrap}",
        store="memory://",
        datadir=str(place.scratch / "faust"),
        topic_partitions=PARTITIONS,
        web_enabled=False,
    )
    touchpoints = app.topic("touchpoints", key_serializer="raw", value_serializer="raw")
    outputs = {kind: app.topic(name, key_serializer="raw", value_serializer="raw") for kind, name in TOPIC_OF.items()}
    customers = app.Table("customers", key_type=bytes, value_type=bytes, partitions=PARTITIONS)

    async def score(stream: Any) -> None:
        events: AsyncIterable[Any] = stream.events()
        async for event in events:
            touch = read(event.value)
            if touch is None:
                continue
            key = event.key
            packed = customers.get(key)
            kept, said = work(None if packed is None else pickle.loads(packed), touch, model)
            # Bytes: as JSON, its default, a state of 128 numbers would cost more than the network.
            customers[key] = pickle.dumps(kept, pickle.HIGHEST_PROTOCOL)
            for payload in said:
                await outputs[payload["kind"]].send(key=key, value=orjson.dumps(payload))

    app.agent(touchpoints)(score)
    return app


if __name__ == "__main__":
    faust.Worker(app_of(Place.here()), loglevel="warning").execute_from_commandline()
