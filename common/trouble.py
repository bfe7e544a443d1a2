"""What is told of a disk or a database that failed in the middle of a command."""

from __future__ import annotations

import errno
import sys

from common.files import NO_SPACE


def trouble_of(error: Exception) -> str | None:
    """What is wrong with a disk or a database that failed in between; None: something else is."""
    if isinstance(error, OSError) and error.errno in {*NO_SPACE, errno.EROFS}:
        where = error.filename or "the disk"
        mend = "Make it writable" if error.errno == errno.EROFS else "Free some space"
        return f"{where}: {error.strerror}\n  {mend} and run the same command again."
    # Whoever has had trouble with it has imported it.
    if "sqlalchemy" in sys.modules:
        from common.storage.database import database_said

        if said := database_said(error):
            return f"the database failed: {said}\n  Mend it and run the same command again."
    if _is_driver_trouble(error):
        said = str(error).strip().partition("\n")[0]
        return f"the database failed: {said}\n  Mend it and run the same command again."
    return None


def _is_driver_trouble(error: Exception) -> bool:
    """Whether a driver, if one was imported, says that a database is down, full or refuses."""
    sqlite3, psycopg = sys.modules.get("sqlite3"), sys.modules.get("psycopg")
    # Of a file that is damaged, it says no more than the bare `DatabaseError`.
    if sqlite3 and type(error) in {sqlite3.OperationalError, sqlite3.DatabaseError}:
        return True
    if psycopg is None:
        return False
    kinds = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)
    return isinstance(error, (*kinds, psycopg.errors.InsufficientPrivilege))
