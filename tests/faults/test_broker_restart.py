"""A broker that crashes and comes back in mid-stream costs time, and nothing else."""

from __future__ import annotations

import pytest

from tests.faults.stage import Stage


@pytest.mark.kafka
@pytest.mark.slow
def test_a_broker_that_crashes_in_mid_stream_loses_doubles_and_falsifies_nothing(stage: Stage) -> None:
    stage.start_both()
    first, second = stage.pieces(2)
    owned = stage.progress.wait_until_it_owns(stage.one)
    mark = stage.progress.committed()
    stage.publish(first)
    stage.progress.wait_until_moved(owned, mark)
    stage.broker.restart()
    stage.publish(second)
    stage.assert_outputs_equal_replay()
