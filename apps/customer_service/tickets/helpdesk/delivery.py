"""From the outbox to the help desk: each event once, in its ticket's order, until it is taken."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from threading import Event, Thread

from apps.customer_service.tickets.conflict import UnknownTicketError
from apps.customer_service.tickets.helpdesk.shapes import HelpDesk, tell
from apps.customer_service.tickets.helpdesk.store import EventStore, Noted
from apps.customer_service.tickets.schema import MOST_MESSAGES, Message, Ticket
from apps.customer_service.tickets.store import TicketStore
from common.storage.database import DATABASE_TROUBLE, Database
from common.webhooks import DeliveryError

LOOK_SECONDS = 1.0
FIRST_PAUSE, LONGEST_PAUSE, MOST_DOUBLINGS = 2.0, 600.0, 16
# A help desk may ask for a longer pause than is made unasked.
LONGEST_ASKED = 3600.0
# What this process saw refused so often is set aside; that it was away counts for nothing.
REFUSALS = 3

logger = logging.getLogger(__name__)


class Delivery:
    """A thread that empties the outbox; replicas share the work.

    A process that dies between delivery and noting it delivers again, with the same key.

    Attributes:
        delivered, failed: events, and attempts, since the start.
    """

    def __init__(self, database: Database, store: TicketStore, desk: HelpDesk) -> None:
        self.delivered = self.failed = 0
        self.events = EventStore(database)
        self._store = store
        self._desk = desk
        self._refusals: Counter[int] = Counter()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="help-desk", daemon=True)

    def start(self) -> None:
        """Begin with what waits since the last run."""
        self._thread.start()

    def stop(self) -> None:
        """End; what was not delivered waits in the database."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                is_done = not self.deliver()
            except DATABASE_TROUBLE as error:
                logger.warning("the outbox cannot be read: %s", type(error).__name__)
                is_done = True
            except Exception:
                logger.exception("%s failed", self._thread.name)
                is_done = True
            if is_done:
                self._stopping.wait(LOOK_SECONDS)

    def deliver(self) -> int:
        """Try what is due; how many events were tried."""
        tried = 0
        for event in self.events.due():
            if self._stopping.is_set():
                break
            if self.events.claim(event):
                tried += 1
                self._try(event)
        return tried

    def _try(self, event: Noted) -> None:
        try:
            ticket = self._store.get(event.ticket_id)
            messages = self._messages(event, ticket)
            tell(self._desk, event, ticket, messages, partial(self.events.called, event))
        except UnknownTicketError:
            # It was purged meanwhile.
            self.events.told(event)
        except DATABASE_TROUBLE:
            raise
        except Exception as error:
            # Whatever comes back from elsewhere, the thread must live.
            self._note_failure(event, error)
        else:
            self.events.told(event)
            self.delivered += 1

    def _messages(self, event: Noted, ticket: Ticket) -> list[Message]:
        if event.message_id is not None:
            said = self._store.message(event.message_id)
            return [said] if said else []
        if event.kind != "opened":
            return []
        after = max(ticket.last - MOST_MESSAGES, 0)
        latest = self._store.messages(ticket.conversation_id, after=after)
        return [one for one in latest if one.at <= event.at]

    def _note_failure(self, event: Noted, error: Exception) -> None:
        self.failed += 1
        reason = str(error) if isinstance(error, DeliveryError) else type(error).__name__
        if isinstance(error, DeliveryError) and error.is_refusal:
            self._refusals[event.number] += 1
        if self._refusals[event.number] >= REFUSALS:
            logger.error("%s: given up, %d times refused: %s", self._desk.name, REFUSALS, reason)
            self.events.refused(event, reason)
            del self._refusals[event.number]
            return
        if not event.attempts:
            logger.warning("%s: not delivered; retrying: %s", self._desk.name, reason)
        asked = error.retry_after if isinstance(error, DeliveryError) else None
        usual = min(FIRST_PAUSE * 2 ** min(event.attempts, MOST_DOUBLINGS), LONGEST_PAUSE)
        self.events.failed(event, min(asked, LONGEST_ASKED) if asked else usual)
