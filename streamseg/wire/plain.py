"""Plain records: what the compiled pass is told of them (`Grammar`) and what it tells (`ROW`), as arrays.

`scan.py` says which records are plain, `grammar.py` fills the grammar in, `touchpoint.py` makes a batch of the rows.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamseg.wire.spans import Int64Array

Words = NDArray[np.uint8]
"""(W, L): in each row the length of a word and its letters, then zeroes."""

RULE: Final = np.dtype([("kinds", "i8"), ("least", "i8"), ("most", "i8")])
"""What a field may hold: kinds, added up; fewest and most characters of a string, or lowest and highest number."""

ROW: Final = np.dtype(
    [
        ("id_start", "i8"),  # where in the text of the values `event_id` begins
        ("id_stop", "i8"),
        ("session_start", "i8"),  # of `session_id`; equal to `session_stop` where there is none
        ("session_stop", "i8"),
        ("time_start", "i8"),  # of an `event_time` that is a string
        ("time_stop", "i8"),  # 0 where it is a number
        ("event_ms", "i8"),  # `event_time` where it is a number
        ("amount_micro", "i8"),  # with the sign of its type; 0 where it is foreign
        ("type_code", "u1"),
        ("channel_code", "u1"),
        ("rating", "i1"),
        ("consent", "i1"),
        ("is_foreign", "?"),  # there is an amount, in another currency than the base
        ("is_plain", "?"),  # where not, the rest of the row means nothing
    ]
)


class Grammar(NamedTuple):
    """What a plain record may say."""

    names: Words
    """The fields."""
    rules: NDArray[Any]
    """(FIELD_COUNT,) of `RULE`."""
    types: Words
    """Known types, by code."""
    channels: Words
    """Known channels, by code; the last stands for all others."""
    money_signs: Int64Array
    """By type code: 1 where an amount is spend, -1 where it is given back, else 0."""
    base: Words
    """The base currency alone."""
    max_value_bytes: int
