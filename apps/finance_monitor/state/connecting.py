"""A session of PostgreSQL whose tables are the monitor's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from apps.finance_monitor.state.backend import Row
from apps.finance_monitor.state.dialect import Postgresql
from common.errors import UserError

SCHEMA = Postgresql.tables
# A peer that is gone is told within seconds, and not when TCP gives up.
NETWORK: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "bizlm finance_monitor",
}
# In a text, and in JSON, where a backslash may stand before the one that begins it.
NUL = re.compile(r"\0|(?<!\\)((?:\\\\)*)\\u0000")

Found = TypeVar("Found")
# psycopg's; it is an extra, and may not be there when types are checked.
Connection = Any


def connect(url: str) -> Connection:
    """A connection whose tables are the monitor's, each statement on its own."""
    given = conninfo_to_dict(_plain(url))
    connection: Connection = psycopg.connect(
        **(NETWORK | given), autocommit=True, row_factory=dict_row
    )
    connection.execute(f"SET search_path TO {SCHEMA}")
    return connection


def shown(url: str) -> str:
    """The database, for people, without a password.

    Raises:
        UserError: it is no URL.
    """
    try:
        given = conninfo_to_dict(_plain(url))
    except psycopg.ProgrammingError:
        # What libpq says of it may hold a password.
        raise UserError(
            "not a URL of PostgreSQL", where="--database", hint="Like postgresql://user@host/name"
        ) from None
    user = f"{given['user']}@" if "user" in given else ""
    port = f":{given['port']}" if "port" in given else ""
    return f"postgresql://{user}{given.get('host', '')}{port}/{given.get('dbname', '')}"


def said(error: Exception) -> str:
    """What a database says, in one line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def answering(act: Callable[[], Found], where: str) -> Found:
    """What `act` returns.

    Raises:
        UserError: the database does not answer, or refuses it.
    """
    try:
        return act()
    except psycopg.Error as error:
        raise UserError(f"the database cannot be used: {said(error)}", where=where) from None


def has_tables(url: str) -> bool:
    """Whether a monitor has kept anything there.

    Raises:
        UserError: it does not answer, or lets this user see nothing.
    """

    def look() -> bool:
        with connect(url) as connection:
            asked = "SELECT to_regclass(%s) AS tables"
            found = connection.execute(asked, (f"{SCHEMA}.state",)).fetchone()
        return bool(found and found["tables"])

    return answering(look, shown(url))


def _plain(url: str) -> str:
    """Without what SQLAlchemy reads as the driver."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}{mark}{rest}"


def fetched(connection: Connection, query: str, values: Sequence[object]) -> list[Row]:
    """The rows of a query that is written for `Backend`."""
    return list(connection.execute(spelled(query), without_nul(values)).fetchall())


def without_nul(values: Sequence[object]) -> list[object]:
    """As PostgreSQL keeps them: it has no NUL in a text, and reads no JSON that names one."""
    return [
        NUL.sub(r"\1", one) if isinstance(one, str) and ("\0" in one or "\\u0000" in one) else one
        for one in values
    ]


@lru_cache(256)
def spelled(query: str) -> str:
    """With the marks that psycopg knows."""
    return query.replace("%", "%%").replace("?", "%s")
