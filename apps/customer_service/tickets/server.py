"""HTTP routes: tickets, for the people who take over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, HTTPException, Path, Query, Request
from starlette.responses import Response

from apps.customer_service.knowledge import editing
from apps.customer_service.knowledge.serving.bodies import Id
from apps.customer_service.knowledge.serving.server import Desk, author_of
from apps.customer_service.tickets.bodies import (
    TicketAssignment,
    TicketChange,
    TicketClosing,
    TicketReply,
    TicketRow,
    TicketRows,
    WholeTicket,
)
from apps.customer_service.tickets.conflict import ConflictError, UnknownTicketError
from apps.customer_service.tickets.customer_server import or_unavailable
from apps.customer_service.tickets.desk import TicketDesk
from apps.customer_service.tickets.listing.store import State, Wanted
from apps.customer_service.tickets.schema import MOST_MESSAGES, Said, Status, Ticket
from apps.customer_service.tickets.teaching import answered_by, draft_of, wording_of
from common.errors import UserError
from common.records.fields import content_hash
from common.serving.auditing.changes import note
from common.serving.learning.feedback import FeedbackCollector
from common.serving.problems import problem

MOST_ROWS = 500
TicketId = Annotated[Id, Path()]


def add_tickets(
    app: FastAPI, desk: TicketDesk, collector: FeedbackCollector, knowledge: Desk
) -> None:
    """Add `/v1/tickets` and what is below it, for those who are trusted."""
    app.add_exception_handler(ConflictError, _answer_conflict)
    _add_reading(app, desk, collector)
    _add_changing(app, desk, collector)
    _add_closing(app, desk, collector, knowledge)


def _add_reading(app: FastAPI, desk: TicketDesk, collector: FeedbackCollector) -> None:
    @app.get("/v1/tickets", tags=["tickets"], summary="Who waits for a person")
    async def list_tickets(
        request: Request,
        status: Annotated[Status, Query()] = "open",
        state: Annotated[State | None, Query()] = None,
        assigned_to: Annotated[str | None, Query(max_length=100)] = None,
        mine: Annotated[bool, Query(description="Those of whoever asks.")] = False,
        author: Annotated[str | None, Query(max_length=100)] = None,
        queue: Annotated[str | None, Query(max_length=200)] = None,
        search: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
        offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    ) -> TicketRows:
        collector.speakers.require_trust(request)
        whose = author_of(request, author) if mine else assigned_to
        wanted = Wanted(status, state, whose, queue, search and search.strip())

        def listed() -> TicketRows:
            found = desk.lists.listed(wanted, limit=limit, offset=offset)
            seen = desk.lists.overview()
            return TicketRows(
                rows=[TicketRow.model_validate(ticket) for ticket in found.tickets],
                total=found.total,
                counts=desk.waits.counts(),
                waiting=seen.waiting,
                newest=TicketRow.model_validate(seen.newest) if seen.newest else None,
                queues=seen.queues,
                people=seen.people,
            )

        return await or_unavailable(listed)

    @app.get("/v1/tickets/{ticket_id}", tags=["tickets"], summary="A ticket with its messages")
    async def read(ticket_id: TicketId, request: Request) -> WholeTicket:
        collector.speakers.require_trust(request)
        return await _changed(desk, lambda: desk.store.get(ticket_id))


def _add_changing(app: FastAPI, desk: TicketDesk, collector: FeedbackCollector) -> None:
    @app.post(
        "/v1/tickets/{ticket_id}/replies",
        tags=["tickets"],
        status_code=201,
        summary="Reply to the customer",
    )
    async def reply(ticket_id: TicketId, new: TicketReply, request: Request) -> WholeTicket:
        collector.speakers.require_trust(request)
        author = author_of(request, new.author)
        # A help desk may number the replies of each ticket from 1.
        given = {"id": content_hash(ticket_id, new.reply_id)} if new.reply_id else {}
        said = Said(
            **given, at=time.time(), by="person", author=author, text=new.text, faq_id=new.faq_id
        )
        return await _changed(
            desk, lambda: desk.store.reply(ticket_id, said, new.version, echo=new.echo)
        )

    @app.post("/v1/tickets/{ticket_id}/assign", tags=["tickets"], summary="Take or give a ticket")
    async def assign(ticket_id: TicketId, new: TicketAssignment, request: Request) -> WholeTicket:
        collector.speakers.require_trust(request)
        name = new.to or author_of(request, new.author)
        found = await _changed(desk, lambda: desk.store.assign(ticket_id, name, new.version))
        note(request, about=ticket_id, after=name)
        return found

    @app.post("/v1/tickets/{ticket_id}/unassign", tags=["tickets"], summary="Hand a ticket back")
    async def unassign(ticket_id: TicketId, new: TicketChange, request: Request) -> WholeTicket:
        collector.speakers.require_trust(request)
        return await _changed(desk, lambda: desk.store.unassign(ticket_id, new.version))


def _add_closing(
    app: FastAPI, desk: TicketDesk, collector: FeedbackCollector, knowledge: Desk
) -> None:
    @app.post("/v1/tickets/{ticket_id}/close", tags=["tickets"], summary="Close a ticket")
    async def close(ticket_id: TicketId, new: TicketClosing, request: Request) -> WholeTicket:
        collector.speakers.require_trust(request)
        before = await _changed(desk, lambda: desk.store.get(ticket_id))
        if new.version not in {None, before.version}:
            # Before anything is taught of what was not seen.
            await _changed(desk, lambda: desk.store.close(ticket_id, new.version))
        is_taught = new.teach and before.status == "open"
        taught = await teach(before, new, request) if is_taught else None
        closed = await _changed(desk, lambda: desk.store.close(ticket_id, new.version))
        note(request, about=ticket_id, after=f"taught {taught}" if taught else "")
        return closed.model_copy(update={"taught": taught})

    async def teach(before: WholeTicket, new: TicketClosing, request: Request) -> str:
        ticket = await or_unavailable(lambda: desk.store.get(before.id))
        reply = await or_unavailable(lambda: desk.store.last_reply(before.id))
        if reply is None:
            raise UserError(
                "nobody has replied in this ticket", hint="Reply first, or just close it."
            )
        faq_id = answered_by(ticket, reply)
        if faq_id not in knowledge.live.current.faqs:
            faq = draft_of(ticket, reply)
            edit = lambda now: editing.add(now, [faq], draft=True)  # noqa: E731
            await knowledge.write(request, edit, new.author, "add")
            return faq.id
        assert faq_id
        speaker = collector.speakers.of(request)
        row = wording_of(ticket, faq_id, source=speaker.source, subject=ticket.subject)
        await collector.add(row)
        return faq_id


async def _changed(desk: TicketDesk, change: Callable[[], Ticket]) -> WholeTicket:
    """The ticket as it is after a change, with what was said in it."""

    def whole() -> WholeTicket:
        ticket = change()
        after = max(ticket.last - MOST_MESSAGES, 0)
        return WholeTicket.of(ticket, desk.store.messages(ticket.conversation_id, after=after))

    try:
        return await or_unavailable(whole)
    except UnknownTicketError:
        raise HTTPException(404, "There is no such ticket.") from None


async def _answer_conflict(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ConflictError)
    return problem(
        409,
        error.what,
        hint=error.hint,
        version=error.ticket.version,
        author=error.reply.author if error.reply else error.ticket.assigned_to,
        current=error.reply.model_dump(mode="json") if error.reply else None,
    )
