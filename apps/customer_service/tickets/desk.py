"""What serves beside the answers: tickets taken, told to the help desk, and looked after."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from pathlib import Path

from apps.customer_service.schema import OpenTicket
from apps.customer_service.tickets.helpdesk.delivery import Delivery
from apps.customer_service.tickets.listing.store import ListStore
from apps.customer_service.tickets.options import TicketOptions
from apps.customer_service.tickets.schema import Arrival, Ticket
from apps.customer_service.tickets.store import TicketStore
from apps.customer_service.tickets.waiting.notice import MOST, expectation
from apps.customer_service.tickets.waiting.store import WaitStore
from common.learning.behind import RETRY_SECONDS, BehindWriter, Fate
from common.storage.database import DATABASE_TROUBLE, Database

SPOOL = "tickets.spool"
# An answer waits no longer to learn whether a person has the conversation.
READ_SECONDS = 0.5

logger = logging.getLogger(__name__)


class TicketDesk:
    """Takes what customers say to people; where the database is down, a file keeps it.

    Args:
        root: the application's directory.
        keep_seconds: how long closed tickets are kept.
    """

    def __init__(
        self, database: Database, root: Path, options: TicketOptions, *, keep_seconds: float
    ) -> None:
        helpdesk = options.helpdesk
        self.store = TicketStore(database, tells=helpdesk is not None)
        self.lists = ListStore(database)
        self.waits = WaitStore(database)
        self.writer = BehindWriter(self.store, root / SPOOL, keep_seconds=keep_seconds)
        self.delivery = Delivery(database, self.store, helpdesk) if helpdesk else None
        self._hours = options.hours
        self._trouble_until = 0.0

    def start(self) -> None:
        """Begin to write, and to tell the help desk."""
        self.writer.start()
        if self.delivery:
            self.delivery.start()

    def stop(self) -> None:
        """Write what waits; what is still to be told waits in the database."""
        if self.delivery:
            self.delivery.stop()
        self.writer.stop()

    async def open_of(self, conversation_id: str, owner: str) -> Ticket | None:
        """The open ticket of a conversation; None, too, where the database does not answer."""
        if time.monotonic() < self._trouble_until:
            return None
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await asyncio.to_thread(self.store.open_of, conversation_id, owner)
        except (*DATABASE_TROUBLE, OSError) as error:
            # Each question that waits for it in vain comes later.
            self._trouble_until = time.monotonic() + RETRY_SECONDS
            logger.warning("answering without looking for a ticket: %s", type(error).__name__)
        return None

    async def take(self, arrival: Arrival, language: str) -> OpenTicket | None:
        """Keep what was said; what the customer may know of their ticket.

        Returns:
            None where there is none, or where nothing could take what was said.
        """
        return await asyncio.to_thread(self._take, arrival, language)

    def _take(self, arrival: Arrival, language: str) -> OpenTicket | None:
        waiting = OpenTicket(id=arrival.id, with_person=arrival.takes, last=0)
        fate = self.writer.write(arrival)
        if fate is not Fate.WRITTEN:
            # What is lost must not be waited for.
            return waiting if fate is Fate.SPOOLED else None
        try:
            found = self.store.open_of(arrival.conversation_id, arrival.owner)
            told = self.waits.first_replies(MOST)
            if found is None or not self.store.holds(arrival.said[0].id):
                return None
        except DATABASE_TROUBLE:
            return waiting
        now = datetime.now(UTC)
        return OpenTicket(
            id=found.id,
            with_person=found.with_person,
            last=found.last,
            message=expectation(self._hours, told, language, now),
            asks_contact=self._asks_contact(now) and found.contact is None,
        )

    def _asks_contact(self, now: datetime) -> bool:
        """Whether a customer is asked where to be reached: nobody is there."""
        hours = self._hours
        return hours is not None and hours.asks_contact and not hours.is_open(now)
