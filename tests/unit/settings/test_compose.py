from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from streamseg import compose
from streamseg.errors import ConfigError
from streamseg.kafka.token_file import TokenFile
from streamseg.model.drift import DriftLimits
from streamseg.model.plan import TrainingPlan
from streamseg.pipeline import Rules
from streamseg.settings import RetrainSettings, Settings, load


def test_the_defaults_of_the_settings_are_those_of_the_rooms() -> None:
    assert compose.rules(Settings(), live=False) == Rules()
    assert compose.training_plan(Settings()) == TrainingPlan()
    assert compose.drift_limits(Settings()) == DriftLimits()


def test_without_a_list_of_encoders_the_one_of_the_model_is_trained() -> None:
    assert compose.encoders(Settings()) == ("lstm",)
    assert compose.encoders(Settings(retrain=RetrainSettings(encoders=("gru", "lstm")))) == ("gru", "lstm")


def test_only_a_live_worker_clamps_event_times() -> None:
    assert compose.decode_limits(Settings(), live=True) == replace(
        compose.decode_limits(Settings(), live=False), allowed_skew_ms=300_000
    )


def test_an_outcome_type_outside_the_vocabulary_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match=r"decisions: outcome_types has \['dance'\]; expected one or more of view, "):
        compose.core_spec(load({"STREAMSEG_OUTCOME_TYPES": "purchase,dance"}))


def test_secrets_reach_the_client_and_not_its_repr() -> None:
    environ = {
        "STREAMSEG_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "STREAMSEG_KAFKA_SASL_USERNAME": "u",
        "STREAMSEG_KAFKA_SASL_PASSWORD": "hunter2",
    }
    access = compose.kafka_access(load(environ))
    assert access.options()["sasl_plain_password"] == "hunter2"
    assert "hunter2" not in repr(access)


def test_a_token_is_read_anew_for_every_connection(tmp_path: Path) -> None:
    path = tmp_path / "token"
    tokens = TokenFile(path)
    path.write_text("first\n")
    assert asyncio.run(tokens.token()) == "first"
    path.write_text("second\n")
    assert asyncio.run(tokens.token()) == "second"


def test_a_missing_or_empty_token_is_a_configuration_error(tmp_path: Path) -> None:
    path = tmp_path / "token"
    with pytest.raises(ConfigError, match="can't be read"):
        asyncio.run(TokenFile(path).token())
    path.write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        asyncio.run(TokenFile(path).token())
