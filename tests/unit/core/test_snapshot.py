"""Rows that were changed, cut, or written by another release are refused by name."""

from __future__ import annotations

import pytest

from streamseg.core.rows import ROW_VERSION
from streamseg.core.snapshot import restore, seal, unseal
from streamseg.core.spec import CoreSpec
from streamseg.core.table import CustomerTable
from streamseg.errors import InvariantError
from streamseg.wire.blocks import block_of
from streamseg.wire.spans import Strings, joined
from streamseg.wire.topics import CHANGELOG

SOUND = seal(b"content")
UNSOUND = {
    "another bit": SOUND[:-1] + bytes([SOUND[-1] ^ 1]),
    "another checksum": SOUND[:1] + bytes([SOUND[1] ^ 128]) + SOUND[2:],
    "cut in its content": SOUND[:-1],
    "cut in its checksum": SOUND[:4],
    "empty": b"",
    "another version": bytes([ROW_VERSION + 1]) + SOUND[1:],
}


def test_what_was_sealed_is_unsealed() -> None:
    values = [seal(b""), SOUND, seal(b"x" * 10_000)]
    assert [*Strings(unseal(joined([b"k"] * 3), joined(values)))] == [b"", b"content", b"x" * 10_000]


@pytest.mark.parametrize("value", UNSOUND.values(), ids=UNSOUND.keys())
def test_an_unsound_row_is_refused_by_name(value: bytes) -> None:
    with pytest.raises(InvariantError, match=rf"row b'cada' has version {value[0] if value else 0} and {len(value)} b"):
        unseal(joined([b"cbob", b"cada", b"ceve"]), joined([SOUND, value, b""]))


def test_no_table_is_restored_from_an_unsound_row() -> None:
    rows = block_of(CHANGELOG, [(b"cada", UNSOUND["another bit"])])
    with pytest.raises(InvariantError, match="row b'cada'"):
        restore(CustomerTable(CoreSpec()), rows, watermark_ms=0, swept_ms=0)
