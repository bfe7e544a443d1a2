"""A question to a monitor's file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from time import monotonic
from urllib.parse import quote

from apps.finance_monitor.querying.views import MADE_OF, NAMES, columns, refusal, views
from apps.finance_monitor.state.dialect import Sqlite
from common.errors import UserError

READ = {*NAMES, *MADE_OF, "json_each"}
STEPS_BETWEEN_LOOKS = 100_000
ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)


def ask_sqlite(
    path: Path, query: str, most: int | None, seconds: float
) -> tuple[list[str], list[tuple[object, ...]]]:
    """The names of columns, and rows.

    Raises:
        UserError: see `ask`.
    """
    database = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=30)
    try:
        for name, view in views(Sqlite()).items():
            database.execute(f"CREATE TEMP VIEW {name} AS {view}")
        # It is set up when it is first used, which the authoriser would refuse.
        database.execute("SELECT 1 FROM json_each('[]')")
        database.set_authorizer(_authorise)
        ends = monotonic() + seconds
        database.set_progress_handler(lambda: monotonic() > ends, STEPS_BETWEEN_LOOKS)
        cursor = database.execute(query)
        rows = cursor.fetchall() if most is None else cursor.fetchmany(most)
        return [column[0] for column in cursor.description or ()], rows
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise UserError(_reason(error, seconds), hint=columns(query)) from None
    finally:
        database.close()


def _authorise(action: int, table: str | None, *_: str | None) -> int:
    is_read = action == sqlite3.SQLITE_READ and table in READ
    return sqlite3.SQLITE_OK if action in ALLOWED or is_read else sqlite3.SQLITE_DENY


def _reason(error: Exception, seconds: float) -> str:
    said = str(error)
    if said == "interrupted":
        return f"it takes longer than {seconds:g} seconds"
    if any(words in said for words in ("prohibited", "not authorized", "cannot modify")):
        return refusal(said)
    return said
