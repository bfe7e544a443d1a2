"""Tickets as an inbox lists them: some of them in order, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, func, or_, select

from apps.customer_service.tickets.messages import store as messages
from apps.customer_service.tickets.rows.store import own, ticket_of
from apps.customer_service.tickets.schema import Status, Ticket
from common.storage.database import Database
from common.storage.tables import ticket_messages, tickets

# So many names are offered, of those who had a ticket last.
MOST_NAMES = 50

# waiting: the customer waits; answered: it is the customer's turn; unassigned: nobody has it.
State = Literal["waiting", "answered", "unassigned"]


@dataclass(frozen=True)
class Wanted:
    """Which tickets are looked for.

    Attributes:
        assigned_to: whoever has them; None: anybody.
        queue: where a rule sent them; None: anywhere.
        search: what stands in the question, in a message or in the name of who has it.
    """

    status: Status = "open"
    state: State | None = None
    assigned_to: str | None = None
    queue: str | None = None
    search: str | None = None


@dataclass(frozen=True)
class Listed:
    """Some tickets, and how many there are of that kind."""

    tickets: list[Ticket]
    total: int


@dataclass(frozen=True)
class Overview:
    """What there is, whatever is looked for.

    Attributes:
        waiting: how many customers wait.
        newest: the open ticket that was opened last.
        queues: of open tickets.
        people: who has had a ticket.
    """

    waiting: int
    newest: Ticket | None
    queues: list[str]
    people: list[str]


class ListStore:
    """Reads what an inbox shows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def listed(self, wanted: Wanted, *, limit: int, offset: int = 0) -> Listed:
        """Those that wait, the most urgent first, then who waits longest; or the last closed."""
        order: tuple[Any, ...] = (tickets.c.changed_at.desc(), tickets.c.id)
        if wanted.status == "open":
            is_their_turn = tickets.c.waiting_since.is_(None)
            order = (is_their_turn, tickets.c.urgency, tickets.c.waiting_since, tickets.c.id)
        chosen = _chosen(wanted)
        query = select(tickets).where(chosen).order_by(*order).limit(limit).offset(offset)
        with self._database.reading() as connection:
            count = select(func.count()).select_from(tickets).where(chosen)
            total = connection.execute(count).scalar_one()
            found = connection.execute(query).mappings().all()
            lasts = messages.lasts(connection, [row["conversation_id"] for row in found])
        rows = [ticket_of(row, lasts.get(row["conversation_id"], 0)) for row in found]
        return Listed(rows, total)

    def overview(self) -> Overview:
        """What there is of open tickets, and who has had any."""
        is_open = and_(own(), tickets.c.status == "open")
        waiting = select(func.count()).where(is_open, tickets.c.waiting_since.is_not(None))
        newest = select(tickets).where(is_open).order_by(tickets.c.opened_at.desc()).limit(1)
        queue = tickets.c.given["queue"].as_string()
        queues = select(queue).where(is_open, queue.is_not(None)).distinct()
        has_name = and_(own(), tickets.c.assigned_to.is_not(None))
        latest = func.max(tickets.c.changed_at).desc()
        people = select(tickets.c.assigned_to).where(has_name).group_by(tickets.c.assigned_to)
        with self._database.reading() as connection:
            row = connection.execute(newest).mappings().first()
            return Overview(
                waiting=connection.execute(waiting).scalar_one(),
                newest=ticket_of(row, 0) if row else None,
                queues=sorted(connection.execute(queues).scalars()),
                people=_names(
                    connection.execute(people.order_by(latest).limit(MOST_NAMES)).scalars().all()
                ),
            )


def _chosen(wanted: Wanted) -> ColumnElement[bool]:
    found = [own(), tickets.c.status == wanted.status]
    if wanted.state == "unassigned":
        found.append(tickets.c.assigned_to.is_(None))
    elif wanted.state:
        since = tickets.c.waiting_since
        found.append(since.is_not(None) if wanted.state == "waiting" else since.is_(None))
    if wanted.assigned_to is not None:
        found.append(tickets.c.assigned_to == wanted.assigned_to)
    if wanted.queue is not None:
        found.append(tickets.c.given["queue"].as_string() == wanted.queue)
    if wanted.search:
        found.append(_holds(wanted.search))
    return and_(*found)


def _holds(text: str) -> ColumnElement[bool]:
    said = ticket_messages.c.text.icontains(text, autoescape=True)
    asked = tickets.c.given["question"].as_string()
    return or_(
        asked.icontains(text, autoescape=True),
        tickets.c.assigned_to.icontains(text, autoescape=True),
        tickets.c.id.in_(select(ticket_messages.c.ticket_id).where(said)),
    )


def _names(found: Sequence[str | None]) -> list[str]:
    return sorted(name for name in found if name)
