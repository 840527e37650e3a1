from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.core.interner import Interner
from streamseg.wire.spans import joined

BATCHES = st.lists(st.lists(st.binary(min_size=1, max_size=12), max_size=200), max_size=6)


@settings(deadline=None)  # the first example compiles
@given(batches=BATCHES)
def test_each_string_has_one_slot_in_order_of_appearance(batches: list[list[bytes]]) -> None:
    ids, expected = Interner(), dict[bytes, int]()
    for batch in batches:
        slots = ids.slots(joined(batch))
        assert slots.tolist() == [expected.setdefault(one, len(expected)) for one in batch]
        told = ids.spans(slots)
        assert [told.text[a:b].tobytes() for a, b in zip(told.start, told.stop, strict=True)] == batch
    assert list(ids) == list(expected)


def test_many_strings_are_found_again_after_the_table_has_grown() -> None:
    ids, many = Interner(), [b"%d" % number for number in range(50_000)]
    for first in range(0, len(many), 1_000):
        ids.slots(joined(many[first : first + 1_000]))
    assert ids.slots(joined(many)).tolist() == list(range(len(many)))
    assert (len(ids), ids[49_999], ids[:2]) == (50_000, b"49999", [b"0", b"1"])
