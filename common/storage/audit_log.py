"""Who changed what: rows are only added, and deleted when they are too old."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, select, update

from common.storage.database import Database
from common.storage.tables import audit_log

DAY_SECONDS = 86_400.0
KEEP_SECONDS = 730 * DAY_SECONDS
# What is changed is named, not repeated.
MOST_CHARACTERS = 300
PURGED = "purged"


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        who: the name of a key, or of who was at the command line.
        what: a thing and what became of it, as `release.promoted`.
        about: ids of what was changed.
        before, after: in short, or their ids.
        source: the address that it came from, or the machine.
        at: seconds since 1970, UTC.
        id: the same for the same change, which is kept once.
    """

    who: str
    what: str
    about: str = ""
    before: str = ""
    after: str = ""
    source: str = ""
    at: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: uuid4().hex)


class AuditLog:
    """The changes of one application.

    Args:
        keep_seconds: how long they are kept; None: whoever else has this log open decides.
    """

    def __init__(
        self, database: Database, application: str, *, keep_seconds: float | None = None
    ) -> None:
        self._database = database
        self._application = application
        self._keep_seconds = keep_seconds

    def add(self, change: Change) -> None:
        """Keep a change, and let go of what is too old."""
        row: dict[str, Any] = {"application": self._application, **asdict(change)}
        for name in ("about", "before", "after"):
            row[name] = _short(row[name])
        old = (audit_log.c.application == self._application) & (audit_log.c.at < self._oldest())
        with self._database.writing() as connection:
            connection.execute(delete(audit_log).where(old))
            self._database.insert_new(connection, audit_log, [row])

    def forget(self, text: str) -> None:
        """Blank what holds a text that somebody wants gone; that something was changed stays."""
        table = audit_log.c
        own = table.application == self._application
        with self._database.writing() as connection:
            for column in (table.about, table.before, table.after):
                holds = own & column.contains(text, autoescape=True)
                connection.execute(update(audit_log).where(holds).values({column: PURGED}))

    def changes(
        self, *, since: float = 0.0, what: str | None = None, limit: int | None = None
    ) -> list[Change]:
        """The latest changes, oldest first.

        Args:
            since: seconds since 1970.
            what: as `release.promoted`, or the thing alone, as `release`.
        """
        table = audit_log.c
        wanted = select(audit_log).where(
            table.application == self._application, table.at >= max(since, self._oldest())
        )
        if what is not None:
            below = table.what.startswith(f"{what}.", autoescape=True)
            wanted = wanted.where((table.what == what) | below)
        wanted = wanted.order_by(table.at.desc(), table.id).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(wanted).mappings().all()
        return [_change(row) for row in reversed(rows)]

    def _oldest(self) -> float:
        return 0.0 if self._keep_seconds is None else time.time() - self._keep_seconds


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def _change(row: Mapping[Any, Any]) -> Change:
    return Change(**{name: value for name, value in row.items() if name != "application"})
