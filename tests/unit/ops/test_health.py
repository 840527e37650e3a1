from __future__ import annotations

from streamseg.ops.health import Health


def test_a_worker_is_not_ready_before_it_has_started() -> None:
    assert (Health().ready.ok, Health().ready.text, Health().live.ok) == (False, "starting", True)


def test_a_worker_without_a_model_says_so_and_lives() -> None:
    health = Health()
    health.started()
    health.waits("model", "no model")
    assert (health.ready.ok, health.ready.text, health.live.text) == (False, "no model", "ok")


def test_a_worker_is_ready_when_nothing_is_waited_for() -> None:
    health = Health()
    health.started()
    health.waits("model", "no model")
    health.waits("partition 2", "restoring")
    health.has("model")
    assert health.ready.text == "restoring"
    health.has("partition 2")
    assert (health.ready.ok, health.ready.text) == (True, "ok")


def test_a_failure_ends_life_and_readiness_and_its_first_reason_stays() -> None:
    health = Health()
    health.started()
    health.fail("no progress for 120 s")
    health.fail("something later")
    assert (health.live.ok, health.live.text, health.ready.text) == (False, *["no progress for 120 s"] * 2)
