"""Outputs as a reader of committed records gets them, and how old what brought them about was at that moment.

Arrives: records of the topics of outputs. Leaves: how many milliseconds lie between each one's cause and its reading.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from streamseg.core.scores import Float64Array
from streamseg.core.windows import DAY_MS
from streamseg.wire.topics import CHURN_ALERTS, CUSTOMER_PROFILES, SEGMENT_CHANGES

POLL_S: Final = 0.05
_EVENT_TIME: Final = re.compile(rb'"event_time":(?:(\d+)|"([^"]+)")')


class Reader:
    """Reads what is written after it was made.

    Args:
        bootstrap: Where the broker listens.
        group: Of the contender: Kafka Streams' outputs have one topic, named after it.
    """

    def __init__(self, bootstrap: str, group: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"{group}-reader",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "log_level": 2,
            }
        )
        there = self._consumer.list_topics(timeout=30).topics
        names = [one for one in (SEGMENT_CHANGES, CHURN_ALERTS, CUSTOMER_PROFILES, f"{group}-outputs") if one in there]
        wanted = [TopicPartition(name, partition) for name in names for partition in there[name].partitions]
        for each in wanted:
            each.offset = self._consumer.get_watermark_offsets(each, timeout=30)[1]
        self._consumer.assign(wanted)
        self._read: list[tuple[bytes, int]] = []

    def read_while(self, goes_on: Callable[[], bool], grace_s: float) -> None:
        """Read for as long as something goes on, and a moment more for what is still on its way."""
        end_s = math.inf
        while time.monotonic() < end_s:
            if math.isinf(end_s) and not goes_on():
                end_s = time.monotonic() + grace_s
            message = self._consumer.poll(POLL_S)
            if message is None or message.error() is not None:
                continue
            # Without a value: the tombstone of somebody who withdrew consent.
            if (value := message.value()) is not None:
                self._read.append((value, time.time_ns()))

    def latencies_ms(self, since_ms: int) -> Float64Array:
        """(N,) of the outputs whose touchpoints were due at or after this instant."""
        return latencies_ms(self._read, since_ms)

    def close(self) -> None:
        self._consumer.close()


def latencies_ms(read: Sequence[tuple[bytes, int]], since_ms: int) -> Float64Array:
    """From each touchpoint's instant to the reading of its output.

    Args:
        read: Values and when they were read, nanoseconds UTC.
        since_ms: Earlier causes are left out, milliseconds UTC.

    Returns:
        (N,) milliseconds. The turn of a day is left out: what is said of silence carries a window's end.

    >>> latencies_ms([(b'{"event_time":1004}', 1_010_500_000), (b'{"event_time":996}', 1_011_000_000)], 1_000)
    array([6.5])
    >>> latencies_ms([(b'{"event_time":"1970-01-01T00:00:01.004Z"}', 1_005_000_000)], 1_000)
    array([1.])
    """
    found = []
    for value, read_ns in read:
        event_ms = event_ms_of(value)
        if event_ms >= since_ms and event_ms % DAY_MS:
            found.append(read_ns / 1e6 - event_ms)
    return np.array(found, np.float64)


def event_ms_of(value: bytes) -> int:
    """The event time of an output, as a number or as RFC 3339, milliseconds UTC.

    Raises:
        ValueError: If there is none.
    """
    found = _EVENT_TIME.search(value)
    if found is None:
        raise ValueError(f"output {value[:80]!r} has no event_time; expected one of a touchpoint's milliseconds")
    if found[1]:
        return int(found[1])
    return round(datetime.fromisoformat(found[2].decode()).timestamp() * 1_000)
