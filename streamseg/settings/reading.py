"""From the environment and a TOML file to `Settings`; the environment wins.

Arrives: `STREAMSEG_*` variables and the file that `STREAMSEG_CONFIG` names. Leaves: the tree, or one `ConfigError`: an
unknown name with the nearest known one, a wrong value with what is expected.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, Final

from streamseg.errors import ConfigError
from streamseg.settings.rules import all_fields, environment_name, expected, section_type
from streamseg.settings.tree import PREFIX, Settings

CONFIG_NAME: Final = PREFIX + "CONFIG"


def load(environ: Mapping[str, str]) -> Settings:
    """Read the file that `STREAMSEG_CONFIG` names (if any), then the environment over it.

    Raises:
        ConfigError: An unknown name, a value out of its range, a file that cannot be read, or values that do not fit.

    >>> load({"STREAMSEG_GROUP_ID": "shop"}).worker.group_id
    'shop'
    >>> load({"STREAMSEG_GRUP_ID": "shop"})
    Traceback (most recent call last):
    streamseg.errors.ConfigError: STREAMSEG_GRUP_ID is not a setting; did you mean STREAMSEG_GROUP_ID? ...
    """
    chosen: dict[tuple[str, str], Any] = {}
    if environ.get(CONFIG_NAME):
        chosen.update(_read_file(Path(environ[CONFIG_NAME])))
    by_name = {environment_name(section, f): (section, f) for section, f in all_fields()}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name == CONFIG_NAME:
            continue
        if name not in by_name:
            raise ConfigError(_unknown(name, [*by_name, CONFIG_NAME]))
        section, f = by_name[name]
        chosen[section, f.name] = _checked(f, _from_text(f, environ[name], label=name), label=name)
    return Settings(
        **{
            section.name: section_type(section)(**{k: v for (s, k), v in chosen.items() if s == section.name})
            for section in fields(Settings)
        }
    )


def _read_file(path: Path) -> Iterator[tuple[tuple[str, str], Any]]:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{CONFIG_NAME}={str(path)!r}: {error.strerror}; name a TOML file that can be read"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}; expected TOML, as `streamseg settings` prints it") from error
    sections = {section.name: {f.name: f for f in fields(section_type(section))} for section in fields(Settings)}
    for section, values in tree.items():
        if section not in sections or not isinstance(values, dict):
            raise ConfigError(f"{path}: {_unknown(section, list(sections), kind='section')}")
        for name, value in values.items():
            label = f"{path}: {section}.{name}"
            if name not in sections[section]:
                known = [f"{section}.{known}" for known in sections[section]]
                raise ConfigError(f"{path}: {_unknown(f'{section}.{name}', known)}")
            f = sections[section][name]
            yield (section, name), _checked(f, tuple(value) if isinstance(value, list) else value, label=label)


def _unknown(name: str, known: list[str], *, kind: str = "setting") -> str:
    # Compared without the prefix that all share, else any name would be near to some other.
    whole = {each.removeprefix(PREFIX): each for each in known}
    near = difflib.get_close_matches(name.removeprefix(PREFIX), whole, n=1, cutoff=0.6)
    hint = f"did you mean {whole[near[0]]}? " if near else ""
    return f"{name} is not a {kind}; {hint}`streamseg settings` lists all"


def _from_text(f: Field[Any], text: str, *, label: str) -> Any:
    try:
        if isinstance(f.default, int):
            return int(text)
        if isinstance(f.default, float):
            return float(text)
    except ValueError as error:
        raise ConfigError(f"{label}={text!r}: expected {expected(f)}") from error
    if isinstance(f.default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _checked(f: Field[Any], value: Any, *, label: str) -> Any:
    """The value in its field's type, or the one-line error that names label, value, limit and an example."""
    if isinstance(f.default, float) and type(value) is int:
        value = float(value)
    right = type(value) is type(f.default)
    if right and "low" in f.metadata:
        right = f.metadata["low"] <= value <= f.metadata["high"]
    elif right and isinstance(value, tuple):
        right = (bool(value) or f.metadata["empty"]) and all(isinstance(item, str) for item in value)
    elif right:
        right = (bool(value) or f.metadata["empty"]) and (not f.metadata["choices"] or value in f.metadata["choices"])
    if not right:
        shown = "(hidden)" if f.metadata.get("secret") else repr(list(value) if isinstance(value, tuple) else value)
        raise ConfigError(f"{label}={shown}: expected {expected(f)}")
    return value
