from __future__ import annotations

from streamseg.wire.letters import Source, dead_letter, late_touchpoint
from streamseg.wire.outputs import Output
from streamseg.wire.touchpoint import Rejected
from tests.unit.wire.records import Record

RECORD = Record(key=b"\xff", value=b"\x00{", headers=(("trace", b"\x01"), ("trace", b"\x02")), offset=41)
PLACE = (("streamseg-topic", b"touchpoints"), ("streamseg-partition", b"3"), ("streamseg-offset", b"41"))


def test_a_dead_letter_keeps_bytes_key_and_headers_and_says_why_and_whence() -> None:
    letter = dead_letter(RECORD, Rejected(0, "bad_json", "touchpoint is not JSON"), Source("touchpoints", 3))
    why = (("streamseg-reason", b"bad_json"), ("streamseg-message", b"touchpoint is not JSON"))
    assert letter == Output("dead-letters", b"\xff", b"\x00{", (*RECORD.headers, *why, *PLACE))


def test_a_dead_letter_may_have_neither_key_nor_value() -> None:
    letter = dead_letter(Record(None, None), Rejected(0, "no_value", "none"), Source("touchpoints", 0))
    assert (letter.key, letter.value) == (None, None)


def test_a_late_touchpoint_keeps_bytes_key_and_headers_and_says_how_late() -> None:
    letter = late_touchpoint(RECORD, 86_400_001, Source("touchpoints", 3))
    how_late = (("streamseg-lateness-ms", b"86400001"),)
    assert letter == Output("late-touchpoints", b"\xff", b"\x00{", (*RECORD.headers, *how_late, *PLACE))
