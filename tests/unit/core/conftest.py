"""Every example is told twice: to the oracle, so that it says what the rules' text says, and to the program."""

from __future__ import annotations

import pytest

from tests.oracle.dial_scorer import DialScorer
from tests.oracle.partition import OraclePartition, Partition, ProgramPartition
from tests.unit.core.story import Story


@pytest.fixture(params=["oracle", "program"])
def story(request: pytest.FixtureRequest) -> Story:
    """An empty partition with the default rules."""
    dial = DialScorer()
    partition: Partition = OraclePartition(dial) if request.param == "oracle" else ProgramPartition(dial)
    return Story(partition, dial)
