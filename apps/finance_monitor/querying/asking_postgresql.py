"""A question to a monitor's database in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import tuple_row
from psycopg.types.numeric import FloatLoader

from apps.finance_monitor.querying.views import MADE_OF, columns, refusal, views
from apps.finance_monitor.state.connecting import SCHEMA, connect, said
from apps.finance_monitor.state.dialect import Postgresql
from common.errors import UserError

PLAIN = (str, int, float, bool, type(None))


def ask_postgresql(
    url: str, query: str, most: int | None, seconds: float
) -> tuple[list[str], list[tuple[object, ...]]]:
    """The names of columns, and rows.

    Raises:
        UserError: see `ask`.
    """
    try:
        with connect(url) as database:
            for name, view in views(Postgresql()).items():
                database.execute(f"CREATE TEMP VIEW {name} AS {view}")
            # Views of this session come before the tables that have their names.
            database.execute(f"SET search_path TO pg_temp, {SCHEMA}")
            database.execute(f"SET statement_timeout = {seconds * 1000:.0f}")
            database.adapters.register_loader("numeric", FloatLoader)
            with database.transaction(), database.cursor(row_factory=tuple_row) as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
                # Prepared, it is one statement.
                plan = cursor.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {query}", prepare=True)
                _check_tables(plan.fetchone())
                cursor.execute(query, prepare=True)
                rows = cursor.fetchall() if most is None else cursor.fetchmany(most)
                return [column.name for column in cursor.description or ()], [
                    tuple(cell if isinstance(cell, PLAIN) else str(cell) for cell in row)
                    for row in rows
                ]
    except psycopg.errors.QueryCanceled:
        raise UserError(f"it takes longer than {seconds:g} seconds", hint=columns(query)) from None
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise UserError(refusal(said(error)), hint=columns(query)) from None
    except psycopg.Error as error:
        raise UserError(said(error), hint=columns(query)) from None


def _check_tables(plan: Any) -> None:
    """See that a query reads no others.

    Raises:
        UserError: it does.
    """
    for table in _tables(plan):
        if table not in {f"{SCHEMA}.{name}" for name in MADE_OF}:
            raise UserError(refusal(table))


def _tables(node: Any) -> Iterator[str]:
    """All tables that a plan reads."""
    if isinstance(node, dict):
        if "Relation Name" in node:
            yield f"{node.get('Schema', '')}.{node['Relation Name']}"
        node = list(node.values())
    if isinstance(node, list | tuple):
        for part in node:
            yield from _tables(part)
