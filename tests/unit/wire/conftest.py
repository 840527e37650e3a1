"""Hypothesis times each example, and the first one would pay for the compiler where nothing has been compiled yet."""

from __future__ import annotations

import pytest

from tests.unit.wire.records import a_record, decoded


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    decoded(a_record())
