"""The journey of a few made-up touchpoints, so that no real one waits until the loops of the event path are compiled.

Arrives: the rules and the scorer of a worker. Leaves: nothing; the machine code is in memory, and on disk for the next
start where that can be written.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import orjson

from streamseg.core.scores import Scorer
from streamseg.core.windows import DAY_MS
from streamseg.partition_row import Position
from streamseg.pipeline import Pipeline, Rules

START_MS: Final = 1_704_067_200_000
"""2024-01-01; any time will do."""


class _Line(NamedTuple):
    key: bytes
    value: bytes
    timestamp: int
    offset: int
    headers: tuple[tuple[str, bytes], ...] = ()


def rehearse(rules: Rules, scorer: Scorer) -> None:
    """Take a customer who falls silent, and another one, through every stage of a pipeline that is thrown away."""
    pipeline = Pipeline(rules, scorer)
    window_days = rules.spec.windows.length_days
    days = [0, 0, *(window_days * week for week in range(1, rules.spec.gate_touchpoints + 3))]
    lines = [_line("rehearsal", number, day) for number, day in enumerate(days)]
    lines.append(_line("rehearsal", len(days) - 1, days[-1]))  # a repeat
    lines.append(_line("other", len(days), days[-1] + 3 * window_days + rules.spec.gate_age_days))
    pipeline.process(lines, now_ms=None, position=Position(len(lines), "", 1))
    pipeline.sweep(len(lines), now_ms=None)


def _line(customer_id: str, number: int, day: int) -> _Line:
    time_ms = START_MS + day * DAY_MS
    said = {
        "event_id": f"{customer_id}-{number}",
        "customer_id": customer_id,
        "type": "purchase" if number % 2 else "view",
        "event_time": time_ms,
        "amount": 12.5,
        "session_id": "s",
    }
    return _Line(customer_id.encode(), orjson.dumps(said), time_ms, number)


if __name__ == "__main__":  # for the image of a container: python -m streamseg.rehearsal
    import numpy as np

    from streamseg.core.features import FEATURES
    from streamseg.model.blend import Blend
    from streamseg.model.calibrate import Calibration
    from streamseg.model.scorer import unfinished
    from streamseg.model.serving.network import ServedNetwork, shapes

    any_weights = {name: np.ones(shape, np.float32) for name, shape in shapes("lstm", 32).items()}
    network = ServedNetwork("lstm", 32, any_weights)
    blend = Blend((network,), None, 0.0, np.zeros(len(FEATURES), np.float32))
    rehearse(Rules(), unfinished(blend, Calibration(Rules().horizon_days)))
