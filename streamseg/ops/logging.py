"""How a worker's log looks: one line an event, for people or for collectors, always on standard error.

Arrives: a level and a format. Leaves: a `logging` configuration. Standard output belongs to what a command prints.
"""

from __future__ import annotations

import logging
import logging.config
from datetime import UTC, datetime
from typing import Any

import orjson


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339), level, logger, message and, where there is one, the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()


def configuration(level: str, style: str) -> dict[str, Any]:
    """The configuration for `logging.config.dictConfig`, and for Faust's `logging_config`.

    Args:
        level: debug, info, warning or error; other packages speak only from warning on, whatever the level.
        style: text or json.
    """
    formatters: dict[str, Any] = {
        "text": {"format": "%(asctime)s %(levelname)-7s %(message)s"},
        "json": {"()": JsonFormatter},
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": formatters,
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": style}},
        "loggers": {"streamseg": {"level": level.upper()}},
        "root": {"level": "WARNING" if level != "error" else "ERROR", "handlers": ["stderr"]},
    }


def configure(level: str, style: str) -> None:
    """Set up the log of this process."""
    logging.config.dictConfig(configuration(level, style))
