"""The verb `audit-log`: who changed what."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.cli import Json, Store, print_json
from common.console import say, show_table
from common.durations import parse_period
from common.learning.options_cli import DatabaseUrl

if TYPE_CHECKING:
    from rich.table import Table

    from common.storage.audit_log import Change


def add_audit_log_verb(app: typer.Typer, application: str) -> None:
    """Add it."""

    @app.command("audit-log")
    def show_audit_log(
        since: Annotated[
            str | None, typer.Option(help="A day (UTC), a time, or a period such as 7d.")
        ] = None,
        what: Annotated[
            str | None, typer.Option(help="Only this, e.g. release, or release.promoted.")
        ] = None,
        limit: Annotated[int, typer.Option(min=1, help="The latest so many.")] = 100,
        store: Store = Path("var"),
        database: DatabaseUrl = None,
        as_json: Json = False,
    ) -> None:
        """Show who changed what: knowledge, releases, tickets, alerts, corrections, keys."""
        from common.storage.audit_log import AuditLog
        from common.storage.database import DATABASE, Database

        begin = _begin(since)
        opened = Database(database or store / DATABASE)
        try:
            found = AuditLog(opened, application).changes(since=begin, what=what, limit=limit)
        finally:
            opened.close()
        if as_json:
            print_json({"changes": [asdict(change) for change in found]})
        elif found:
            show_table(_table(found))
        else:
            say("Nothing was changed.")


def _begin(since: str | None) -> float:
    """Seconds since 1970.

    Raises:
        UserError: neither a day, a time nor a period.
    """
    if since is None:
        return 0.0
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        return (datetime.now(UTC) - parse_period(since)).timestamp()
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()


def _table(changes: list[Change]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for heading in ("when (UTC)", "who", "what", "about", "before", "after", "from"):
        table.add_column(heading)
    for one in changes:
        at = datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        cells = (at, one.who, one.what, one.about, one.before, one.after, one.source)
        table.add_row(*map(escape, cells))
    return table
