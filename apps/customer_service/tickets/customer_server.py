"""What the customer has of a ticket, over HTTP: it opens by itself, and the replies are read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar
from uuid import uuid4

from fastapi import FastAPI, HTTPException, Path, Query, Request

from apps.customer_service.conversation.patterns import load_patterns
from apps.customer_service.conversation.server import IDENTITY, Conversations, own_identity
from apps.customer_service.schema import (
    CONVERSATION_ID,
    Answer,
    AnswerRequest,
    Handoff,
    OpenTicket,
)
from apps.customer_service.tickets.bodies import (
    CustomersConversation,
    CustomersTicket,
    LeftContact,
)
from apps.customer_service.tickets.desk import TicketDesk
from apps.customer_service.tickets.handing_over import handed_over, passed_on
from apps.customer_service.tickets.schema import Ticket
from apps.customer_service.tickets.waiting.notice import notice
from common.records.spoken.language import likely_language
from common.serving.speakers import Speakers
from common.storage.database import DATABASE_TROUBLE

T = TypeVar("T")
MOST_MESSAGES = 200

ConversationId = Annotated[str, Path(pattern=f"^{CONVERSATION_ID.pattern}$")]


class HandingOver:
    """Replies as conversations do, until a person has one."""

    def __init__(self, conversations: Conversations, speakers: Speakers, desk: TicketDesk) -> None:
        self._conversations = conversations
        self._speakers = speakers
        self._desk = desk
        self._patterns = load_patterns()

    async def reply(self, asked: AnswerRequest, text: str, request: Request) -> Answer:
        """Answer a prepared message, or pass it on to the person who has the conversation."""
        owner = self._speakers.owner(request)
        given, ticket = asked.conversation_id, None
        if given and IDENTITY.fullmatch(given):
            ticket = await self._desk.open_of(given, owner)
        recalled = await self._conversations.recall(given, owner, is_known=ticket is not None)
        if given and recalled.identity != given:
            ticket = await self._desk.open_of(recalled.identity, owner)
        if ticket and ticket.with_person:
            return await self._pass_on(ticket, asked, text, request)
        answer = await self._conversations.reply(asked, text, request, recalled)
        if answer.handoff is None and ticket is None:
            return answer
        identity = answer.conversation_id or ""
        history = await self._conversations.memory.history(identity, owner) or []
        arrival = handed_over(
            answer,
            text,
            history[:-1],
            self._conversations.service.live.current.faqs,
            owner=owner,
            subject=self._subject(request, asked, identity),
        )
        language = arrival.why.language if arrival.why else likely_language(text)
        opened = await self._desk.take(arrival, language)
        return answer.model_copy(update={"ticket": opened})

    async def _pass_on(
        self, ticket: Ticket, asked: AnswerRequest, text: str, request: Request
    ) -> Answer:
        identity = ticket.conversation_id
        subject = self._subject(request, asked, identity)
        arrival = passed_on(text, ticket, self._patterns, subject=subject)
        language = likely_language(text)
        language = ticket.why.language if language == "other" else language
        opened = await self._desk.take(arrival, language)
        said = "taken" if ticket.answered_at or ticket.assigned_to else "asked"
        if opened is None:
            said = "not_taken"
            opened = OpenTicket(id=ticket.id, with_person=True, last=ticket.last)
        return Answer(
            id=uuid4().hex,
            release_id=self._conversations.service.live.release_id,
            conversation_id=identity,
            decision="handoff",
            message=notice(said, language),
            answer=None,
            confidence=0.0,
            intent=None,
            citations=[],
            suggestions=[],
            handoff=Handoff(reason="with_person", priority=arrival.priority),
            ticket=opened,
            timings_ms={},
        )

    def _subject(self, request: Request, asked: AnswerRequest, identity: str) -> str:
        return self._speakers.of(request, asked.user or identity).subject or ""


def add_customer_routes(app: FastAPI, desk: TicketDesk, speakers: Speakers) -> None:
    """Add `/v1/conversations/{id}`: for whoever has the id, with the key that it began with."""
    _add_contact(app, desk, speakers)
    store, called = desk.store, partial(_called, desk)

    def told(conversation_id: str, owner: str, after: int | None) -> CustomersConversation:
        ticket = store.latest_of(conversation_id, owner)
        if ticket is None:
            raise HTTPException(404, "There is no ticket in this conversation.")
        return CustomersConversation(
            conversation_id=conversation_id,
            ticket=CustomersTicket.model_validate(ticket),
            messages=[]
            if after is None
            else store.messages(conversation_id, after=after, limit=MOST_MESSAGES),
        )

    @app.get(
        "/v1/conversations/{conversation_id}",
        tags=["conversations"],
        summary="What a person replied",
    )
    async def read(
        conversation_id: ConversationId,
        request: Request,
        after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    ) -> CustomersConversation:
        owner = speakers.owner(request)
        return await or_unavailable(lambda: told(called(conversation_id, owner), owner, after))

    @app.post(
        "/v1/conversations/{conversation_id}/assistant",
        tags=["conversations"],
        summary="Ask the assistant again",
    )
    async def leave(conversation_id: ConversationId, request: Request) -> CustomersConversation:
        owner = speakers.owner(request)

        def left() -> CustomersConversation:
            identity = called(conversation_id, owner)
            store.leave(identity, owner)
            return told(identity, owner, None)

        return await or_unavailable(left)


def _called(desk: TicketDesk, given: str, owner: str) -> str:
    """What a conversation is called here, whether by our id or by the client's own."""
    return given if desk.store.latest_of(given, owner) else own_identity(given, owner)


def _add_contact(app: FastAPI, desk: TicketDesk, speakers: Speakers) -> None:
    @app.post(
        "/v1/conversations/{conversation_id}/contact",
        tags=["conversations"],
        status_code=204,
        summary="Leave where one can be reached, or take it back",
    )
    async def leave_contact(
        conversation_id: ConversationId, left: LeftContact, request: Request
    ) -> None:
        if left.contact and not left.consent:
            raise HTTPException(422, "Without the customer's consent it is not kept.")
        owner = speakers.owner(request)

        def keep() -> bool:
            identity = _called(desk, conversation_id, owner)
            return desk.store.leave_contact(identity, owner, left.contact)

        if not await or_unavailable(keep):
            kind = "open ticket" if left.contact else "ticket"
            raise HTTPException(404, f"There is no {kind} in this conversation.")


async def or_unavailable(work: Callable[[], T]) -> T:
    """What work beside the event loop comes to; 503 where the database does not answer."""
    try:
        return await asyncio.to_thread(work)
    except DATABASE_TROUBLE:
        raise HTTPException(503, "The database does not answer; try again.") from None
