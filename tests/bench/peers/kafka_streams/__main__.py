"""A row of the bench: one variant of the Kafka Streams peer, run until the harness ends it.

`python -m tests.bench.peers.kafka_streams memory tuned 1`
"""

from __future__ import annotations

import signal
import sys
import time

from streamseg.core.spec import CoreSpec
from streamseg.model.artifact import load
from tests.bench.peers.kafka_streams.check import prepare
from tests.bench.peers.kafka_streams.peer import LATENCY_VARIANTS, VARIANTS, StreamsPeer, Variant
from tests.bench.place import Place

LOOK_S = 0.2


def main() -> None:
    """Start, and stop with this process."""
    variant = _named(*sys.argv[1:])
    place = Place.here()
    weights = prepare(load(place.model.read_bytes(), spec=CoreSpec().windows), place.scratch)
    peer = StreamsPeer(place.bootstrap, variant, weights, place.scratch, application_id=place.group)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        peer.start()
        while peer.is_alive:
            time.sleep(LOOK_S)
        sys.exit(f"the Kafka Streams peer ended by itself\n{peer.log_tail()}")
    finally:
        peer.stop()


def _named(store: str, profile: str, threads: str) -> Variant:
    """Find a variant of one of the tables."""
    asked = (store, profile, threads)
    return next(one for one in VARIANTS + LATENCY_VARIANTS if (one.store, one.profile, str(one.threads)) == asked)


if __name__ == "__main__":
    main()
