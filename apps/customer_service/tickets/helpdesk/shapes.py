"""What a help desk is sent of a ticket, in its own shape."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from apps.customer_service.tickets.helpdesk.store import Noted
from apps.customer_service.tickets.schema import Message, Ticket
from common.addresses import check_host
from common.errors import UserError
from common.webhooks import SECRET, DeliveryError, masked, send_json

Shape = Literal["plain", "zendesk", "chatwoot"]
AUTHORIZATION = "BIZLM_TICKETS_AUTHORIZATION"
LONGEST_SUBJECT = 150
# What is for this server, or for the people at its page.
NOT_TOLD = {"owner", "subject", "remote_id", "contact"}


@dataclass(frozen=True)
class HelpDesk:
    """An address and how it is spoken to.

    Attributes:
        url: plain: any; zendesk: `https://NAME.zendesk.com/api/v2/tickets`; chatwoot:
            `https://HOST/public/api/v1/inboxes/INBOX`, of an inbox of the kind API.
        secret: signs what is sent.
        authorization: the header `Authorization`.
    """

    url: str
    shape: Shape = "plain"
    secret: str | None = None
    authorization: str | None = None

    @property
    def name(self) -> str:
        """A name without the tokens that may be in the address."""
        return masked(self.url, urlsplit(self.url).hostname or "")

    def send(
        self, path: str, content: Mapping[str, Any], *, key: str, method: str = "POST"
    ) -> dict[str, Any]:
        """Send it to a path below the address; gives the answer, empty where it is no object.

        Raises:
            DeliveryError: nobody took it.
        """
        headers = {"Authorization": self.authorization} if self.authorization else {}
        answer = send_json(
            self.url.rstrip("/") + path,
            content,
            key=key,
            secret=self.secret,
            method=method,
            headers=headers,
        )
        try:
            found = json.loads(answer)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def open_help_desk(url: str, shape: str) -> HelpDesk:
    """The help desk at an address; the secret and the authorization are the environment's.

    Raises:
        UserError: no address of the web, or this machine's, or no shape that is known.
    """
    if shape not in get_args(Shape):
        raise UserError(f"--tickets-as: not known: {shape!r}", hint=", ".join(get_args(Shape)))
    address = urlsplit(url)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise UserError(f"--tickets-to: not an address: {url!r}", hint="https://…")
    check_host(address.hostname, "--tickets-to")
    environment = os.environ
    return HelpDesk(
        url=url,
        shape=shape,  # type: ignore[arg-type]
        secret=environment.get(SECRET),
        authorization=environment.get(AUTHORIZATION),
    )


# Takes what the help desk calls a ticket.
Called = Callable[[str], None]


def tell(
    desk: HelpDesk, event: Noted, ticket: Ticket, messages: Sequence[Message], called: Called
) -> None:
    """Tell a help desk of an event.

    Args:
        messages: of an opened ticket, what was said until then; of a message, that message.
        called: is told as soon as the ticket is there, so that it is not opened twice.

    Raises:
        DeliveryError: it did not take it.
    """
    SHAPES[desk.shape](desk, event, ticket, messages, called)


def _plain(
    desk: HelpDesk, event: Noted, ticket: Ticket, messages: Sequence[Message], _: Called
) -> None:
    content = {
        "event": event.kind,
        "at": event.at,
        "ticket": ticket.model_dump(mode="json", exclude=NOT_TOLD),
        "messages": [one.model_dump(mode="json") for one in messages],
    }
    desk.send("", content, key=event.key)


def _zendesk(
    desk: HelpDesk, event: Noted, ticket: Ticket, messages: Sequence[Message], called: Called
) -> None:
    if event.kind == "opened":
        opened = {
            "subject": ticket.why.question[:LONGEST_SUBJECT],
            "comment": {"body": _in_words(ticket, messages)},
            "priority": ticket.why.priority,
            "external_id": ticket.id,
            "tags": ["bizlm", ticket.why.reason],
        }
        answer = desk.send(".json", {"ticket": opened}, key=event.key)
        called(str(_required(answer, "ticket", "id")))
        return
    changed: dict[str, Any] = {"status": "solved"}
    if event.kind == "message":
        changed = {"comment": {"body": _lines(messages), "public": True}}
    path = f"/{_remote(ticket)}.json"
    desk.send(path, {"ticket": changed}, key=event.key, method="PUT")


def _chatwoot(
    desk: HelpDesk, event: Noted, ticket: Ticket, messages: Sequence[Message], called: Called
) -> None:
    theirs, remote = f"/contacts/{ticket.conversation_id}/conversations", ticket.remote_id
    text = _lines(messages)
    if event.kind == "opened":
        text = _in_words(ticket, messages)
        if remote is None:
            contact = {"source_id": ticket.conversation_id, "identifier": ticket.conversation_id}
            desk.send("/contacts", contact, key=f"{event.key}:contact")
            attributes = {"ticket_id": ticket.id, "reason": ticket.why.reason}
            answer = desk.send(theirs, {"custom_attributes": attributes}, key=f"{event.key}:new")
            remote = str(_required(answer, "id"))
            called(remote)
    below = f"{theirs}/{remote or _remote(ticket)}"
    if event.kind == "closed":
        desk.send(f"{below}/toggle_status", {}, key=event.key)
    else:
        desk.send(f"{below}/messages", {"content": text}, key=event.key)


SHAPES = {"plain": _plain, "zendesk": _zendesk, "chatwoot": _chatwoot}


def _required(answer: Any, *names: str) -> Any:
    """What an answer must hold."""
    for name in names:
        answer = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(answer, int | str):
        raise DeliveryError(f"its answer has no {'.'.join(names)}", is_refusal=True)
    return answer


def _remote(ticket: Ticket) -> str:
    if ticket.remote_id is None:
        raise DeliveryError("it did not take the ticket", is_refusal=True)
    return ticket.remote_id


def _in_words(ticket: Ticket, messages: Sequence[Message]) -> str:
    """The conversation, why it is handed over, and what is near."""
    why = ticket.why
    facts = [f"reason: {why.reason}", f"mood: {why.mood}" if why.mood else "", f"{why.language}"]
    parts = [", ".join(filter(None, facts)), _lines(messages)]
    if why.suggestion:
        near = why.suggestion
        sure = "answered with before" if near.score is None else f"{why.confidence:.0%} sure"
        parts.append(f"nearest: {near.question} ({sure})\n{near.answer}")
    return "\n\n".join(parts)


def _lines(messages: Sequence[Message]) -> str:
    return "\n".join(f"{one.author or one.by}: {one.text}" for one in messages)
