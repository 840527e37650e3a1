"""The effective settings as text that can be read back; secrets are never shown."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from streamseg.settings.rules import environment_name, expected
from streamseg.settings.tree import Settings


def render(settings: Settings) -> str:
    """The effective settings as a TOML file that `STREAMSEG_CONFIG` may name; secrets are left out, with a word.

    >>> print(render(Settings()).splitlines()[0])
    [kafka]
    """
    lines: list[str] = []
    for section in fields(Settings):
        lines += ["", f"[{section.name}]"] if lines else [f"[{section.name}]"]
        values = getattr(settings, section.name)
        for f in fields(values):
            value = getattr(values, f.name)
            unit = f" {f.metadata['unit']}," if f.metadata.get("unit") else ""
            note = f"{environment_name(section.name, f)}:{unit} {expected(f, range_only=True)}{f.metadata['why']}"
            if f.metadata.get("secret"):
                lines.append(f"# {f.name} is {'set, and not shown' if value else 'not set'}  # {note}")
            else:
                lines.append(f"{f.name} = {_toml(value)}  # {note}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
