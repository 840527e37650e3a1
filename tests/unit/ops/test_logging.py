from __future__ import annotations

import logging
import sys

import orjson

from streamseg.ops.logging import JsonFormatter, configuration


def a_record(message: str, *args: object, exc_info: object = None) -> logging.LogRecord:
    return logging.LogRecord("streamseg.app", logging.WARNING, __file__, 1, message, args, exc_info)  # type: ignore[arg-type]


def test_a_line_is_one_json_object_whatever_the_message_holds() -> None:
    line = JsonFormatter().format(a_record('two\nlines and "%s"', "quotes"))
    found = orjson.loads(line)
    assert "\n" not in line
    assert (found["level"], found["logger"], found["message"]) == (
        "warning",
        "streamseg.app",
        'two\nlines and "quotes"',
    )


def test_a_traceback_travels_in_the_line() -> None:
    try:
        raise ValueError("why")
    except ValueError:
        line = JsonFormatter().format(a_record("failed", exc_info=sys.exc_info()))
    assert "ValueError: why" in orjson.loads(line)["traceback"]


def test_other_packages_speak_only_from_warning_on() -> None:
    config = configuration("debug", "json")
    assert (config["loggers"]["streamseg"]["level"], config["root"]["level"]) == ("DEBUG", "WARNING")
