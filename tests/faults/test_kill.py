"""A worker that dies without warning, again and again, changes nothing in what leaves."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.stage import Stage

KILLS = 6


@pytest.mark.kafka
@pytest.mark.slow
def test_a_worker_killed_six_times_loses_doubles_and_falsifies_nothing(large_stage: Stage) -> None:
    stage, moments = large_stage, random.Random(5)
    victim = stage.one
    stage.start_both()
    pieces, kills = stage.pieces(4 * (KILLS + 2)), 0
    while kills < KILLS:
        assert len(pieces) >= 4, f"all input was published after {kills} kills that count"
        owned = stage.progress.wait_until_it_owns(victim)
        mark = stage.progress.committed()
        # It has committed transactions since it was last killed ...
        stage.publish(pieces.pop(0))
        stage.progress.wait_until_moved(owned, mark)
        victim.freeze()
        stage.publish(pieces.pop(0))
        with stage.publishing([*pieces.pop(0), *pieces.pop(0)]):
            victim.wake()
            time.sleep(moments.uniform(0, 0.03))
            victim.kill()
        # ... and touchpoints are left that were its own to do, before any takeover. Else the kill doesn't count.
        kills += stage.progress.lag(owned) > 0
        victim.start()
    for piece in pieces:
        stage.publish(piece)
    stage.assert_outputs_equal_replay()
