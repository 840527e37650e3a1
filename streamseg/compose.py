"""From the settings to the values that each room takes: one function each, so that worker, replay and training agree.

Arrives: `Settings`. Leaves: small frozen values that name nothing of the settings. It knows the rooms and no behaviour.
"""

from __future__ import annotations

from dataclasses import fields

from streamseg.core.decide import Policy
from streamseg.core.decide import Policy
from streamseg.core.spec import CoreSpec
from streamseg.core.windows import DAY_MS, WindowSpec
from streamseg.errors import ConfigError
from streamseg.kafka.client import KafkaAccess
from streamseg.pipeline import Rules
from streamseg.settings import DecisionSettings, Settings
from streamseg.wire.touchpoint import DecodeLimits


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
        )
    except ValueError as error:
        raise ConfigError(f"decisions: {error}") from error


def rules(settings: Settings, *, live: bool) -> Rules:
    """All that a partition's pipeline is told.

    Raises:
        ConfigError: If values that are each in range don't fit together.
    """
    chosen = settings.decisions
    try:
        policy = Policy(
            cooling_enter=chosen.cooling_enter,
            cooling_exit=chosen.cooling_exit,
            at_risk_enter=chosen.at_risk_enter,
            at_risk_exit=chosen.at_risk_exit,
            lapse_days=chosen.lapse_days,
            min_dwell_days=chosen.min_dwell_days,
            alert_cooldown_days=chosen.alert_cooldown_days,
            won_back_days=chosen.won_back_days,
            behaviour_margin=chosen.behaviour_margin,
            profile_step=chosen.profile_step,
            profile_ttl_days=chosen.profile_ttl_days,
        )
    except ValueError as error:
        raise ConfigError(f"decisions: {error}") from error
    return Rules(
        spec=core_spec(settings),
        policy=policy,
        limits=decode_limits(settings, live=live),
        horizon_days=chosen.churn_horizon_days,
        holdout_percent=chosen.holdout_percent,
    )


def rules(settings: Settings, *, live: bool) -> Rules:
    """All that decides what becomes of a record.

    Args:
        settings: The tree.
        live: True in a worker; a replay (False) has no append time, hence nothing to clamp an event time to.

    Raises:
        ConfigError: If values that are each in range don't fit together.
    """
    decisions, accepted = settings.decisions, settings.touchpoints
    return Rules(
        spec=core_spec(settings),
        policy=_policy(decisions),
        limits=DecodeLimits(
            max_value_bytes=accepted.max_value_bytes,
            max_properties_bytes=accepted.max_properties_bytes,
            base_currency=accepted.base_currency,
            allowed_skew_ms=accepted.allowed_skew_ms if live else None,
        ),
        horizon_days=decisions.churn_horizon_days,
        holdout_percent=decisions.holdout_percent,
    )


def _policy(decisions: DecisionSettings) -> Policy:
    named = {f.name: getattr(decisions, f.name) for f in fields(Policy)}
    try:
        return Policy(**named)
    except ValueError as error:
        raise ConfigError(f"decisions: {error}") from error


def kafka_access(settings: Settings) -> KafkaAccess:
    """Where the brokers are, and how we prove who we are."""
    kafka = settings.kafka
    return KafkaAccess(
        bootstrap_servers=kafka.bootstrap_servers,
        security_protocol=kafka.security_protocol,
        sasl_mechanism=kafka.sasl_mechanism,
        username=kafka.sasl_username or None,
        password=kafka.sasl_password or None,
        ca_file=kafka.ssl_ca_file or None,
        certificate_file=kafka.ssl_certificate_file or None,
        key_file=kafka.ssl_key_file or None,
        key_password=kafka.ssl_key_password or None,
    )
