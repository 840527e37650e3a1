"""The tree of all settings: unit, range, default, and why the default is that.

Arrives: nothing. Leaves: the classes, and the refusal of values that are each in range and make no sense side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from streamseg.errors import ConfigError

PREFIX: Final = "STREAMSEG_"
"""Of every environment variable."""
ENCODERS: Final = ("lstm", "gru", "rnn", "attention")


def _text(default: str, why: str, *, choices: tuple[str, ...] = (), secret: bool = False, empty: bool = False) -> str:
    rule = {"why": why, "choices": choices, "secret": secret, "empty": empty}
    return field(default=default, metadata=rule, repr=not secret)


def _whole(default: int, low: int, high: int, unit: str, why: str) -> int:
    return field(default=default, metadata={"why": why, "low": low, "high": high, "unit": unit})


def _decimal(default: float, low: float, high: float, unit: str, why: str) -> float:
    return field(default=default, metadata={"why": why, "low": low, "high": high, "unit": unit})


def _names(default: tuple[str, ...], why: str, *, example: tuple[str, ...] = ()) -> tuple[str, ...]:
    return field(default=default, metadata={"why": why, "empty": not default, "example": default or example})


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How to reach the brokers. Environment names carry `KAFKA_`: `STREAMSEG_KAFKA_BOOTSTRAP_SERVERS`."""

    bootstrap_servers: str = _text(
        "localhost:9092", "host:port,...; where Kafka listens when run as its quick start says"
    )
    security_protocol: str = _text(
        "PLAINTEXT", "Kafka's own default", choices=("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
    )
    sasl_mechanism: str = _text(
        "SCRAM-SHA-512",
        "the strongest that needs no other server",
        choices=("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"),
    )
    sasl_username: str = _text("", "needed with SASL_*, but for OAUTHBEARER", empty=True)
    sasl_password: str = _text("", "needed with SASL_*, but for OAUTHBEARER", secret=True, empty=True)
    sasl_oauth_token_file: str = _text("", "needed with OAUTHBEARER; read anew for every connection", empty=True)
    ssl_ca_file: str = _text("", "PEM; empty = the system's authorities", empty=True)
    ssl_certificate_file: str = _text("", "PEM; with the key this is mutual TLS", empty=True)
    ssl_key_file: str = _text("", "PEM; the key of the certificate", empty=True)
    ssl_key_password: str = _text("", "empty = the key is not encrypted", secret=True, empty=True)
    session_timeout_ms: int = _whole(
        45_000, 6_000, 1_800_000, "ms", "Kafka's default; so long do a dead worker's partitions wait"
    )
    heartbeat_interval_ms: int = _whole(3_000, 100, 60_000, "ms", "Kafka's default; at most a third of the session")
    max_poll_interval_ms: int = _whole(300_000, 10_000, 3_600_000, "ms", "longer than any restore, else it never ends")
    transaction_timeout_ms: int = _whole(
        60_000, 1_000, 900_000, "ms", "Kafka's default; a dead worker's outputs wait so long"
    )


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How one worker runs. Environment names carry no section: `STREAMSEG_GROUP_ID`."""

    group_id: str = _text(
        "streamseg", "the consumer group; transactional ids derive from it, so two groups share nothing"
    )
    instance_id: str = _text(
        "", "one a worker: a restart within the session moves no partition; empty = dynamic", empty=True
    )
    clock: str = _text(
        "wall",
        "wall: an idle partition still notices silence; event: time stands still without touchpoints",
        choices=("event", "wall"),
    )
    metrics_host: str = _text("127.0.0.1", "metrics are no secret, but nobody else's business either")
    metrics_port: int = _whole(6066, 0, 65_535, "port", "Faust's port; 0 = no HTTP at all")
    max_batch_records: int = _whole(
        16_000, 1, 100_000, "records", "a customer's row is written once a transaction, so larger ones write fewer rows"
    )
    flush_deadline_ms: int = _whole(50, 1, 10_000, "ms", "an idle worker answers sooner than a person notices")
    sweep_slice_customers: int = _whole(
        2_048, 1, 1_000_000, "customers", "silent customers a transaction: a window's close never stalls live batches"
    )
    idle_after_ms: int = _whole(
        5_000, 100, 3_600_000, "ms", "wall clock only: so long without a record is idle, not slow"
    )
    watchdog_seconds: float = _decimal(
        120.0, 1, 3_600, "s", "lag and no commit for so long: rejoin, then exit for the supervisor to restart"
    )
    drain_seconds: float = _decimal(10.0, 1, 600, "s", "Docker and most supervisors kill after 10 s")
    log_level: str = _text("info", "what an operator acts on", choices=("debug", "info", "warning", "error"))
    log_format: str = _text(
        "text", "text for people; json, one object a line, for collectors", choices=("text", "json")
    )


@dataclass(frozen=True, slots=True)
class TouchpointSettings:
    """What is accepted as a touchpoint."""

    allowed_skew_ms: int = _whole(
        300_000,
        0,
        86_400_000,
        "ms",
        "later than its append time by more: clamped, one wrong clock must not age a partition",
    )
    max_value_bytes: int = _whole(
        65_536, 256, 1_000_000, "bytes", "a hundred times a usual touchpoint; larger ones are dead letters"
    )
    max_properties_bytes: int = _whole(8_192, 2, 1_000_000, "bytes", "properties are carried, not read")
    base_currency: str = _text(
        "GBP", "spend in another currency counts 0 (and in a metric); the demo's shop sells in GBP"
    )


@dataclass(frozen=True, slots=True)
class DecisionSettings:
    """The rules of segments and alerts."""

    window_days: int = _whole(7, 1, 56, "days", "a week holds one of each weekday; it stands in a model's manifest")
    window_origin_days: int = _whole(
        4,
        0,
        365,
        "days after 1970-01-01",
        "a Monday: weeks start where a shop's weeks do; it stands in a model's manifest",
    )
    allowed_lateness_ms: int = _whole(86_400_000, 0, 604_800_000, "ms", "phones that were offline over night")
    outcome_types: tuple[str, ...] = _names(("purchase", "renew"), "touchpoint types whose absence is churn")
    churn_horizon_days: int = _whole(90, 7, 730, "days", "a quarter without a purchase")
    gate_touchpoints: int = _whole(
        3, 1, 1_000, "touchpoints", "below it a score says more about the average than about the customer"
    )
    gate_age_days: int = _whole(7, 0, 365, "days", "one whole window of behaviour")
    silent_windows: int = _whole(
        52, 0, 520, "windows", "a year of silence; 0 looks at nobody between touchpoints: no alert without one"
    )
    reasons: str = _text(
        "all", "grounds of every change and alert; none saves about a quarter of the time", choices=("all", "none")
    )
    cooling_enter: float = _decimal(0.5, 0, 1, "risk", "more likely gone than not")
    cooling_exit: float = _decimal(0.4, 0, 1, "risk", "below entering, so that noise does not flap")
    at_risk_enter: float = _decimal(0.75, 0, 1, "risk", "three to one")
    at_risk_exit: float = _decimal(0.65, 0, 1, "risk", "below entering, so that noise does not flap")
    min_dwell_days: int = _whole(1, 0, 365, "days", "a campaign tool reads once a day")
    alert_cooldown_days: int = _whole(30, 0, 730, "days", "one retention offer a month and customer")
    won_back_days: int = _whole(30, 0, 730, "days", "a month to see whether the return lasts")
    lapse_days: int = _whole(90, 1, 3_650, "days", "as long as the horizon: what was forecast has happened")
    behaviour_margin: float = _decimal(
        0.8, 0.01, 1, "ratio", "another behaviour must be a fifth nearer than the present one"
    )
    profile_step: float = _decimal(0.1, 0, 1, "risk", "smaller moves of the risk publish no new profile")
    profile_ttl_days: int = _whole(90, 1, 3_650, "days", "the forecast's own horizon")
    holdout_percent: int = _whole(
        5, 0, 100, "% of customers", "marked, so that a campaign can spare them and measure its effect"
    )
    keep_ids: int = _whole(
        64, 1, 4_096, "ids", "duplicates older than the lateness are still known among a customer's last so many"
    )


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What is trained. Environment names carry `MODEL_`: `STREAMSEG_MODEL_ENCODER`."""

    encoder: str = _text(
        "lstm",
        "weekly steps of lstm or gru beat the classical models in log loss on 4 of 4 public sets",
        choices=ENCODERS,
    )
    hidden_size: int = _whole(32, 4, 512, "units", "32 to 48 were best; more only costs time")
    seeds: int = _whole(1, 1, 16, "networks", "served together: a little steadier, dearer by as many")
    epochs: int = _whole(10, 1, 1_000, "passes", "more fit the past better and the future worse on two public sets")
    seed: int = _whole(0, 0, 2_147_483_647, "", "the same data give the same model")


@dataclass(frozen=True, slots=True)
class RetrainSettings:
    """When a model is trained anew, and what that may take. Environment names: `STREAMSEG_RETRAIN_INTERVAL_HOURS`."""

    look_seconds: float = _decimal(3_600.0, 1, 604_800, "s", "drift and a bad model show in days, not in minutes")
    interval_hours: float = _decimal(
        0.0, 0, 8_760, "h", "0 = no schedule: drift says when a model is too old, the calendar doesn't"
    )
    new_touchpoints: int = _whole(
        0, 0, 1_000_000_000, "touchpoints", "0 = off: so many new ones, and a model is trained on them"
    )
    cooldown_hours: float = _decimal(24.0, 0, 8_760, "h", "a drift that no training mends must not train without end")
    drift_psi: float = _decimal(0.25, 0, 100, "PSI", "of an input or a score; the usual word for another population")
    drift_ks: float = _decimal(0.2, 0, 1, "KS", "of a score; a fifth of the customers lies elsewhere")
    drift_outcomes_ratio: float = _decimal(
        1.25, 1, 100, "ratio", "outcomes that came over those expected; one odd week moves all customers at once"
    )
    drift_ece: float = _decimal(0.05, 0, 1, "probability", "rise of the calibration error over the one at the gate")
    shadow_days: float = _decimal(
        0.0, 0, 365, "days", "0 = what passed the gate serves at once, and is rolled back if outcomes say so"
    )
    encoders: tuple[str, ...] = _names(
        (), "one challenger each, the best is judged; none = model.encoder", example=("lstm", "gru")
    )
    max_touchpoints: int = _whole(
        5_000_000, 1_000, 1_000_000_000, "touchpoints", "about 1 GB in memory; the oldest are dropped, the log says so"
    )
    max_minutes: float = _decimal(240.0, 0.1, 10_080, "min", "a training that takes longer than half a night hangs")
    max_memory_mb: int = _whole(8_192, 1_024, 1_048_576, "MB", "of the training process; half of a usual server")
    directory: str = _text(
        "", "keeps finished challengers, so that a killed training goes on; empty = none is kept", empty=True
    )
    metrics_port: int = _whole(0, 0, 65_535, "port", "on metrics_host; 0 = no HTTP, as beside a worker on one machine")


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole tree; `Settings()` is what runs when nothing is set."""

    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    touchpoints: TouchpointSettings = field(default_factory=TouchpointSettings)
    decisions: DecisionSettings = field(default_factory=DecisionSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    retrain: RetrainSettings = field(default_factory=RetrainSettings)

    def __post_init__(self) -> None:
        _check_together(self)


def _check_together(s: Settings) -> None:
    """Refuse values that are each in range and make no sense side by side."""
    d, k = s.decisions, s.kafka
    for stage in ("cooling", "at_risk"):
        enter, leave = getattr(d, f"{stage}_enter"), getattr(d, f"{stage}_exit")
        if leave > enter:
            raise ConfigError(
                f"decisions.{stage}_exit is {leave}; expected at most {stage}_enter ({enter}), else segments flap"
            )
    if d.at_risk_enter < d.cooling_enter:
        raise ConfigError(
            f"decisions.at_risk_enter is {d.at_risk_enter}; expected at least cooling_enter ({d.cooling_enter})"
        )
    if 3 * k.heartbeat_interval_ms > k.session_timeout_ms:
        raise ConfigError(
            f"kafka.heartbeat_interval_ms is {k.heartbeat_interval_ms}; expected at most a third of session_timeout_ms "
            f"({k.session_timeout_ms}), so that two lost heartbeats lose no partition"
        )
    if k.security_protocol.startswith("SASL"):
        _check_credentials(k)
    for encoder in s.retrain.encoders:
        if encoder not in ENCODERS:
            raise ConfigError(f"retrain.encoders has {encoder!r}; expected names of {', '.join(ENCODERS)}")
    currency = s.touchpoints.base_currency
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        raise ConfigError(f"touchpoints.base_currency is {currency!r}; expected an ISO 4217 code, for example GBP")
    if bool(k.ssl_certificate_file) != bool(k.ssl_key_file):
        raise ConfigError("kafka.ssl_certificate_file and kafka.ssl_key_file go together; set both, or neither")


def _check_credentials(k: KafkaSettings) -> None:
    if k.sasl_mechanism == "OAUTHBEARER":
        if not k.sasl_oauth_token_file:
            raise ConfigError(
                "kafka.sasl_mechanism is OAUTHBEARER without a token; "
                f"set {PREFIX}KAFKA_SASL_OAUTH_TOKEN_FILE to a file that has it"
            )
    elif not (k.sasl_username and k.sasl_password):
        raise ConfigError(
            f"kafka.security_protocol is {k.security_protocol} without user and password; "
            f"set {PREFIX}KAFKA_SASL_USERNAME and {PREFIX}KAFKA_SASL_PASSWORD"
        )
