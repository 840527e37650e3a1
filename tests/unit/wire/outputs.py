"""Outputs to try the encoders on; topics/examples/valid holds the same as JSON."""

from __future__ import annotations

from streamseg.wire.ids import model_cause, output_id, silence_cause
from streamseg.wire.outputs import CustomerProfile, Decision, Reason

NOON_MS = 1_709_642_096_789
WEEK_MS = 7 * 86_400_000
QUARTER_MS = 90 * 86_400_000
MONDAY_MS = 1_710_115_200_000

ENTERED = Decision(
    event_id=output_id(b"c-1001", "e-17", "entered"),
    kind="entered",
    customer_id="c-1001",
    segment="new",
    previous_segment=None,
    score=None,
    threshold=None,
    horizon_days=90,
    reasons=(),
    model_version=None,
    event_time=NOON_MS,
    processed_time=NOON_MS + 223,
    valid_until=NOON_MS + QUARTER_MS,
    origin="live",
    holdout=False,
)
CHANGED = Decision(
    event_id=output_id(b"c-1001", silence_cause(MONDAY_MS), "changed"),
    kind="changed",
    customer_id="c-1001",
    segment="at_risk/bargain",
    previous_segment="active/bargain",
    score=0.8125,
    threshold=0.75,
    horizon_days=90,
    reasons=(
        Reason("silence", "raises", 0.25, "no touchpoint for 41 days"),
        Reason(
            "purchases",
            "lowers",
            -0.0625,
            "6 to 8 weeks ago: purchases on 2 days",
            from_time=MONDAY_MS - 8 * WEEK_MS,
            until_time=MONDAY_MS - 5 * WEEK_MS,
        ),
    ),
    model_version="2024-03-01.a1b2c3",
    event_time=MONDAY_MS,
    processed_time=MONDAY_MS + 1_011,
    valid_until=MONDAY_MS + QUARTER_MS,
    origin="live",
    holdout=True,
)
RECONCILED = Decision(
    event_id=output_id(b"c-1001", model_cause("2024-04-01.d4e5f6", MONDAY_MS), "changed"),
    kind="changed",
    customer_id="c-1001",
    segment="cooling/bargain",
    previous_segment="at_risk/bargain",
    score=0.5,
    threshold=0.75,
    horizon_days=90,
    reasons=(Reason("model_changed", "lowers", -0.3125, "another model looks at the same history"),),
    model_version="2024-04-01.d4e5f6",
    event_time=MONDAY_MS,
    processed_time=MONDAY_MS + 2_000,
    valid_until=MONDAY_MS + QUARTER_MS,
    origin="reconcile",
    holdout=True,
)
EXITED = Decision(
    event_id=output_id(b"c-1001", "e-18", "exited"),
    kind="exited",
    customer_id="c-1001",
    segment=None,
    previous_segment="at_risk/bargain",
    score=None,
    threshold=None,
    horizon_days=90,
    reasons=(Reason("consent_withdrawn", "lowers", 0.0, "the customer withdrew consent to profiling"),),
    model_version=None,
    event_time=NOON_MS,
    processed_time=NOON_MS,
    valid_until=NOON_MS + QUARTER_MS,
    origin="backfill",
    holdout=False,
)
ALERT = Decision(
    event_id=output_id(b"c-1001", silence_cause(MONDAY_MS), "churn_alert"),
    kind="churn_alert",
    customer_id="c-1001",
    segment="at_risk/bargain",
    previous_segment="active/bargain",
    score=0.8125,
    threshold=0.75,
    horizon_days=90,
    reasons=CHANGED.reasons,
    model_version="2024-03-01.a1b2c3",
    event_time=MONDAY_MS,
    processed_time=MONDAY_MS + 1_011,
    valid_until=MONDAY_MS + QUARTER_MS,
    origin="live",
    holdout=True,
)
PROFILE = CustomerProfile(
    event_id=output_id(b"c-1001", silence_cause(MONDAY_MS), "profile"),
    customer_id="c-1001",
    segment="at_risk/bargain",
    churn_probability=0.8125,
    expected_purchases=0.375,
    expected_value=12.5,
    expected_value_low=0.0,
    expected_value_high=40.25,
    valid_until=MONDAY_MS + QUARTER_MS,
    model_version="2024-03-01.a1b2c3",
    event_time=MONDAY_MS,
    processed_time=MONDAY_MS + 1_011,
    horizon_days=90,
    origin="live",
    holdout=True,
)
EXAMPLES: dict[str, Decision | CustomerProfile] = {
    "segment-change-entered": ENTERED,
    "segment-change-changed": CHANGED,
    "segment-change-reconciled": RECONCILED,
    "segment-change-exited": EXITED,
    "churn-alert": ALERT,
    "customer-profile": PROFILE,
}
"""By the name of their file in topics/examples/valid."""
CAUSES = {name: silence_cause(MONDAY_MS) for name in EXAMPLES} | {
    "segment-change-entered": "e-17",
    "segment-change-reconciled": model_cause("2024-04-01.d4e5f6", MONDAY_MS),
    "segment-change-exited": "e-18",
}
"""What brought each about."""
