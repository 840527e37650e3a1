"""The broker that the tests share, and the one that a fault test has for itself (see tests/kafka/broker.py)."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.kafka import broker as brokers
from tests.kafka.broker import Broker

BROKER_FIXTURES = ("kafka", "real_kafka", "own_kafka")


@pytest.fixture(scope="session")
def kafka() -> Iterator[Broker]:
    """A broker for the whole run: real where the machine allows it, else embedded."""
    started = brokers.start()
    yield started
    started.stop()


@pytest.fixture
def real_kafka(kafka: Broker, request: pytest.FixtureRequest) -> Broker:
    """The shared broker, for tests that an embedded one can't serve; skipped by name where there is no other."""
    return _real(kafka, request)


@pytest.fixture
def own_kafka(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A real Kafka for one test alone, which may crash it and finds every topic new."""
    started = brokers.start()
    try:
        yield _real(started, request)
    finally:
        started.stop()


def _real(broker: Broker, request: pytest.FixtureRequest) -> Broker:
    if not broker.is_real:
        pytest.skip(f"{request.node.name} needs a real Kafka: {broker.log_tail()}")
    return broker


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the broker's log below the report of a failed test that used it."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for name in BROKER_FIXTURES:
            broker: Broker | None = item.funcargs.get(name)  # type: ignore[assignment]  # untyped by pytest
            if broker is not None:
                report.sections.append((f"log of the broker ({name})", broker.log_tail()))
    return report
