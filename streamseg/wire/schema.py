"""The contract as files: JSON Schemas, the list of topics and an AsyncAPI document, generated from the code.

``python -m streamseg.wire.schema --write`` renews the files in `topics/`; ``--check`` names those that differ (exit 1).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Required, Union, get_args, get_origin, get_type_hints, is_typeddict

from streamseg.wire import topics
from streamseg.wire.declared import Json, Says
from streamseg.wire.fields import Touchpoint
from streamseg.wire.model_decisions import ModelDecision
from streamseg.wire.outputs import CustomerProfile, Decision
from streamseg.wire.topics import TOPICS, Topic

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ROOT: Final = Path(__file__).resolve().parents[2] / "topics"
"""Where the files stand in a checkout; an installed package has the declarations and needs no files."""


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of record whose value is JSON, and the topic that carries it."""

    name: str
    """Name of the schema's file, without ``.json``."""
    topic: str
    declared: type
    """The class whose annotations say what the fields are."""
    title: str
    narrowed: Mapping[str, Json]
    """Fields of which this topic carries less than the class allows, with the whole of what it carries."""
    key: str = "customer_id"
    """What the record's key is; where a topic carries other records, too, it tells them apart."""


MESSAGES: Final = (
    Message("touchpoint", topics.TOUCHPOINTS, Touchpoint, "A touchpoint: one contact of one customer", {}),
    Message(
        "segment-change",
        topics.SEGMENT_CHANGES,
        Decision,
        "A customer entered, changed or left a segment",
        {"kind": {"enum": ["entered", "exited", "changed"]}},
    ),
    Message(
        "churn-alert",
        topics.CHURN_ALERTS,
        Decision,
        "A customer is about to be lost",
        {"kind": {"enum": ["churn_alert"]}, "segment": {"type": "string"}, "score": {"type": "number"}},
    ),
    Message("customer-profile", topics.CUSTOMER_PROFILES, CustomerProfile, "What is held true of a customer now", {}),
    Message(
        "model-decision",
        topics.MODELS,
        ModelDecision,
        "What was decided about a model, and why",
        {},
        key="decision/<at_ms>-<kind>-<version>",
    ),
)


def json_schema(message: Message) -> Json:
    """Write one message as JSON Schema 2020-12: an object that may have further fields.

    >>> json_schema(MESSAGES[0])["required"]
    ['event_id', 'customer_id', 'type', 'event_time']
    """
    body = _object(message.declared)
    for name, less in message.narrowed.items():
        body["properties"][name] |= less
    identity = {"$schema": DIALECT, "$id": f"urn:streamseg:{message.name}", "title": message.title}
    return identity | {"description": f"Value of a record of {message.topic} with the key {message.key}."} | body


def files() -> dict[str, str]:
    """Give every generated file: path below `topics/` to its whole text."""
    schemas = {f"schemas/{message.name}.json": _dump(json_schema(message)) for message in MESSAGES}
    return {**schemas, "topics.toml": _topics_toml(), "asyncapi.json": _dump(_asyncapi())}


def differences(root: Path) -> list[str]:
    """Name the files below `root` that are missing, differ from the code, or are generated no more."""
    expected = files()
    stale = {path.relative_to(root).as_posix() for path in (root / "schemas").glob("*")} - set(expected)
    differing = [name for name, text in expected.items() if _text(root / name) != text]
    return sorted([*differing, *stale])


def main(argv: Sequence[str] | None = None) -> int:
    """Write or check the generated files; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m streamseg.wire.schema", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="renew the files in topics/")
    action.add_argument("--check", action="store_true", help="name the files that differ; exit code 1 if any does")
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="the directory of the files (default: topics/ of this checkout)"
    )
    arguments = parser.parse_args(argv)
    if arguments.write:
        for name, text in files().items():
            path = arguments.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return 0
    differing = differences(arguments.root)
    for name in differing:
        print(
            f"topics/{name} differs from the code; renew it: python -m streamseg.wire.schema --write", file=sys.stderr
        )
    return 1 if differing else 0


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _dump(document: Json) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _object(declared: type) -> Json:
    hints = get_type_hints(declared, include_extras=True)
    # Not `__required_keys__`: under postponed annotations Python can't see `Required` in them and leaves it empty.
    required = [name for name, hint in hints.items() if not is_typeddict(declared) or get_origin(hint) is Required]
    return {
        "type": "object",
        "properties": {name: _field(hint) for name, hint in hints.items()},
        "required": required,
    }


def _field(hint: Any) -> Json:
    if get_origin(hint) is Required:
        (hint,) = get_args(hint)
    if get_origin(hint) is not Annotated:
        return _type(hint)
    base, says = get_args(hint)
    assert isinstance(says, Says), f"{hint} is annotated with something else than Says"
    limits = says.limits or {}
    # Limits that bring a type of their own say how the value is spelled on the wire (a time, an object).
    described: Json = {} if "type" in limits or "anyOf" in limits else _type(base)
    described |= {"description": says.words} | limits
    return described | ({} if says.example is None else {"examples": [says.example]})


_NAMES: Final[dict[Any, str]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "object",
    NoneType: "null",
}


def _type(hint: Any) -> Json:
    origin = get_origin(hint)
    if origin is Literal:
        return {"enum": list(get_args(hint))}
    if origin is tuple:
        item = get_args(hint)[0]
        return {"type": "array", "items": _type(item) if item in _NAMES else _object(item)}
    if origin in (UnionType, Union):
        return {"type": [_type(part)["type"] for part in get_args(hint)]}
    return {"type": _NAMES[origin or hint]}


def _topics_toml() -> str:
    lines = ["# Generated from streamseg/wire/topics.py; renew with: python -m streamseg.wire.schema --write"]
    for topic in TOPICS:
        lines += ["", "[[topic]]"]
        lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in _told(topic).items()]
    return "\n".join(lines) + "\n"


def _told(topic: Topic) -> Json:
    told: Json = {
        "name": topic.name,
        "purpose": topic.purpose,
        "key": topic.key,
        "partitions": topic.partitions,
        "timestamp_type": topic.timestamp_type,
        "cleanup_policy": topic.cleanup_policy,
        "retention_ms": topic.retention_ms,
        "owner": topic.owner,
    }
    for message in MESSAGES:
        if message.topic == topic.name:
            told["schema"] = f"schemas/{message.name}.json"
    # A dotted TOML key: the Kafka name has dots of its own, so it stands in quotes.
    return told | {f'config."{name}"': value for name, value in sorted(topic.config.items())}


def _asyncapi() -> Json:
    by_name = {topic.name: topic for topic in TOPICS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "streamseg",
            "version": "1.0.0",
            "description": "Touchpoints in; segment changes, churn alerts, customer profiles and models out.",
        },
        "defaultContentType": "application/json",
        "channels": {message.topic: _channel(message, by_name[message.topic]) for message in MESSAGES},
        "operations": {
            ("receive" if message.topic == topics.TOUCHPOINTS else "send") + f"-{message.name}": {
                "action": "receive" if message.topic == topics.TOUCHPOINTS else "send",
                "channel": {"$ref": f"#/channels/{message.topic}"},
            }
            for message in MESSAGES
        },
        "components": {
            "messages": {
                message.name: {
                    "title": message.title,
                    "payload": {"$ref": f"schemas/{message.name}.json"},
                    "bindings": {"kafka": {"key": {"type": "string", "description": message.key}}},
                }
                for message in MESSAGES
            }
        },
    }


def _channel(message: Message, topic: Topic) -> Json:
    return {
        "address": topic.name,
        "description": topic.purpose,
        "messages": {message.name: {"$ref": f"#/components/messages/{message.name}"}},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": {"cleanup.policy": [topic.cleanup_policy], "retention.ms": topic.retention_ms},
            }
        },
    }


if __name__ == "__main__":
    raise SystemExit(main())
