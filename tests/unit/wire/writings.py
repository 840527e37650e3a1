"""A decision or a profile as the event path writes it: through columns, one record alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from streamseg.wire.outputs import CustomerProfile, Decision
from streamseg.wire.spans import joined
from streamseg.wire.writing import KINDS, REASON, SAID, Given, Terms, terms, write

NUMBERS = CustomerProfile._fields[3:8]


def written(output: Decision | CustomerProfile, cause: str) -> bytes:
    """The JSON that leaves."""
    is_profile = isinstance(output, CustomerProfile)
    said = np.zeros(1, SAID)
    said["is_reconciled"] = output.origin == "reconcile"
    said["time_ms"] = output.event_time, output.processed_time, output.valid_until
    said["segment"] = output.segment is not None
    if isinstance(output, CustomerProfile):
        said["is_scored"] = output.churn_probability is not None
        said["forecast"] = [getattr(output, name) or 0.0 for name in NUMBERS]
    else:
        said["is_alert"] = output.kind == "churn_alert"
        said["becomes"] = 0 if output.kind == "churn_alert" else KINDS.index(output.kind)
        said["previous"] = 2 * (output.previous_segment is not None)
        said["is_scored"] = output.score is not None
        said["forecast"][0, 0] = output.score or 0.0
        said["last_reason"] = len(output.reasons)
    reasons = () if isinstance(output, CustomerProfile) else output.reasons
    columns = np.zeros(len(reasons), REASON)
    for row, reason in enumerate(reasons):
        columns[row] = (
            *(row, reason.direction == "raises", reason.contribution),
            [-1 if time is None else time for time in (reason.from_time, reason.until_time)],
        )
    phrases = joined([orjson.dumps(reason.words) for reason in reasons])
    given = Given(
        _terms(output), said, joined([output.customer_id.encode()]), joined([cause.encode()]), columns, phrases
    )
    text, left = write(given)
    at = left[-1 if is_profile else 0]
    return text[at["start"] : at["stop"]].tobytes()


def _terms(output: Decision | CustomerProfile) -> Terms:
    decision: dict[str, Any] = output._asdict()
    return terms(
        threshold=decision.get("threshold") or 0.75,
        horizon_days=output.horizon_days,
        model=output.model_version or "",
        origin="live" if output.origin == "reconcile" else output.origin,
        segments=(output.segment or "", decision.get("previous_segment") or ""),
        reasons=tuple(reason.name for reason in decision.get("reasons", ())),
        run="",
        holdout_percent=100 * output.holdout,
    )
