"""The same broker for every row: what an earlier row left on it is gone when the next one starts."""

from __future__ import annotations

import time
from collections.abc import Collection

from confluent_kafka.admin import AdminClient

from streamseg.wire.topics import MODELS, TOUCHPOINTS
from tests.faults.cluster import PARTITIONS, run

GONE_S = 60.0


def clear(bootstrap: str, env: dict[str, str], *, keep: Collection[str] = (TOUCHPOINTS, MODELS)) -> None:
    """Delete every topic but some, and make the topics of the next group.

    Args:
        bootstrap: Where the broker listens.
        env: Of the next row.
        keep: Topics that stay as they are.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    if doomed := _doomed(admin, keep):
        for deletion in admin.delete_topics(doomed, operation_timeout=GONE_S).values():
            deletion.result()
    deadline = time.monotonic() + GONE_S
    while left := _doomed(admin, keep):
        if time.monotonic() > deadline:
            raise RuntimeError(f"topics {', '.join(left)} are still there {GONE_S:.0f} s after their deletion")
        time.sleep(0.1)
    run(["topics", "create", "--partitions", str(PARTITIONS)], env)


def _doomed(admin: AdminClient, keep: Collection[str]) -> list[str]:
    return [name for name in admin.list_topics(timeout=30).topics if name not in keep and name[:2] != "__"]
