"""What leaves: segment changes, churn alerts and customer profiles.

Declared once: `schema.py` makes the JSON Schemas of the three topics from these classes, `writing.py` the records.
Only finite numbers leave, with at most six decimals.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, NamedTuple

from streamseg.wire.declared import Says
from streamseg.wire.times import RFC3339_OUT_PATTERN

Kind = Literal["entered", "exited", "changed", "churn_alert"]
Origin = Literal["live", "backfill", "reconcile"]
Direction = Literal["raises", "lowers"]

_PROBABILITY: Final = {"minimum": 0, "maximum": 1}
_AT_LEAST_0: Final = {"minimum": 0}
_ID: Final = {"pattern": "^[0-9a-f]{32}$"}
_CUSTOMER: Final = {"minLength": 1, "maxLength": 128}
_TIME: Final = {"type": "string", "format": "date-time", "pattern": RFC3339_OUT_PATTERN}
"""A time is `int` milliseconds UTC in the value and RFC 3339 on the wire."""
_TIME_OR_NULL: Final = {**_TIME, "type": ["string", "null"]}

_SAYS_ID = Says(
    "Id of this output, derived from its cause: the same cause gives the same id, so a reader can drop a repeat.",
    _ID,
    "a0c16259de611a6cf9d6df81f4969839",
)
_SAYS_CUSTOMER = Says("The customer; also the record's key, in UTF-8.", _CUSTOMER, "c-1001")
_SAYS_HORIZON = Says("Days that the forecast looks ahead, from event_time.", {"minimum": 1}, 90)
_SAYS_MODEL = Says(
    "Version of the model that made the score; null where no model was asked.", None, "2024-03-01.a1b2c3"
)
_SAYS_EVENT_TIME = Says("Instant (event time) at which this became true.", _TIME, "2024-03-05T12:34:56.789Z")
_SAYS_PROCESSED = Says("When the worker decided it; equals event_time in a replay.", _TIME, "2024-03-05T12:34:57.012Z")
_SAYS_VALID = Says(
    "Until when a reader may act on it unless something newer arrives.", _TIME, "2024-06-03T12:34:56.789Z"
)
_SAYS_ORIGIN = Says(
    "live: brought about by the stream; backfill: by a re-run over old input; reconcile: by a new model alone.",
    None,
    "live",
)
_SAYS_HOLDOUT = Says("True for the share of customers to leave alone, so that the effect of actions can be measured.")


WHOLE_LIFE_MS: Final = -1
"""In columns of reasons: stands for both ends of a span that is no span; no window starts then."""


class Reason(NamedTuple):
    """One ground for a decision: what moved the churn risk, which way and by how much."""

    name: Annotated[
        str, Says("Stable name: a feature of the customer, or a kind of touchpoint.", {"minLength": 1}, "purchases")
    ]
    direction: Annotated[Direction, Says("Whether it raises or lowers the churn risk.")]
    contribution: Annotated[
        float,
        Says(
            "Churn probability as it is minus what it would be without this; the sign follows direction.", None, -0.21
        ),
    ]
    words: Annotated[
        str, Says("The facts, for people.", {"minLength": 1}, "2 to 5 weeks ago: purchases on 3 days, 1 review written")
    ]
    from_time: Annotated[
        int | None, Says("Start of the span that it is about; null where it is about the whole life.", _TIME_OR_NULL)
    ] = None
    until_time: Annotated[
        int | None, Says("End of that span, exclusive; event_time where the span reaches up to it.", _TIME_OR_NULL)
    ] = None


class Decision(NamedTuple):
    """A transition of one customer's segment, or a churn alert: one record of segment-changes or churn-alerts."""

    event_id: Annotated[str, _SAYS_ID]
    kind: Annotated[
        Kind, Says("entered: from no segment; exited: to none; changed: between two; churn_alert: act now.")
    ]
    customer_id: Annotated[str, _SAYS_CUSTOMER]
    segment: Annotated[
        str | None, Says("Segment from now on, stage/behaviour; null after exited.", None, "at_risk/bargain")
    ]
    previous_segment: Annotated[str | None, Says("Segment until now; null before entered.", None, "active/bargain")]
    score: Annotated[
        float | None, Says("Probability of churn in the horizon; null below the data gate.", _PROBABILITY, 0.81)
    ]
    threshold: Annotated[float | None, Says("Probability from which a customer is at risk.", _PROBABILITY, 0.75)]
    horizon_days: Annotated[int, _SAYS_HORIZON]
    reasons: Annotated[tuple[Reason, ...], Says("Grounds, the strongest first; may be empty.")]
    model_version: Annotated[str | None, _SAYS_MODEL]
    event_time: Annotated[int, _SAYS_EVENT_TIME]
    processed_time: Annotated[int, _SAYS_PROCESSED]
    valid_until: Annotated[int, _SAYS_VALID]
    origin: Annotated[Origin, _SAYS_ORIGIN]
    holdout: Annotated[bool, _SAYS_HOLDOUT]


class CustomerProfile(NamedTuple):
    """What is held true of one customer now: the latest record of customer-profiles; null after exit."""

    event_id: Annotated[str, _SAYS_ID]
    customer_id: Annotated[str, _SAYS_CUSTOMER]
    segment: Annotated[str | None, Says("Current segment, stage/behaviour.", None, "active/bargain")]
    churn_probability: Annotated[
        float | None, Says("Probability of churn; null below the data gate.", _PROBABILITY, 0.12)
    ]
    expected_purchases: Annotated[float | None, Says("Expected days with a purchase in the horizon.", _AT_LEAST_0, 3.4)]
    expected_value: Annotated[
        float | None, Says("Expected discounted spend in the horizon, base currency.", _AT_LEAST_0, 87.2)
    ]
    expected_value_low: Annotated[
        float | None, Says("In eight cases of ten the spend lies between this and the high one.", _AT_LEAST_0, 0.0)
    ]
    expected_value_high: Annotated[float | None, Says("The high end of that interval.", _AT_LEAST_0, 190.4)]
    valid_until: Annotated[int, _SAYS_VALID]
    model_version: Annotated[str | None, _SAYS_MODEL]
    event_time: Annotated[int, _SAYS_EVENT_TIME]
    processed_time: Annotated[int, _SAYS_PROCESSED]
    horizon_days: Annotated[int, _SAYS_HORIZON]
    origin: Annotated[Origin, _SAYS_ORIGIN]
    holdout: Annotated[bool, _SAYS_HOLDOUT]


class Output(NamedTuple):
    """One record that leaves, addressed by logical topic; the Kafka side adds prefix and partition."""

    topic: str
    """A name of `topics.TOPICS`."""
    key: bytes | None
    """Customer id in UTF-8; None only for a dead letter whose record had no key."""
    value: bytes | None
    """None is a tombstone (or the value that a dead letter arrived with)."""
    headers: tuple[tuple[str, bytes], ...] = ()
