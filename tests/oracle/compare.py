"""Two partitions' outputs, held against one another: per customer in order, payload for payload, then the counts."""

from __future__ import annotations

from streamseg.wire import topics
from tests.oracle.partition import Partition
from tests.oracle.reference import MODEL_CHANGED, Said

TOLD = (topics.SEGMENT_CHANGES, topics.CHURN_ALERTS, topics.CUSTOMER_PROFILES)
"""What is told about a customer keeps its order across these topics; late records and dead letters have their own."""


def assert_same(expected: Partition, actual: Partition) -> None:
    """Fail with the first difference; order between customers is free, since deferred sweeps may change it."""
    want, have = _by_customer(expected.said), _by_customer(actual.said)
    assert want.keys() == have.keys()
    for about in want:
        for number, (one, other) in enumerate(zip(want[about], have[about], strict=False)):
            assert_same_output(one, other, where=f"output {number} about {about!r}")
        extra = want[about][len(have[about]) :] or have[about][len(want[about]) :]
        assert len(want[about]) == len(have[about]), f"about {about!r}: {len(extra)} more, the first: {extra[0]}"
    assert +expected.counts == +actual.counts


def assert_same_output(expected: Said, actual: Said, *, where: str) -> None:
    """Same topic, same payload, reasons and their words included."""
    assert (expected.topic, expected.payload is None) == (actual.topic, actual.payload is None), where
    if expected.payload is None or actual.payload is None:
        return
    have = dict(actual.payload)
    if expected.payload.get("reasons") == [MODEL_CHANGED]:
        have["reasons"] = [{"name": reason["name"]} for reason in have["reasons"]]
    assert expected.payload == have, where


def _by_customer(said: list[Said]) -> dict[tuple[str, bytes], list[Said]]:
    sorted_out: dict[tuple[str, bytes], list[Said]] = {}
    for one in said:
        about = ("told", one.customer) if one.topic in TOLD else (one.topic, b"")
        sorted_out.setdefault(about, []).append(one)
    return sorted_out
