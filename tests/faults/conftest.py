"""Fixtures of the fault tests: what is given once a run, and a stage for each test (see stage.py)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.stage import LARGE, SMALL, Given, Stage, prepared, staged, trained
from tests.kafka.broker import Broker


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def given(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Given:
    return prepared(tmp_path_factory.mktemp("small"), model, SMALL)


@pytest.fixture(scope="session")
def large_given(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Given:
    return prepared(tmp_path_factory.mktemp("large"), model, LARGE)


@pytest.fixture
def stage(own_kafka: Broker, given: Given, tmp_path: Path) -> Iterator[Stage]:
    with staged(own_kafka, given, tmp_path) as made:
        yield made


@pytest.fixture
def large_stage(own_kafka: Broker, large_given: Given, tmp_path: Path) -> Iterator[Stage]:
    with staged(own_kafka, large_given, tmp_path) as made:
        yield made
