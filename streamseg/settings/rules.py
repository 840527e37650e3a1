"""What the tree says of one field: its name in the environment, and what it takes, in words.

Arrives: fields of the tree's classes. Leaves: names and words, for reading, refusing and showing alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, fields
from typing import Any

from streamseg.settings.tree import PREFIX, Settings


def all_fields() -> Iterator[tuple[str, Field[Any]]]:
    """Every setting with the name of its section, in the order of the tree."""
    for section in fields(Settings):
        for f in fields(section_type(section)):
            yield section.name, f


def section_type(section: Field[Any]) -> Any:
    """The class of a section of the tree."""
    return section.default_factory


def environment_name(section: str, f: Field[Any]) -> str:
    """The variable that sets a field; the sections that a worker lives by need no name of their own in it."""
    prefixed = section in ("kafka", "model", "retrain")
    return PREFIX + (f"{section}_{f.name}" if prefixed else f.name).upper()


def expected(f: Field[Any], *, range_only: bool = False) -> str:
    """What a field takes, in words with an example; `range_only`: its limits or choices alone, empty without any."""
    if "low" in f.metadata:
        limits = f"{f.metadata['low']:_} to {f.metadata['high']:_}"
        if range_only:
            return f"{limits}; "
        what = "a whole number" if isinstance(f.default, int) else "a number"
        return f"{what} from {limits}, for example {f.default}"
    if f.metadata.get("choices"):
        return f"{'|'.join(f.metadata['choices'])}; " if range_only else f"one of {', '.join(f.metadata['choices'])}"
    if range_only:
        return ""
    return (
        f"names, for example {','.join(f.metadata['example'])}"
        if "example" in f.metadata
        else "a text that is not empty"
    )
