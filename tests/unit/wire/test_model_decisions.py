"""What was decided about a model comes back from the topic as it was said, and nothing that is no number is said."""

from __future__ import annotations

import pytest

from streamseg.errors import ConfigError, InvariantError
from streamseg.wire.model_decisions import Why, decode_decision, encode_decision
from streamseg.wire.schema import ROOT

WHY = Why("drift", 1_709_642_096_789, ("psi.recency 0.40 exceeds 0.25",), {"psi.recency": 0.4})


@pytest.mark.parametrize("version", ["3f9c2a71b0de", None])
def test_a_decision_comes_back_as_it_was_written(version: str | None) -> None:
    decision = WHY.decision("refused", version)
    assert decode_decision(encode_decision(decision)) == decision


def test_the_key_sorts_as_decisions_were_made() -> None:
    early, late = Why("data", 9).decision("drift", None), Why("data", 1_000).decision("drift", None)
    assert early.key == b"decision/0000000000009-drift-none"
    assert sorted([late.key, early.key]) == [early.key, late.key]


def test_the_example_in_topics_is_read() -> None:
    told = decode_decision((ROOT / "examples" / "valid" / "model-decision.json").read_bytes())
    assert (told.kind, told.version, told.by) == ("promoted", "3f9c2a71b0de", "drift")


def test_a_figure_that_is_no_number_does_not_leave() -> None:
    with pytest.raises(InvariantError, match="decision failed of model None: loss is nan"):
        encode_decision(Why("data", 1, (), {"loss": float("nan")}).decision("failed", None))


@pytest.mark.parametrize("value", [b"{}", b"no JSON", b"[1]"])
def test_a_record_that_is_no_decision_is_refused_with_the_remedy(value: bytes) -> None:
    with pytest.raises(ConfigError, match=r"can't be read .*; write a tombstone under its key to delete it"):
        decode_decision(value)
