"""Where a monitor's state is kept, and what opens it there."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from apps.finance_monitor.state.backend import Backend
from apps.finance_monitor.state.sqlite_file import SqliteFile
from common.errors import UserError

FILE = "monitor.sqlite"
URLS = ("postgresql://", "postgres://", "postgresql+psycopg://")

# A file, or the URL of a database in PostgreSQL.
Place = Path | str


def store_path(directory: Path) -> Path:
    """The file in the directory of an application."""
    return directory / FILE


def place_of(directory: Path, database: str | None) -> Place:
    """The place of a monitor's state.

    Args:
        directory: of the application, in its store.
        database: as `--database` names it: where that is a file, it holds feedback alone.

    Raises:
        UserError: it is neither a file nor PostgreSQL.
    """
    if database and is_postgresql(database):
        return database
    scheme, mark, _ = (database or "").partition("://")
    if mark and scheme != "sqlite":
        raise UserError(
            f"{scheme}://: not a database that a monitor can use",
            where="--database",
            hint="Like postgresql://user@host/name; without it, a file in the store.",
        )
    return store_path(directory)


def is_postgresql(place: Place) -> bool:
    """Whether several machines may share it."""
    return isinstance(place, str) and place.startswith(URLS)


def find(place: Place) -> Place:
    """The place itself, of a monitor that has run there.

    Raises:
        UserError: none has, or the database does not answer.
    """
    if not has_run(place):
        where = str(place) if isinstance(place, Path) else _of_psycopg("connecting").shown(place)
        raise UserError(
            "no monitor has run here yet",
            where=where,
            hint="Start `watch` with this --store or --database.",
        )
    return place


def has_run(place: Place) -> bool:
    """Whether a monitor has kept anything there.

    Raises:
        UserError: the database does not answer.
    """
    if isinstance(place, Path):
        return place.exists()
    found: bool = _of_psycopg("connecting").has_tables(place)
    return found


def open_backend(
    place: Place | None,
    *,
    leads: bool = False,
    waits: bool = False,
    before: Path | None = None,
) -> Backend:
    """Open what is kept at a place; None: for the length of this process.

    Args:
        leads: as the only process that watches.
        waits: until no other one does.
        before: a file with which an empty database in PostgreSQL goes on.

    Raises:
        UserError: it cannot be opened, or another process leads.
    """
    if place is None or isinstance(place, Path):
        return SqliteFile(place, leads=leads, waits=waits)
    backend: Backend = _of_psycopg("postgresql").PostgresDatabase(
        place, leads=leads, waits=waits, before=before
    )
    return backend


def _of_psycopg(module: str) -> ModuleType:
    try:
        return import_module(f"apps.finance_monitor.state.{module}")
    except ModuleNotFoundError as error:
        raise UserError(
            f"a database in PostgreSQL needs {error.name}", hint="pip install -e '.[postgres]'"
        ) from None
