"""How many tickets there are, and how long customers wait, in the database."""

from __future__ import annotations

from sqlalchemy import func, select

from common.storage.database import Database
from common.storage.tables import tickets

APPLICATION = "customer_service"


class WaitStore:
    """Figures of all tickets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> dict[str, int]:
        """How many there are, by status."""
        query = select(tickets.c.status, func.count().label("tickets")).where(
            tickets.c.application == APPLICATION
        )
        with self._database.reading() as connection:
            rows = connection.execute(query.group_by(tickets.c.status)).all()
        return {row.status: row.tickets for row in rows}

    def since(self) -> float | None:
        """Since when whoever waits longest has been waiting; seconds since 1970."""
        query = select(func.min(tickets.c.waiting_since)).where(
            tickets.c.application == APPLICATION, tickets.c.status == "open"
        )
        with self._database.reading() as connection:
            found: float | None = connection.execute(query).scalar_one()
        return found

    def first_replies(self, count: int) -> list[tuple[float, float]]:
        """When the last tickets that somebody replied to were opened, and replied to."""
        query = select(tickets.c.opened_at, tickets.c.answered_at).where(
            tickets.c.application == APPLICATION, tickets.c.answered_at.is_not(None)
        )
        latest = query.order_by(tickets.c.answered_at.desc()).limit(count)
        with self._database.reading() as connection:
            rows = connection.execute(latest).all()
        return [(opened, answered) for opened, answered in rows]
