"""Fixtures of the fault tests: what is given once a run, and a stage for each test (see stage.py)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.stage import Given, Stage, prepared, staged
from tests.kafka.broker import Broker


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return prepared(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def stage(own_kafka: Broker, given: Given, tmp_path: Path) -> Iterator[Stage]:
    with staged(own_kafka, given, tmp_path) as made:
        yield made
