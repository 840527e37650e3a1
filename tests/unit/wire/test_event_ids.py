from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamseg.wire.event_ids import EventIds
from streamseg.wire.spans import Spans, joined

TEXTS = st.lists(st.text(st.characters(codec="utf-8"), max_size=5), max_size=6)


@given(texts=TEXTS, cut=st.slices(6))
def test_they_read_as_the_list_that_they_stand_for(texts: list[str], cut: slice) -> None:
    ids = EventIds.of(joined([text.encode() for text in texts]))
    assert (len(ids), list(ids), list(ids[cut])) == (len(texts), texts, texts[cut])


def test_only_their_own_bytes_are_kept() -> None:
    spans = joined([b"x" * 1_000])
    ids = EventIds.of(Spans(spans.text, spans.start + 10, spans.start + 13))
    assert (list(ids), len(ids.spans.text)) == (["xxx"], 3)
