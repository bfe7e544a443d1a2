"""Tickets in both databases: opened once, gone on with, changed by one person after the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from handed import arrival, reply

from apps.customer_service.tickets.arriving import store as arriving
from apps.customer_service.tickets.conflict import ConflictError, UnknownTicketError
from apps.customer_service.tickets.desk import SPOOL
from apps.customer_service.tickets.helpdesk.store import EventStore
from apps.customer_service.tickets.listing.store import ListStore, Wanted
from apps.customer_service.tickets.purging import purge_tickets
from apps.customer_service.tickets.schema import Said, Ticket
from apps.customer_service.tickets.store import TicketStore
from apps.customer_service.tickets.waiting.store import WaitStore
from common.learning.spool import Spool
from common.storage.database import Database


@pytest.fixture
def store(database: Database) -> TicketStore:
    return TicketStore(database)


def opened(store: TicketStore, conversation: str = "c1") -> Ticket:
    ticket = store.open_of(conversation, "")
    assert ticket
    return ticket


def texts(store: TicketStore, conversation: str = "c1") -> list[str]:
    return [one.text for one in store.messages(conversation)]


def _listed(database: Database, **wanted: Any) -> list[str]:
    found = ListStore(database).listed(Wanted(**wanted), limit=10)
    assert found.total == len(found.tickets)
    return [ticket.conversation_id for ticket in found.tickets]


def test_a_conversation_has_one_open_ticket_and_goes_on_in_it(store: TicketStore) -> None:
    first = arrival("where is my parcel?", before=[reply("before")])
    again = arrival("hello?", mood="angry", priority="high", takes=True)
    store.add([first, first])
    assert not opened(store).with_person
    store.add([again])
    ticket = opened(store)
    assert (ticket.id, ticket.waiting_since) == (first.id, first.at)
    assert (ticket.why.mood, ticket.why.priority, ticket.with_person) == ("angry", "high", True)
    assert texts(store) == ["before", "where is my parcel?", "hello?"]
    assert [one.number for one in store.messages("c1", after=1)] == [2, 3]
    assert WaitStore(store.database).counts() == {"open": 1}


def test_replicas_that_write_at_once_open_one_ticket(store: TicketStore) -> None:
    rows = [arrival(f"message {number}") for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda row: TicketStore(store.database).add([row]), rows))
    assert WaitStore(store.database).counts() == {"open": 1}
    assert [one.number for one in store.messages("c1")] == list(range(1, 9))


def test_the_angry_come_first_and_then_who_waits_longest(
    store: TicketStore, database: Database
) -> None:
    store.add([arrival("late", "late", age=1), arrival("early", "early", age=60)])
    store.add([arrival("angry", "angry", priority="high"), arrival("told", "told", age=99)])
    store.reply(opened(store, "told").id, reply("There you are."), None)
    order = _listed(database)
    assert order == ["angry", "early", "late", "told"]


def test_all_are_reached_page_by_page(store: TicketStore, database: Database) -> None:
    names = [f"c{number:03}" for number in range(120)]
    store.add([arrival("hello", name, age=1000 - place) for place, name in enumerate(names)])
    lists = ListStore(database)
    pages = [lists.listed(Wanted(), limit=50, offset=start) for start in (0, 50, 100, 150)]
    assert [page.total for page in pages] == [120] * 4
    assert [one.conversation_id for page in pages for one in page.tickets] == names
    newest = lists.overview().newest
    assert newest
    assert (newest.conversation_id, lists.overview().waiting) == (names[-1], 120)


def test_tickets_are_found_by_their_words_their_queue_and_their_state(
    store: TicketStore, database: Database
) -> None:
    store.add([arrival("Where is my PARCEL?", "one", age=9), arrival("50% off?", "two", age=8)])
    routed = arrival("卡被盗刷了", "three", age=7)
    assert routed.why
    sent = routed.why.model_copy(update={"queue": "fraud desk"})
    store.add([routed.model_copy(update={"why": sent})])
    store.reply(opened(store, "one").id, reply("It left Bremen."), None)
    store.close(opened(store, "two").id, None)
    assert _listed(database, search="parcel") == ["one"]
    assert _listed(database, search="bremen") == ["one"], "what was replied is searched, too"
    assert _listed(database, search="Ann") == ["one"], "and who has it"
    assert _listed(database, search="盗刷") == ["three"]
    assert _listed(database, search="%") == []
    assert _listed(database, search="%", status="closed") == ["two"]
    assert _listed(database, queue="fraud desk") == ["three"]
    assert _listed(database, state="waiting") == ["three"]
    assert _listed(database, state="answered") == ["one"]
    assert _listed(database, state="unassigned") == ["three"]
    assert _listed(database, assigned_to="Ann") == ["one"]
    seen = ListStore(database).overview()
    assert (seen.queues, seen.people, seen.waiting) == (["fraud desk"], ["Ann"], 1)


def test_where_to_be_reached_stays_with_the_ticket_and_goes_with_it(
    store: TicketStore, database: Database
) -> None:
    assert not store.leave_contact("c1", "", "ann@example.com"), "there is no ticket yet"
    store.add([arrival("where is my parcel?")])
    assert not store.leave_contact("c1", "another", "bob@example.com")
    assert store.leave_contact("c1", "", "ann@example.com")
    store.add([arrival("hello?", mood="angry")])
    ticket = opened(store)
    assert (ticket.contact, ticket.why.mood) == ("ann@example.com", "angry")
    assert store.leave_contact("c1", "", None)
    assert opened(store).contact is None
    store.leave_contact("c1", "", "ann@example.com")
    store.close(ticket.id, None)
    assert not store.leave_contact("c1", "", "bob@example.com"), "nobody looks after it"
    store.add([arrival("and my refund?")])
    store.leave_contact("c1", "", "ann@example.com")
    assert not store.leave_contact("c1", "another", None)
    assert store.leave_contact("c1", "", None)
    assert (store.get(ticket.id).contact, opened(store).contact) == (None, None)
    assert store.get(ticket.id).why == ticket.why
    store.leave_contact("c1", "", "ann@example.com")
    assert store.purge(text="ann@example") == 1


def test_a_ticket_is_given_to_a_colleague_and_handed_back(store: TicketStore) -> None:
    store.add([arrival("where is my parcel?")])
    ticket = store.assign(opened(store).id, "Bob", None)
    assert (ticket.assigned_to, ticket.with_person) == ("Bob", True)
    back = store.unassign(ticket.id, ticket.version)
    assert (back.assigned_to, back.waiting_since) == (None, ticket.waiting_since)
    assert back.with_person, "the customer was told that a person has it"
    with pytest.raises(ConflictError, match="it was handed back"):
        store.reply(ticket.id, reply("On its way."), ticket.version)
    store.close(ticket.id, None)
    with pytest.raises(ConflictError, match="it is closed"):
        store.unassign(ticket.id, None)


def test_the_second_of_two_replies_is_refused_with_the_first(store: TicketStore) -> None:
    store.add([arrival("where is my parcel?")])
    ticket = opened(store)
    changed = store.reply(ticket.id, reply("On its way."), ticket.version)
    assert (changed.with_person, changed.waiting_since) == (True, None)
    assert changed.assigned_to == "Ann"
    with pytest.raises(ConflictError, match=r"Ann wrote at .*On its way"):
        store.reply(ticket.id, reply("No idea.", "Bob"), ticket.version)
    assert texts(store) == ["where is my parcel?", "On its way."]
    store.reply(ticket.id, reply("Arrives today.", "Bob"), changed.version)


def test_a_reply_that_is_sent_again_is_written_once(store: TicketStore) -> None:
    store.add([arrival("where is my parcel?")])
    said = reply("On its way.")
    for _ in range(2):
        store.reply(opened(store).id, said, None)
    assert texts(store) == ["where is my parcel?", "On its way."]


def test_a_closed_ticket_takes_no_reply_and_the_next_handover_opens_another(
    store: TicketStore,
) -> None:
    store.add([arrival("where is my parcel?", takes=True)])
    ticket = opened(store)
    assert not store.close(ticket.id, ticket.version).with_person
    with pytest.raises(ConflictError, match="it is closed"):
        store.reply(ticket.id, reply("On its way."), None)
    told = [Said(at=ticket.opened_at, by="customer", text="where is my parcel?")]
    store.add([arrival("and now?", before=[*told, reply("in between")])])
    assert opened(store).id != ticket.id
    assert texts(store) == ["where is my parcel?", "in between", "and now?"]
    # Numbers go on, so that whoever reads the conversation misses none.
    assert opened(store).last == 3


def test_a_ticket_is_no_other_owner_s(store: TicketStore) -> None:
    store.add([arrival("where is my parcel?", takes=True)])
    assert store.open_of("c1", "another key") is None
    store.leave("c1", "another key")
    assert opened(store).with_person
    store.leave("c1", "")
    assert not opened(store).with_person
    with pytest.raises(UnknownTicketError):
        store.get("nowhere")


def test_tickets_and_their_messages_are_bounded(
    store: TicketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "MOST_OPEN", 1)
    monkeypatch.setattr(arriving, "MOST_MESSAGES", 2)
    store.add([arrival("one"), arrival("two"), arrival("three"), arrival("other", "c2")])
    assert texts(store) == ["one", "two"]
    assert store.open_of("c2", "") is None
    assert store.refused == 2


def test_closed_tickets_are_forgotten_and_open_ones_are_not(store: TicketStore) -> None:
    store.add([arrival("old", "old"), arrival("open", "open")])
    closed = store.close(opened(store, "old").id, None)
    assert store.forget_before(closed.changed_at) == 0
    assert store.forget_before(closed.changed_at + 1) == 1
    assert (texts(store, "old"), texts(store, "open")) == ([], ["open"])


def test_a_purge_reaches_tickets_what_is_told_of_them_and_what_waits(
    database: Database, tmp_path: Path
) -> None:
    store = TicketStore(database, tells=True)
    store.add([arrival("my dog Rex", "one"), arrival("my cat", "two"), arrival("else", "three")])
    waiting = Spool(tmp_path / SPOOL, TicketStore.kinds)
    waiting.append([arrival("Rex again", "four"), arrival("kept", "five")])
    assert purge_tickets(tmp_path, database, text="Rex") == 2
    assert purge_tickets(tmp_path, database, subject="subject of two") == 1
    assert _listed(database) == ["three"]
    assert [event.ticket_id for event in EventStore(database).due()] == [opened(store, "three").id]
    waiting.hand_over(store.add)
    assert texts(store, "five") == ["kept"]
    assert texts(store, "one") == texts(store, "two") == texts(store, "four") == []
