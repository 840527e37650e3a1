"""Whether an output is what its JSON Schema says, checked with the part of JSON Schema that our schemas use.

Arrives: the schemas, as they are published in topics/schemas. Leaves: a checker for each topic. A keyword that it does
not know is refused, so nothing passes unread; the tests compare its verdicts with those of a full validator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from streamseg.errors import InvariantError
from streamseg.wire.schema import MESSAGES, json_schema

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_IGNORED: Final = frozenset({"$schema", "$id", "title", "description", "examples", "format"})
_KNOWN: Final = _IGNORED | {
    *("type", "enum", "properties", "required", "items", "anyOf"),
    *("pattern", "minLength", "maxLength", "minimum", "maximum"),
}

Problem = str | None


def checker() -> Callable[[str, Any], Problem]:
    """Make the function that says what is wrong with an output of a topic; None where it is valid.

    >>> problem_of = checker()
    >>> problem_of("churn-alerts", {"kind": "entered"})
    'event_id is missing'
    """
    schemas = {message.topic: json_schema(message) for message in MESSAGES}
    for schema in schemas.values():
        refuse_unknown_keywords(schema)
    return lambda topic, value: problem(schemas[topic], value, "")


def problem(schema: Mapping[str, Any], value: Any, where: str) -> Problem:
    """Say the first thing that is wrong with a value, or None."""
    if "anyOf" in schema and all(problem(choice, value, where) for choice in schema["anyOf"]):
        return f"{where or 'value'} is {value!r}; it fits none of the {len(schema['anyOf'])} allowed forms"
    allowed = schema.get("type", list(_TYPES))
    if not any(_is(name, value) for name in ([allowed] if isinstance(allowed, str) else allowed)):
        return f"{where or 'value'} is {value!r}; expected {allowed}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where} is {value!r}; expected one of {schema['enum']}"
    if isinstance(value, str):
        return _text_problem(schema, value, where)
    if isinstance(value, dict):
        return _object_problem(schema, value, where)
    if isinstance(value, list):
        found = (problem(schema.get("items", {}), item, f"{where}[{i}]") for i, item in enumerate(value))
        return next(filter(None, found), None)
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum", value), schema.get("maximum", value)
        return None if low <= value <= high else f"{where} is {value}; expected {low} to {high}"
    return None


def _is(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name]) or (name == "integer" and isinstance(value, float) and value.is_integer())


def _text_problem(schema: Mapping[str, Any], value: str, where: str) -> Problem:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        return f"{where} has {len(value)} characters"
    if "pattern" in schema and re.search(schema["pattern"], value) is None:
        return f"{where} is {value!r}; expected {schema['pattern']}"
    return None


def _object_problem(schema: Mapping[str, Any], value: Mapping[str, Any], where: str) -> Problem:
    prefix = f"{where}." if where else ""
    for name in schema.get("required", ()):
        if name not in value:
            return f"{prefix}{name} is missing"
    fields = schema.get("properties", {})
    return next(filter(None, (problem(fields[n], v, prefix + n) for n, v in value.items() if n in fields)), None)


def refuse_unknown_keywords(schema: Mapping[str, Any]) -> None:
    """Raise `InvariantError` if a schema says something that is not read here."""
    unknown = set(schema) - _KNOWN
    if unknown:
        raise InvariantError(f"JSON Schema keyword {sorted(unknown)[0]!r} is not read here; add it to {__name__}")
    items = [schema["items"]] if "items" in schema else []
    for part in [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), *items]:
        refuse_unknown_keywords(part)
