"""The two ways to start a worker are one app, and Faust itself never speaks to Kafka in it."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from faust.cli.base import find_app

from streamseg.app import WithoutKafka, WorkerApp, WorkerProcess, create_app
from streamseg.errors import ConfigError
from streamseg.settings import Settings


@pytest.fixture
def _fresh_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys.modules["streamseg.app"], "app", raising=False)


@pytest.mark.usefixtures("_fresh_module")
def test_the_faust_command_finds_the_worker_as_the_environment_sets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMSEG_GROUP_ID", "shop")
    monkeypatch.setenv("STREAMSEG_METRICS_PORT", "6123")
    app = find_app("streamseg.app")
    assert isinstance(app, WorkerApp)
    assert (app.conf.id, app.conf.web_port, app.conf.web_bind) == ("shop-control", 6123, "127.0.0.1")
    process: Any = app.conf.Worker
    assert process is WorkerProcess


@pytest.mark.usefixtures("_fresh_module")
def test_a_wrong_setting_is_refused_when_the_app_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMSEG_GRUP_ID", "shop")
    with pytest.raises(ConfigError, match="did you mean STREAMSEG_GROUP_ID"):
        find_app("streamseg.app")


def test_faust_starts_no_consumer_no_producer_and_no_table_of_its_own() -> None:
    boot = create_app(Settings()).boot_strategy
    assert isinstance(boot, WithoutKafka)
    assert [*boot.kafka_consumer(), *boot.kafka_producer(), *boot.kafka_conductor(), *boot.tables()] == []


def test_the_app_keeps_the_topics_as_they_are() -> None:
    conf = create_app(Settings()).conf
    assert (conf.topic_disable_leader, conf.topic_allow_declare) == (True, False)
