"""The last value of every key of a log that is read in order: what a table is restored from.

Keys and values arrive as columns, some at a time; one block leaves. It refuses to know what is in a value.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streamseg.core.columns import grown
from streamseg.core.interner import Interner
from streamseg.wire.blocks import BLOCK_TOPICS, Block
from streamseg.wire.spans import Spans, UInt8Array, locked, packed
from streamseg.wire.topics import CHANGELOG

_SPARE_BYTES: Final = 16 * 1024 * 1024
"""Values that were replaced are let go once they take this and more than what is kept."""


class Latest:
    """The last values so far.

    >>> from streamseg.wire.spans import joined
    >>> latest = Latest()
    >>> latest.add(joined([b"a", b"b", b"a"]), joined([b"1", b"2", b"3"]))
    >>> [(row.key, row.value) for row in latest.block()]
    [(b'a', b'3'), (b'b', b'2')]
    """

    def __init__(self) -> None:
        self._keys = Interner()
        self._text: UInt8Array = np.zeros(64, np.uint8)
        self._used = 0
        self._start, self._stop = np.zeros(64, np.int64), np.zeros(64, np.int64)
        """(K, …) of each key's last value in the text; `stop` before `start` where it was a tombstone."""

    def add(self, key: Spans, value: Spans) -> None:
        """Take (N,) records that come behind all others; without a value, `stop` is before `start`."""
        # Compacted topics refuse records without a key; one that came all the same is under the empty one.
        slots = self._keys.slots(key._replace(stop=np.maximum(key.start, key.stop)))
        end = self._used + len(value.text)
        self._text = grown(self._text, end)
        self._text[self._used : end] = value.text
        self._start, self._stop = grown(self._start, len(self._keys)), grown(self._stop, len(self._keys))
        self._start[slots], self._stop[slots] = value.start + self._used, value.stop + self._used  # the last one wins
        self._used = end
        kept = np.maximum(self._stop - self._start, 0).sum()
        if self._used > 2 * kept + _SPARE_BYTES:
            self._let_go()

    def block(self) -> Block:
        """Rows of the changelog by key, in order of appearance; where the last value is a tombstone there is none."""
        slots = np.flatnonzero(self._stop[: len(self._keys)] >= self._start[: len(self._keys)])
        value = Spans(locked(self._text[: self._used]), self._start[slots], self._stop[slots])
        return Block(np.full(len(slots), BLOCK_TOPICS.index(CHANGELOG)), self._keys.spans(slots), value)

    def _let_go(self) -> None:
        size = self._stop - self._start
        told = packed(Spans(locked(self._text), self._start, np.maximum(self._start, self._stop)))
        self._used = len(told.text)
        self._text[: self._used] = told.text
        self._start, self._stop = told.start, told.start + size
