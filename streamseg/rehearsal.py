"""The journey of a few made-up touchpoints, so that no real one waits until the loops of the event path are compiled.

Arrives: the rules and the scorer of a worker. Leaves: nothing; the machine code is in memory, and on disk for the next
start where that can be written.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import orjson

from streamseg.core.latest import Latest
from streamseg.core.remembered import CHUNK_IDS
from streamseg.core.scores import Scorer
from streamseg.core.windows import DAY_MS
from streamseg.kafka.batches_in import read_batches
from streamseg.kafka.batches_out import record_batches
from streamseg.kafka.client import BATCH_BYTES
from streamseg.kafka.partitioner import partitions_of
from streamseg.partition_row import Position
from streamseg.pipeline import Pipeline, Rules
from streamseg.wire.blocks import in_one
from streamseg.wire.records import BATCH, Records, read_records

START_MS: Final = 1_704_067_200_000
"""2024-01-01; any time will do."""


def rehearse(rules: Rules, scorer: Scorer) -> None:
    """Take a customer who falls silent, and another, from a fetch to Kafka's batches and back; all is thrown away."""
    pipeline = Pipeline(rules, scorer)
    window_days = rules.spec.windows.length_days
    at_first = [0] * (CHUNK_IDS + 1)  # the ids of a chunk, and one that closes it
    days = [*at_first, *(window_days * week for week in range(1, rules.spec.gate_touchpoints + 3))]
    sent = [_record("rehearsal", number, day) for number, day in enumerate(days)]
    sent.append(_record("rehearsal", len(days) - 1, days[-1]))  # a repeat
    sent.append(_record("other", len(days), days[-1] + 3 * window_days + rules.spec.gate_age_days))
    records = _read(sent)
    assert records[0].headers  # one on its own, as a dead letter is made of it
    effects = pipeline.process(records, now_ms=None, position=Position(len(records), "", 1))
    pipeline.sweep(len(records), now_ms=None)
    partitions_of(in_one(effects.said).key, 1)
    written, latest = in_one(effects.rows), Latest()
    for batch in record_batches(written, np.arange(len(written)), now_ms=0, limit_bytes=BATCH_BYTES):
        restored, _ = read_batches(batch._build(), 0, [], where="the rehearsal", check_crcs=True)
        latest.add(*restored.keys_and_values())
    assert Pipeline(rules, scorer).restore(latest.block())


def _read(sent: list[bytes]) -> Records:
    """Read them as they come from a broker, each in a record batch of its own."""
    batches = np.zeros(len(sent), BATCH)
    batches["stop"] = np.cumsum([len(record) for record in sent])
    batches["start"][1:] = batches["stop"][:-1]
    batches["offset"], batches["count"] = np.arange(len(sent)), 1
    batches["base_ms"], batches["is_appended"] = -1, True  # an unknown time: nothing is clamped to it
    return read_records(np.frombuffer(bytearray().join(sent), np.uint8), batches, 0)


def _record(customer_id: str, number: int, day: int) -> bytes:
    """A touchpoint as a Kafka record with one header."""
    time_ms = START_MS + day * DAY_MS
    said = {
        "event_id": f"{customer_id}-{number}",
        "customer_id": customer_id,
        "type": "purchase" if number % 2 else "view",
        "event_time": time_ms,
        "amount": 12.5,
        "session_id": "s",
    }
    key, value = customer_id.encode(), orjson.dumps(said)
    record = b"".join((bytes(3), _size(key), key, _size(value), value, b"\x02", _size(b"h"), b"h", _size(b"")))
    return _size(record) + record


def _size(text: bytes) -> bytes:
    """The number of bytes, below 8,192, as a varint of two."""
    return bytes((len(text) << 1 & 0x7F | 0x80, len(text) >> 6))


if __name__ == "__main__":  # for the image of a container: python -m streamseg.rehearsal
    from streamseg.core.features import FEATURES
    from streamseg.model.blend import Blend
    from streamseg.model.calibrate import Calibration
    from streamseg.model.scorer import unfinished
    from streamseg.model.serving.network import ServedNetwork, shapes

    any_weights = {name: np.ones(shape, np.float32) for name, shape in shapes("lstm", 32).items()}
    network = ServedNetwork("lstm", 32, any_weights)
    blend = Blend((network,), None, 0.0, np.zeros(len(FEATURES), np.float32))
    rehearse(Rules(), unfinished(blend, Calibration(Rules().horizon_days)))
