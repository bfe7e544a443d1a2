from __future__ import annotations

import errno
import importlib
import math
import sqlite3
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import typer
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from typer.core import TyperOption
from typer.testing import CliRunner

from common.cli import new_app, parse_mapping, run
from common.errors import RefusedError, UserError


def test_a_mapping_is_read() -> None:
    assert parse_mapping(["text=a=b", "label=c"], {"text", "label"}) == {
        "text": "a=b",
        "label": "c",
    }
    assert parse_mapping(None, {"text"}) == {}


@pytest.mark.parametrize(
    ("pair", "message"),
    [("text", "not of the form"), ("text=", "not of the form"), ("txt=a", "text")],
)
def test_a_mapping_that_cannot_be_is_told(pair: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_mapping([pair], {"text", "label"})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (UserError("wrong", where="a.csv:3", hint="Mend it."), 2, "Error: a.csv:3: wrong"),
        (RefusedError("worse"), 3, "Error: worse"),
        (KeyboardInterrupt(), 130, "Interrupted"),
        (OSError(errno.ENOSPC, "No space left", "a.npy"), 3, "Error: a.npy: No space left"),
        (OSError(errno.EROFS, "Read-only", "a.npy"), 3, "a.npy: Read-only\n  Make it writable"),
        (OperationalError("INSERT", {}, OSError("gone")), 3, "the database failed: gone"),
        (OperationalError("INSERT", {}, OSError("")), 3, "the database failed: OperationalError"),
        (DatabaseError("SELECT", {}, OSError("malformed")), 3, "the database failed: malformed"),
        (psycopg.OperationalError("gone\nagain"), 3, "the database failed: gone\n  Mend it"),
        (sqlite3.DatabaseError("malformed"), 3, "the database failed: malformed"),
        (sqlite3.OperationalError("locked"), 3, "the database failed: locked"),
        (psycopg.errors.ReadOnlySqlTransaction("read-only"), 3, "the database failed: read-only"),
        (psycopg.errors.InsufficientPrivilege("denied"), 3, "the database failed: denied"),
    ],
)
def test_every_end_has_its_exit_code_and_no_traceback(
    error: BaseException,
    exit_code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = new_app("test")

    @app.command()
    def fail() -> None:
        raise error

    @app.command()
    def other() -> None:
        pass

    monkeypatch.setattr(sys, "argv", ["test", "fail"])
    with pytest.raises(SystemExit) as caught:
        run(app)
    assert caught.value.code == exit_code
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_a_mistake_of_ours_is_not_told_as_trouble_with_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = new_app("test", no_args_is_help=False)

    @app.command()
    def fail() -> None:
        raise IntegrityError("INSERT", {}, OSError("twice"))

    monkeypatch.setattr(sys, "argv", ["test"])
    with pytest.raises(IntegrityError):
        run(app)


@pytest.mark.parametrize("application", ["customer_service", "finance_monitor", "recommender"])
def test_no_option_that_is_a_number_takes_one_that_is_none(application: str) -> None:
    app = importlib.import_module(f"apps.{application}.cli").app
    numbers = {
        f"{verb} --{option.name}": (option.min, option.max)
        for verb, option in _options(typer.main.get_command(app))
        if "float" in str(option.type_descriptor.annotation)
    }
    assert numbers
    # Between two ends there is neither an infinity nor what is no number.
    for name, ends in numbers.items():
        assert None not in ends, name
        assert all(map(math.isfinite, ends)), name


def _options(command: Any, verb: str = "") -> Iterator[tuple[str, Any]]:
    """Of a command and all that is in it, each with the words of its verb."""
    for name, one in getattr(command, "commands", {}).items():
        yield from _options(one, f"{verb} {name}")
    yield from ((verb, one) for one in command.params if isinstance(one, TyperOption))


def test_a_number_that_is_none_is_outside_any_two_ends() -> None:
    app = importlib.import_module("apps.finance_monitor.cli").app
    told = CliRunner().invoke(app, ["demo", "--speed", "nan"])
    assert told.exit_code == 2
    assert "--speed" in told.stderr
