"""Errors that the user can fix, and the exit codes of every command."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """Exit codes that every command keeps to."""

    DONE = 0
    BAD_INPUT = 2
    REFUSED = 3
    INTERRUPTED = 130


class UserError(Exception):
    """What is wrong, where, and how to fix it.

    Shown as plain lines on stderr, never as a traceback.
    """

    exit_code = Exit.BAD_INPUT

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f"\n  {self.hint}" if self.hint else ""
        return f"{place}{self.what}{advice}"


class RefusedError(UserError):
    """A gate said no; what was in service stays in service."""

    exit_code = Exit.REFUSED


def reason_of(error: Mapping[str, Any]) -> str:
    """What is wrong in one line, of one of `ValidationError.errors()` of pydantic."""
    said = str(error["msg"]).removeprefix("Value error, ")
    is_time = str(error["type"]).startswith(("datetime_", "timezone_"))
    return f"{said}; times are written as 2026-02-01T09:30:00+08:00" if is_time else said
