"""The server's log: one line of JSON on stderr for each record."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any


def where_raised(error: BaseException) -> str:
    """A traceback of the lines of code and the kinds of errors, without what the errors say.

    An error's words may repeat what somebody asked, with their card or ID number in it.
    """
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or following.__context__
    parts = []
    for one in reversed(chain):
        parts += ["".join(traceback.format_tb(one.__traceback__)), type(one).__name__]
    return "\n".join(parts)


class JsonLines(logging.Formatter):
    """Each log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Time with zone, level, logger, message, and the record's `fields`."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            error = record.exc_info[1]
            line["traceback"] = where_raised(error) if error else ""
        return json.dumps(line, ensure_ascii=False, default=str)


def logging_settings() -> dict[str, Any]:
    """For `logging.config.dictConfig`: our own records, and everybody's warnings."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonLines}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"common": {"level": "INFO"}, "apps": {"level": "INFO"}},
    }
