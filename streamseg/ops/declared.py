"""The declarations of all metrics: name, unit, meaning, and when a person should be woken.

The one list: `metrics.py` and `retrain_metrics.py` make the metrics from it, docs/operations.md shows it,
deploy/prometheus/rules.yml alerts by it, and tests compare them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric: what a scraper, a dashboard and the person on call need to know of it."""

    name: str
    """As scraped, with the unit as its last word and `_total` where it only grows."""
    unit: str
    help: str
    alert: str
    """When to wake somebody; "never" where the number only explains another one."""
    labels: tuple[str, ...] = ()


WORKER: Final[tuple[Declared, ...]] = (
    Declared(
        "streamseg_events_received_total", "touchpoints", "Read from the touchpoints topic and committed.", "never"
    ),
    Declared(
        "streamseg_events_scored_total",
        "touchpoints",
        "Scored by the model.",
        "none for 15 min while events are received",
    ),
    Declared(
        "streamseg_events_dead_lettered_total",
        "touchpoints",
        "Undecodable; they stand in dead-letters, unchanged.",
        "above 1 % of those received, for 15 min",
        ("reason",),
    ),
    Declared("streamseg_events_duplicate_total", "touchpoints", "Seen before, by customer and event id.", "never"),
    Declared(
        "streamseg_events_too_late_total",
        "touchpoints",
        "Older than the allowed lateness; in late-touchpoints.",
        "above 1 % of those received, for 15 min",
    ),
    Declared(
        "streamseg_events_suppressed_total",
        "touchpoints",
        "Not scored: consent withdrawn, or too little data.",
        "never",
    ),
    Declared(
        "streamseg_events_clamped_total",
        "touchpoints",
        "Event time beyond append time plus the allowed skew.",
        "any, for an hour: a publisher's clock is wrong",
    ),
    Declared(
        "streamseg_events_foreign_currency_total",
        "touchpoints",
        "Amount in another currency: counted as spend 0.",
        "never",
    ),
    Declared(
        "streamseg_unknown_type_total", "touchpoints", "Type outside the vocabulary, kept as other.", "never", ("type",)
    ),
    Declared("streamseg_segment_changes_total", "outputs", "Segment changes that left, by kind.", "never", ("kind",)),
    Declared(
        "streamseg_churn_alerts_total", "outputs", "Churn alerts that left.", "ten times the rate of the day before"
    ),
    Declared("streamseg_batch_records", "records", "Touchpoints in a transaction.", "never"),
    Declared("streamseg_stage_seconds", "s", "Time of one batch in one stage of its journey.", "never", ("stage",)),
    Declared(
        "streamseg_end_to_end_latency_seconds",
        "s",
        "From append time to the commit of the outputs.",
        "99th percentile above 60 s, for 10 min",
    ),
    Declared(
        "streamseg_event_time_lag_seconds",
        "s",
        "Clock minus the partition's watermark.",
        "never: a quiet shop lags by nature",
        ("partition",),
    ),
    Declared(
        "streamseg_input_lag_records",
        "records",
        "Touchpoints on the partition that are not committed yet.",
        "growing for 15 min",
        ("partition",),
    ),
    Declared(
        "streamseg_sweep_backlog",
        "customers",
        "Silent customers that are due and not yet swept.",
        "above 0 for an hour",
        ("partition",),
    ),
    Declared(
        "streamseg_commits_total",
        "transactions",
        "Transactions that were committed.",
        "none for 5 min while the input lags",
    ),
    Declared(
        "streamseg_aborts_total",
        "transactions",
        "Transactions given up; the partition was restored and went on.",
        "more than 10 in 10 min",
    ),
    Declared(
        "streamseg_restores_total", "restores", "Partitions whose state was read back from the changelog.", "never"
    ),
    Declared("streamseg_restore_seconds", "s", "Time of such a restore.", "never"),
    Declared("streamseg_partitions", "partitions", "Input partitions that this worker serves.", "never"),
    Declared(
        "streamseg_model_info",
        "",
        "1 for the model in use: its version, and what it is made of.",
        "two versions at once, for 15 min",
        ("version", "serves"),
    ),
    Declared(
        "streamseg_model_trained_until_timestamp_seconds",
        "unix s",
        "End of the data behind the model in use.",
        "older than 90 days",
    ),
    Declared("streamseg_ready", "", "1 when the worker does its work; 0 with the reason in /readyz.", "0 for 10 min"),
)
RETRAIN: Final[tuple[Declared, ...]] = (
    Declared(
        "streamseg_retrain_decisions_total",
        "decisions",
        "Decisions of the retraining agent, by kind; the reasons stand on the topic models.",
        "any rolled_back; more than 3 failed in a day",
        ("kind",),
    ),
    Declared(
        "streamseg_retrain_drift",
        "",
        "Last figures of drift: PSI and KS of inputs and scores, outcomes that came over those expected, ECE.",
        "never: what exceeds its limit causes a training",
        ("figure",),
    ),
    Declared("streamseg_retrain_training_seconds", "s", "Time of the last training.", "never"),
    Declared("streamseg_retrain_touchpoints", "touchpoints", "Held of the topic to train and judge on.", "never"),
    Declared("streamseg_retrain_model_info", "", "1 for the model that is current.", "never", ("version",)),
    Declared(
        "streamseg_retrain_last_look_timestamp_seconds",
        "unix s",
        "When the agent last looked at the topic.",
        "older than a day",
    ),
)
DECLARED: Final = (*WORKER, *RETRAIN)


def described(declared: Declared) -> str:
    """The help text that a scraper reads, with unit and alert.

    >>> described(WORKER[0])
    'Read from the touchpoints topic and committed. Unit: touchpoints. Alert: never.'
    """
    unit = f" Unit: {declared.unit}." if declared.unit else ""
    return f"{declared.help}{unit} Alert: {declared.alert}."
