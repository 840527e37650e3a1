"""How a message declares its fields: types with what JSON Schema needs beside them, in one place, next to the code.

A message is a class whose annotations carry `Says`; `schema.py` turns it into JSON Schema, encoders and decoders use
the same class and limits. This file knows no message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
"""A JSON object."""


@dataclass(frozen=True, slots=True)
class Says:
    """What the schema says about one field: its meaning, and its limits where the type alone doesn't tell them."""

    words: str
    """One sentence for the publisher or the reader; becomes ``description``."""
    limits: Json | None = None
    """JSON Schema keywords merged into the field (a pattern, a minimum, or a whole ``anyOf``)."""
    example: Any = None
    """A sensible value; becomes ``examples``."""
