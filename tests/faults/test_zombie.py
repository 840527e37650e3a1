"""A worker that sleeps past its session and wakes up finds its partitions taken, and brings nothing out twice."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.cluster import PARTITIONS
from tests.faults.stage import Stage

SLEEPS = 2


@pytest.mark.kafka
@pytest.mark.slow
def test_a_woken_zombie_loses_doubles_and_falsifies_nothing(stage: Stage) -> None:
    zombie, moments = stage.one, random.Random(6)
    stage.start_both()
    pieces = stage.pieces(2 * SLEEPS + 1)
    for _ in range(SLEEPS):
        owned = stage.progress.wait_until_it_owns(zombie)
        mark = stage.progress.committed()
        with stage.publishing(pieces.pop(0)):
            # In the middle of its work: a batch is scored, and another one is being committed.
            stage.progress.wait_until_moved(owned, mark)
            time.sleep(moments.uniform(0, 0.1))
            zombie.freeze()
        # The other one takes over what the sleeping one held, and goes on from what was committed.
        stage.progress.wait_until_it_owns(stage.other, at_least=PARTITIONS)
        asleep = stage.progress.committed()
        stage.publish(pieces.pop(0))
        stage.progress.wait_until_moved(owned, asleep)
        zombie.wake()
    stage.publish(pieces.pop(0))
    stage.assert_outputs_equal_replay()
