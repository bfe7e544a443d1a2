"""The right to be forgotten, over tickets: in the database, and waiting for it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from apps.customer_service.tickets.desk import SPOOL
from apps.customer_service.tickets.schema import Arrival
from apps.customer_service.tickets.store import TicketStore
from common.learning.spool import Spool
from common.storage.database import Database


def purge_tickets(
    root: Path,
    database: Database,
    *,
    subject: str | None = None,
    text: str | None = None,
    before: float | None = None,
) -> int:
    """Delete tickets of a subject, with a text in them, or closed before; how many.

    What a help desk is still to be told of them goes as well: it holds no text of its own.

    Args:
        root: the application's directory.
    """
    store = TicketStore(database)
    if before is not None:
        return store.forget_before(before)

    def is_gone(row: BaseModel) -> bool:
        if not isinstance(row, Arrival):
            return False
        holds = text is not None and text in _said(row)
        return holds or (subject is not None and row.subject == subject)

    waiting = Spool(root / SPOOL, TicketStore.kinds).drop(is_gone)
    return waiting + store.purge(subject=subject, text=text)


def _said(row: Arrival) -> str:
    asked = [row.why.question] if row.why else []
    return "\n".join([*asked, *(one.text for one in (*row.before, *row.said))])
