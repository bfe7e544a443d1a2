"""A question to a monitor's database in PostgreSQL."""

from __future__ import annotations

import re

import psycopg
from psycopg import ServerCursor
from psycopg.rows import tuple_row
from psycopg.types.numeric import FloatLoader

from apps.finance_monitor.querying.views import NAMES, columns, refusal, views
from apps.finance_monitor.state.connecting import SCHEMA, Connection, connect, said
from apps.finance_monitor.state.dialect import Postgresql
from common.errors import UserError

PLAIN = (str, int, float, bool, type(None))
# Objects by their number, as PostgreSQL writes the tree of a query.
TABLE = re.compile(r":relid (\d+)")
FUNCTION = re.compile(r":(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)")
# What is neither volatile nor bound to the session reads no table, file or other session.
REFUSED = """
SELECT relname AS name FROM pg_class WHERE oid = ANY(%(tables)s)
    AND NOT (relnamespace = pg_my_temp_schema() AND relname = ANY(%(views)s))
UNION
SELECT proname || '()' FROM pg_proc WHERE oid = ANY(%(functions)s)
    AND (pronamespace <> 'pg_catalog'::regnamespace OR provolatile = 'v' OR proparallel <> 's')
    AND oid <> 'pg_catalog.random()'::regprocedure
ORDER BY name
"""


def ask_postgresql(
    url: str, query: str, most: int | None, seconds: float
) -> tuple[list[str], list[tuple[object, ...]]]:
    """The names of columns, and rows.

    Raises:
        UserError: see `ask`.
    """
    # A semicolon at its end would stand within the view below.
    query = query.rstrip("; \t\r\n")
    try:
        with connect(url) as database:
            for name, view in views(Postgresql()).items():
                database.execute(f"CREATE TEMP VIEW {name} AS {view}")
            # Views of this session come before the tables that have their names.
            database.execute(f"SET search_path TO pg_temp, {SCHEMA}")
            database.execute(f"SET statement_timeout = {seconds * 1000:.0f}")
            database.adapters.register_loader("numeric", FloatLoader)
            with database.transaction():
                database.execute("SET TRANSACTION READ ONLY")
                # Prepared, it is one statement.
                database.execute(f"EXPLAIN (COSTS FALSE) {query}", prepare=True)
            _check(database, query)
            with database.transaction():
                database.execute("SET TRANSACTION READ ONLY")
                # The server keeps the rows that nobody asks for.
                with ServerCursor(database, "asked", row_factory=tuple_row) as cursor:
                    cursor.execute(query)
                    rows = cursor.fetchall() if most is None else cursor.fetchmany(most)
                    names = [column.name for column in cursor.description or ()]
            return names, [tuple(map(_plain, row)) for row in rows]
    except psycopg.errors.QueryCanceled:
        raise UserError(f"it takes longer than {seconds:g} seconds", hint=columns(query)) from None
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise UserError(refusal(said(error)), hint=columns(query)) from None
    except psycopg.Error as error:
        raise UserError(said(error), hint=columns(query)) from None


def _check(database: Connection, query: str) -> None:
    """See that a query reads the views alone, and calls nothing that reads or does more.

    What it names is in the tree that the server keeps of a view: a function, too, that is given
    the name of a table or another query, of which a plan says nothing.

    Raises:
        UserError: it does.
    """
    view = f"CREATE TEMP VIEW asked AS SELECT 1 AS one FROM (\n{query}\n) AS asked"
    try:
        database.execute(view, prepare=True)
    except (psycopg.errors.SyntaxError, psycopg.errors.FeatureNotSupported) as error:
        # It is a statement, but one that does something.
        raise UserError(refusal(said(error)), hint=columns(query)) from None
    kept = "SELECT ev_action::text AS tree FROM pg_rewrite WHERE ev_class = 'asked'::regclass"
    tree = database.execute(kept).fetchone()["tree"]
    named = {
        "tables": [int(one) for one in TABLE.findall(tree)],
        "functions": [int(one) for one in FUNCTION.findall(tree)],
        "views": [*NAMES, "asked"],
    }
    refused = database.execute(REFUSED, named).fetchall()
    if refused:
        raise UserError(refusal(", ".join(one["name"] for one in refused)))


def _plain(cell: object) -> object:
    return cell if isinstance(cell, PLAIN) else str(cell)
