"""From the settings to the values that each room takes: one function each, so that worker, replay and training agree.

Arrives: `Settings`. Leaves: small frozen values that name nothing of the settings. It knows the rooms and no behaviour.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from streamseg.core.decide import Policy
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import DAY_MS, WindowSpec
from streamseg.errors import ConfigError
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.token_file import TokenFile
from streamseg.model.plan import TrainingPlan
from streamseg.pipeline import Rules
from streamseg.settings import DecisionSettings, Settings
from streamseg.wire.touchpoint import DecodeLimits

if TYPE_CHECKING:
    from streamseg.model.drift import DriftLimits


def core_spec(settings: Settings) -> CoreSpec:
    """Windows, lateness, gate and outcome of this deployment.

    Raises:
        ConfigError: If values that are each in range don't fit together, or an outcome type is none of the vocabulary.
    """
    decisions = settings.decisions
    try:
        return CoreSpec(
            windows=WindowSpec(length_days=decisions.window_days, origin_ms=decisions.window_origin_days * DAY_MS),
            allowed_lateness_ms=decisions.allowed_lateness_ms,
            keep_ids=decisions.keep_ids,
            outcome_types=decisions.outcome_types,
            gate_touchpoints=decisions.gate_touchpoints,
            gate_age_days=decisions.gate_age_days,
            silent_windows=decisions.silent_windows,
        )
    except ValueError as error:
        raise ConfigError(f"decisions: {error}") from error


def rules(settings: Settings, *, live: bool) -> Rules:
    """All that decides what becomes of a record.

    Args:
        settings: The tree.
        live: True in a worker; a replay (False) has no append time, hence nothing to clamp an event time to.

    Raises:
        ConfigError: If values that are each in range don't fit together.
    """
    decisions = settings.decisions
    return Rules(
        spec=core_spec(settings),
        policy=_policy(decisions),
        limits=decode_limits(settings, live=live),
        horizon_days=decisions.churn_horizon_days,
        holdout_percent=decisions.holdout_percent,
        has_reasons=decisions.reasons == "all",
    )


def decode_limits(settings: Settings, *, live: bool) -> DecodeLimits:
    """What is accepted as a touchpoint; `live` as in `rules`."""
    accepted = settings.touchpoints
    return DecodeLimits(
        max_value_bytes=accepted.max_value_bytes,
        max_properties_bytes=accepted.max_properties_bytes,
        base_currency=accepted.base_currency,
        allowed_skew_ms=accepted.allowed_skew_ms if live else None,
    )


def _policy(decisions: DecisionSettings) -> Policy:
    named = {f.name: getattr(decisions, f.name) for f in fields(Policy)}
    try:
        return Policy(**named)
    except ValueError as error:
        raise ConfigError(f"decisions: {error}") from error


def training_plan(settings: Settings) -> TrainingPlan:
    """What is trained, and for which horizon."""
    model = settings.model
    return TrainingPlan(
        horizon_days=settings.decisions.churn_horizon_days,
        encoders=(model.encoder,),
        seeds=model.seeds,
        hidden=model.hidden_size,
        epochs=model.epochs,
        seed=model.seed,
        alert_threshold=settings.decisions.at_risk_enter,
    )


def encoders(settings: Settings) -> tuple[str, ...]:
    """Which challengers are trained in turn."""
    return settings.retrain.encoders or (settings.model.encoder,)


def drift_limits(settings: Settings) -> DriftLimits:
    """What is a finding; how few customers say nothing is not for an operator to choose."""
    from streamseg.model.drift import DriftLimits  # here: who makes topics needs no models

    retrain = settings.retrain
    return DriftLimits(
        psi=retrain.drift_psi,
        ks=retrain.drift_ks,
        outcomes_ratio=retrain.drift_outcomes_ratio,
        ece=retrain.drift_ece,
    )


def kafka_access(settings: Settings) -> KafkaAccess:
    """Where the brokers are, and how we prove who we are."""
    kafka = settings.kafka
    return KafkaAccess(
        bootstrap_servers=kafka.bootstrap_servers,
        security_protocol=kafka.security_protocol,
        sasl_mechanism=kafka.sasl_mechanism,
        username=kafka.sasl_username or None,
        password=kafka.sasl_password or None,
        token_provider=TokenFile(Path(kafka.sasl_oauth_token_file)) if kafka.sasl_oauth_token_file else None,
        ca_file=kafka.ssl_ca_file or None,
        certificate_file=kafka.ssl_certificate_file or None,
        key_file=kafka.ssl_key_file or None,
        key_password=kafka.ssl_key_password or None,
    )
