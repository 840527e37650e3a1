from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from streamseg.errors import ConfigError
from streamseg.settings import Settings, load, render


def refused(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as refusal:
        load(environ)
    return str(refusal.value)


def a_file(tmp_path: Path, text: str) -> dict[str, str]:
    path = tmp_path / "streamseg.toml"
    path.write_text(text)
    return {"STREAMSEG_CONFIG": str(path)}


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load({}) == Settings()


def test_names_of_other_programs_are_none_of_our_business() -> None:
    assert load({"PATH": "/bin", "KAFKA_OPTS": "x"}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "section", "field", "value"),
    [
        ("STREAMSEG_KAFKA_BOOTSTRAP_SERVERS", "a:1,b:2", "kafka", "bootstrap_servers", "a:1,b:2"),
        ("STREAMSEG_GROUP_ID", "shop", "worker", "group_id", "shop"),
        ("STREAMSEG_INSTANCE_ID", "worker-1", "worker", "instance_id", "worker-1"),
        ("STREAMSEG_CLOCK", "event", "worker", "clock", "event"),
        ("STREAMSEG_METRICS_PORT", "0", "worker", "metrics_port", 0),
        ("STREAMSEG_DRAIN_SECONDS", "3", "worker", "drain_seconds", 3.0),
        ("STREAMSEG_OUTCOME_TYPES", "purchase, renew", "decisions", "outcome_types", ("purchase", "renew")),
        ("STREAMSEG_MODEL_ENCODER", "gru", "model", "encoder", "gru"),
        ("STREAMSEG_RETRAIN_INTERVAL_HOURS", "168", "retrain", "interval_hours", 168.0),
    ],
)
def test_a_variable_sets_its_field_in_the_type_of_the_field(
    name: str, text: str, section: str, field: str, value: object
) -> None:
    found = getattr(getattr(load({name: text}), section), field)
    assert (found, type(found)) == (value, type(value))


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    environ = a_file(tmp_path, '[worker]\ngroup_id = "from-file"\nmetrics_port = 7000\n')
    settings = load({**environ, "STREAMSEG_GROUP_ID": "from-environment"})
    assert (settings.worker.group_id, settings.worker.metrics_port) == ("from-environment", 7000)


def test_what_is_rendered_can_be_read_back(tmp_path: Path) -> None:
    settings = load({"STREAMSEG_GROUP_ID": 'a "shop" \\ two', "STREAMSEG_COOLING_ENTER": "0.55"})
    assert load(a_file(tmp_path, render(settings))) == settings


def test_a_secret_is_shown_neither_by_render_nor_by_repr_nor_by_an_error(tmp_path: Path) -> None:
    environ = {
        "STREAMSEG_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "STREAMSEG_KAFKA_SASL_USERNAME": "u",
        "STREAMSEG_KAFKA_SASL_PASSWORD": "hunter2",
    }
    settings = load(environ)
    wrong = refused(a_file(tmp_path, '[kafka]\nsasl_password = ["hunter2"]\n'))
    assert all("hunter2" not in text for text in (render(settings), repr(settings), wrong))
    assert "# sasl_password is set, and not shown" in render(settings)
    assert wrong.endswith("kafka.sasl_password=(hidden): expected a text that is not empty")


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"STREAMSEG_METRIC_PORT": "1"},
            "STREAMSEG_METRIC_PORT is not a setting; did you mean STREAMSEG_METRICS_PORT? "
            "`streamseg settings` lists all",
        ),
        ({"STREAMSEG_XYZZY": "1"}, "STREAMSEG_XYZZY is not a setting; `streamseg settings` lists all"),
        (
            {"STREAMSEG_WINDOW_DAYS": "week"},
            "STREAMSEG_WINDOW_DAYS='week': expected a whole number from 1 to 56, for example 7",
        ),
        (
            {"STREAMSEG_WINDOW_DAYS": "57"},
            "STREAMSEG_WINDOW_DAYS=57: expected a whole number from 1 to 56, for example 7",
        ),
        (
            {"STREAMSEG_COOLING_ENTER": "nan"},
            "STREAMSEG_COOLING_ENTER=nan: expected a number from 0 to 1, for example 0.5",
        ),
        ({"STREAMSEG_CLOCK": "sun"}, "STREAMSEG_CLOCK='sun': expected one of event, wall"),
        ({"STREAMSEG_GROUP_ID": ""}, "STREAMSEG_GROUP_ID='': expected a text that is not empty"),
        ({"STREAMSEG_OUTCOME_TYPES": ","}, "STREAMSEG_OUTCOME_TYPES=[]: expected names, for example purchase,renew"),
        (
            {"STREAMSEG_RETRAIN_ENCODERS": "lstm,abacus"},
            "retrain.encoders has 'abacus'; expected names of lstm, gru, rnn, attention",
        ),
        (
            {"STREAMSEG_COOLING_EXIT": "0.6"},
            "decisions.cooling_exit is 0.6; expected at most cooling_enter (0.5), else segments flap",
        ),
        (
            {"STREAMSEG_COOLING_ENTER": "0.8"},
            "decisions.at_risk_enter is 0.75; expected at least cooling_enter (0.8)",
        ),
        (
            {"STREAMSEG_KAFKA_HEARTBEAT_INTERVAL_MS": "20000"},
            "kafka.heartbeat_interval_ms is 20000; expected at most a third of session_timeout_ms (45000), "
            "so that two lost heartbeats lose no partition",
        ),
        (
            {"STREAMSEG_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"},
            "kafka.security_protocol is SASL_SSL without user and password; "
            "set STREAMSEG_KAFKA_SASL_USERNAME and STREAMSEG_KAFKA_SASL_PASSWORD",
        ),
        (
            {"STREAMSEG_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "STREAMSEG_KAFKA_SASL_MECHANISM": "OAUTHBEARER"},
            "kafka.sasl_mechanism is OAUTHBEARER without a token; "
            "set STREAMSEG_KAFKA_SASL_OAUTH_TOKEN_FILE to a file that has it",
        ),
        (
            {"STREAMSEG_KAFKA_SSL_KEY_FILE": "key.pem"},
            "kafka.ssl_certificate_file and kafka.ssl_key_file go together; set both, or neither",
        ),
        (
            {"STREAMSEG_BASE_CURRENCY": "pounds"},
            "touchpoints.base_currency is 'pounds'; expected an ISO 4217 code, for example GBP",
        ),
        (
            {"STREAMSEG_CONFIG": "missing.toml"},
            "STREAMSEG_CONFIG='missing.toml': No such file or directory; name a TOML file that can be read",
        ),
    ],
)
def test_a_wrong_setting_is_refused_with_its_remedy(environ: dict[str, str], message: str) -> None:
    assert refused(environ) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[wroker]\n",
            "wroker is not a section; did you mean worker? `streamseg settings` lists all",
        ),
        (
            "[worker]\ngroup = 1\n",
            "worker.group is not a setting; did you mean worker.group_id? `streamseg settings` lists all",
        ),
        ("[retrain]\nencoders = 1\n", "retrain.encoders=1: expected names, for example lstm,gru"),
        ("[worker]\ngroup_id = 1\n", "worker.group_id=1: expected a text that is not empty"),
        (
            "[decisions]\nwindow_days = true\n",
            "decisions.window_days=True: expected a whole number from 1 to 56, for example 7",
        ),
    ],
)
def test_a_wrong_line_of_the_file_is_refused_with_its_remedy(tmp_path: Path, text: str, message: str) -> None:
    environ = a_file(tmp_path, text)
    assert refused(environ) == f"{environ['STREAMSEG_CONFIG']}: {message}"


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    environ = a_file(tmp_path, "group_id: shop\n")
    assert refused(environ).endswith("; expected TOML, as `streamseg settings` prints it")


def test_every_setting_says_why_its_default_is_what_it_is() -> None:
    lines = [line for line in render(Settings()).splitlines() if line and not line.startswith("[")]
    assert len(lines) > 40
    assert all(len(line.split(": ", 1)[1]) > 10 for line in lines)


def test_what_is_rendered_is_toml() -> None:
    assert tomllib.loads(render(Settings()))["worker"]["metrics_port"] == 6066
