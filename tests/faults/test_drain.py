"""A worker that is asked to stop leaves in good order, soon, and its successor goes on where it stopped."""

from __future__ import annotations

import pytest

from tests.faults.cluster import DRAIN_LIMIT_S
from tests.faults.stage import Stage

DRAINS = 2


@pytest.mark.kafka
@pytest.mark.slow
def test_a_drained_worker_ends_in_time_with_exit_code_0_and_nothing_is_lost(stage: Stage) -> None:
    leaving = stage.one
    pieces = stage.pieces(DRAINS + 2)
    for _ in range(DRAINS):
        leaving.start()
        owned = stage.progress.wait_until_it_owns(leaving)
        mark = stage.progress.committed()
        with stage.publishing(pieces.pop(0)):
            stage.progress.wait_until_moved(owned, mark)
            code, seconds = leaving.drain()
        assert code == 0, leaving.log_tail()
        # The limit is the promise itself: supervisors kill what is still there after it.
        assert seconds <= DRAIN_LIMIT_S, f"ended after {seconds:.1f} s, expected at most {DRAIN_LIMIT_S:.0f} s"
    stage.other.start()
    for piece in pieces:
        stage.publish(piece)
    stage.assert_outputs_equal_replay()
