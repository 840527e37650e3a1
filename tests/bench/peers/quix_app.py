"""Quix Streams: a stateful `apply` on a StreamingDataFrame, state in RocksDB with a changelog, as its tutorials do.

At least once with a commit every 5 s, its defaults, where the worker is exactly once: left out in its favour. It hands
over one touchpoint at a time, so the network is stepped in numpy, which is faster for one row than torch. Undecodable
touchpoints are dropped.
"""

from __future__ import annotations

import pickle
from typing import Any

from tests.bench.peers.decide import TOPIC_OF, Said
from tests.bench.peers.fold import read
from tests.bench.peers.job import work
from tests.bench.peers.network import NumpyModel, scorer_of
from tests.bench.place import Place

KEPT = "kept"


def main() -> None:
    """Run until the harness ends it."""
    from quixstreams import Application, State

    place = Place.here()
    model = NumpyModel(scorer_of(place))
    app = Application(
        broker_address=place.bootstrap,
        consumer_group=place.group,
        auto_offset_reset="earliest",
        state_dir=place.scratch / "quix",
        loglevel="WARNING",
    )

    def score(value: bytes, state: State[str, Any]) -> list[Said]:
        touch = read(value)
        if touch is None:
            return []
        packed = state.get_bytes(KEPT)
        kept, said = work(None if packed is None else pickle.loads(packed), touch, model)
        state.set_bytes(KEPT, pickle.dumps(kept, pickle.HIGHEST_PROTOCOL))
        return said

    topics = {kind: app.topic(name, value_serializer="json") for kind, name in TOPIC_OF.items()}

    def topic_of(said: Said, key: Any, timestamp: int, headers: Any) -> Any:
        return topics[said["kind"]]

    touchpoints = app.dataframe(app.topic("touchpoints", value_deserializer="bytes"))
    touchpoints.apply(score, stateful=True, expand=True).to_topic(topic_of)
    app.run()


if __name__ == "__main__":
    main()
