from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamseg.core import latest as latest_module
from streamseg.core.latest import Latest
from streamseg.wire.spans import Spans, joined

LOGS = st.lists(
    st.lists(st.tuples(st.binary(min_size=1, max_size=3), st.one_of(st.none(), st.binary(max_size=40))), max_size=30),
    max_size=8,
)


def added(latest: Latest, records: list[tuple[bytes, bytes | None]]) -> None:
    """As `Records.keys_and_values` tells them: without a value, `stop` is `start` - 1."""
    values = joined([value or b"" for _, value in records])
    gone = np.array([value is None for _, value in records], np.int64)
    latest.add(joined([key for key, _ in records]), Spans(values.text, values.start, values.stop - gone))


@settings(deadline=None)  # the first example compiles
@given(log=LOGS, spare=st.sampled_from([0, 1 << 24]))
def test_it_holds_what_a_dict_would(log: list[list[tuple[bytes, bytes | None]]], spare: int) -> None:
    latest, expected = Latest(), dict[bytes, bytes | None]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latest_module, "_SPARE_BYTES", spare)  # 0: replaced values are let go all the time
        for records in log:
            added(latest, records)
            expected.update(records)
    found = {row.key: row.value for row in latest.block()}
    assert found == {key: value for key, value in expected.items() if value is not None}


def test_values_that_were_replaced_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latest_module, "_SPARE_BYTES", 10_000)
    latest = Latest()
    for number in range(1_000):
        added(latest, [(b"a", b"%d" % number * 100), (b"b", b"x" * 100)])
    rows = latest.block()
    assert [(row.key, row.value) for row in rows] == [(b"a", b"999" * 100), (b"b", b"x" * 100)]
    assert len(rows.value.text) < 12_000
