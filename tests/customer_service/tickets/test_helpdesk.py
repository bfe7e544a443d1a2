"""A help desk that is told of tickets: in order, signed, once, and whatever happens meanwhile."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from handed import arrival, reply
from sqlalchemy import func, select

from apps.customer_service.tickets.helpdesk import delivery
from apps.customer_service.tickets.helpdesk.delivery import Delivery
from apps.customer_service.tickets.helpdesk.shapes import HelpDesk, open_help_desk
from apps.customer_service.tickets.helpdesk.store import EventStore
from apps.customer_service.tickets.store import TicketStore
from common.errors import UserError
from common.storage.database import Database
from common.storage.tables import ticket_events

SECRET = "s3cret"


@dataclass
class Receiver:
    """What came in, and what is answered: a status, in turn, then always the last."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    answer: Any = None
    wait: str = ""
    got: list[tuple[str, str, Any, Any]] = field(default_factory=list)

    @property
    def bodies(self) -> list[Any]:
        return [body for _, _, body, _ in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            digest = hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
            assert self.headers["X-Signature-256"] == f"sha256={digest}"
            made.got.append((self.command, self.path, json.loads(raw), dict(self.headers)))
            status = made.statuses.pop(0) if len(made.statuses) > 1 else made.statuses[0]
            answer = json.dumps(made.answer).encode()
            self.send_response(status)
            if made.wait:
                self.send_header("Retry-After", made.wait)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_PUT = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()


@pytest.fixture
def store(database: Database) -> TicketStore:
    return TicketStore(database, tells=True)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FIRST_PAUSE", 0.0)


def whole_life(store: TicketStore) -> str:
    store.add([arrival("where is my parcel?")])
    ticket = store.open_of("c1", "")
    assert ticket
    assert store.leave_contact("c1", "", "ann@example.com")
    store.reply(ticket.id, reply("On its way."), None)
    store.reply(ticket.id, reply("From the desk itself."), None, echo=False)
    store.close(ticket.id, None)
    return ticket.id


def deliver(store: TicketStore, desk: HelpDesk, rounds: int = 8) -> Delivery:
    """A process of its own, as after each restart."""
    made = Delivery(store.database, store, desk)
    for _ in range(rounds):
        made.deliver()
    return made


def test_each_event_is_told_once_and_in_its_order(store: TicketStore, receiver: Receiver) -> None:
    ticket = whole_life(store)
    desk = HelpDesk(receiver.url, "plain", SECRET)
    assert deliver(store, desk).delivered == 3
    assert deliver(store, desk).delivered == 0
    assert [body["event"] for body in receiver.bodies] == ["opened", "message", "closed"]
    opened, replied, _ = receiver.bodies
    assert opened["ticket"]["id"] == ticket
    assert "subject" not in opened["ticket"]
    assert "ann@example.com" not in json.dumps(receiver.bodies)
    assert [one["text"] for one in opened["messages"]] == ["where is my parcel?"]
    assert [one["text"] for one in replied["messages"]] == ["On its way."]
    keys = [headers["Idempotency-Key"] for *_, headers in receiver.got]
    assert len(set(keys)) == 3


def test_what_fails_is_tried_again_before_what_comes_after_it(
    store: TicketStore, receiver: Receiver
) -> None:
    whole_life(store)
    receiver.statuses = [503, 500, 200]
    desk = HelpDesk(receiver.url, "plain", SECRET)
    first = deliver(store, desk, rounds=1)
    assert (first.delivered, first.failed, first.events.counts()) == (0, 1, (3, 0))
    second = deliver(store, desk)
    assert (second.delivered, second.failed) == (3, 1)
    events = [body["event"] for body in receiver.bodies]
    assert events == ["opened", "opened", "opened", "message", "closed"]


def test_a_message_of_a_long_conversation_is_told_with_its_text(
    store: TicketStore, receiver: Receiver
) -> None:
    store.add([arrival("where is it?", before=[reply(str(number)) for number in range(520)])])
    ticket = store.open_of("c1", "")
    assert ticket
    store.reply(ticket.id, reply("It is on its way."), None)
    deliver(store, HelpDesk(receiver.url, secret=SECRET), rounds=4)
    opened, told = (one["messages"] for one in receiver.bodies)
    assert opened[-1]["text"] == "where is it?"
    assert [one["text"] for one in told] == ["It is on its way."]


def test_what_is_refused_for_good_is_set_aside(store: TicketStore, receiver: Receiver) -> None:
    whole_life(store)
    receiver.statuses = [422, 422, 422, 200]
    made = deliver(store, HelpDesk(receiver.url, "plain", SECRET))
    assert (made.delivered, made.failed, made.events.counts()) == (2, 3, (0, 1))


def test_a_refusal_after_an_outage_is_the_first_and_is_tried_again(
    store: TicketStore, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    whole_life(store)
    receiver.statuses = [503, 429, 503, 422, 200]
    made = deliver(store, HelpDesk(receiver.url, "plain", SECRET))
    assert (made.delivered, made.failed, made.events.counts()) == (3, 4, (0, 0))
    assert "HTTP 503" in caplog.text


@pytest.mark.parametrize("is_date", [False, True], ids=["seconds", "date"])
def test_a_help_desk_that_names_a_time_is_left_alone_until_then(
    is_date: bool, store: TicketStore, receiver: Receiver
) -> None:
    whole_life(store)
    receiver.statuses = [503]
    receiver.wait = formatdate(time.time() + 1800, usegmt=True) if is_date else "1800"
    deliver(store, HelpDesk(receiver.url, "plain", SECRET))
    assert len(receiver.got) == 1
    with store.database.reading() as connection:
        (due,) = connection.scalars(select(func.max(ticket_events.c.due_at)))
    assert 1500 < due - time.time() <= 1800


def test_one_of_two_replicas_takes_an_event(store: TicketStore) -> None:
    whole_life(store)
    events = EventStore(store.database)
    (event,) = events.due()
    assert events.claim(event)
    assert not events.claim(event)
    assert events.due() == []


def test_zendesk_gets_a_ticket_comments_and_its_end(store: TicketStore, receiver: Receiver) -> None:
    ticket = whole_life(store)
    receiver.answer = {"ticket": {"id": 35}}
    assert deliver(store, HelpDesk(f"{receiver.url}/api/v2/tickets", "zendesk", SECRET)).delivered
    assert [(method, path) for method, path, *_ in receiver.got] == [
        ("POST", "/api/v2/tickets.json"),
        ("PUT", "/api/v2/tickets/35.json"),
        ("PUT", "/api/v2/tickets/35.json"),
    ]
    opened, replied, closed = (body["ticket"] for body in receiver.bodies)
    assert (opened["external_id"], opened["priority"]) == (ticket, "normal")
    assert "where is my parcel?" in opened["comment"]["body"]
    assert replied["comment"] == {"body": "Ann: On its way.", "public": True}
    assert closed == {"status": "solved"}


def test_chatwoot_gets_a_contact_a_conversation_and_messages(
    store: TicketStore, receiver: Receiver
) -> None:
    whole_life(store)
    receiver.answer = {"id": 7}
    assert deliver(store, HelpDesk(f"{receiver.url}/inboxes/x", "chatwoot", SECRET)).delivered == 3
    theirs = "/inboxes/x/contacts/c1/conversations"
    assert [path for _, path, *_ in receiver.got] == [
        "/inboxes/x/contacts",
        theirs,
        f"{theirs}/7/messages",
        f"{theirs}/7/messages",
        f"{theirs}/7/toggle_status",
    ]
    assert receiver.bodies[3] == {"content": "Ann: On its way."}


def test_chatwoot_has_one_conversation_whatever_fails_after_it_was_opened(
    store: TicketStore, receiver: Receiver
) -> None:
    whole_life(store)
    receiver.answer, receiver.statuses = {"id": 7}, [200, 200, 503, 200]
    assert deliver(store, HelpDesk(f"{receiver.url}/inboxes/x", "chatwoot", SECRET)).delivered == 3
    theirs = "/inboxes/x/contacts/c1/conversations"
    paths = [path for _, path, *_ in receiver.got]
    assert paths[:4] == ["/inboxes/x/contacts", theirs, *[f"{theirs}/7/messages"] * 2]
    assert paths.count(theirs) == 1


@pytest.mark.parametrize(
    ("url", "shape", "told"),
    [
        ("desk.example", "plain", "not an address"),
        ("https://desk.example", "jira", "not known"),
        ("http://169.254.169.254/latest", "plain", "this machine"),
    ],
)
def test_an_address_or_a_shape_that_is_none_is_refused(url: str, shape: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        open_help_desk(url, shape)
