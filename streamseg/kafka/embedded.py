"""A Kafka inside this process, for the demo, quick tests and a laptop with only Python: librdkafka's mock cluster.

Nothing arrives; an address leaves. Consumer groups, transactions and read_committed work. It refuses to be more: topics
appear on first use with four partitions, there is no CreateTopics and no compaction, a partition keeps about 5 MB, and
everything is forgotten at the end. State that outgrows 5 MB a partition can't be restored from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer

PARTITIONS = 4
"""Partitions of each topic that appears; fixed by librdkafka."""


@contextmanager
def embedded_broker(*, brokers: int = 1) -> Iterator[str]:
    """Run a mock cluster for as long as the block lasts.

    Args:
        brokers: How many brokers it has, 1 to 16. More than one only adds ports.

    Yields:
        The bootstrap servers, `host:port[,host:port...]` on 127.0.0.1.

    >>> with embedded_broker() as bootstrap:
    ...     bootstrap.startswith("127.0.0.1:")
    True
    """
    # The cluster lives inside this client and dies with it; its own bootstrap servers are never contacted.
    owner = Producer({"bootstrap.servers": "embedded:9092", "test.mock.num.brokers": brokers, "log_level": 0})
    metadata = owner.list_topics(timeout=10)
    try:
        yield ",".join(f"{broker.host}:{broker.port}" for broker in metadata.brokers.values())
    finally:
        owner.flush(0)
        del owner
