"""How people take over, as a business sets it."""

from __future__ import annotations

from dataclasses import dataclass

from apps.customer_service.tickets.helpdesk.shapes import HelpDesk
from apps.customer_service.tickets.waiting.hours import Hours


@dataclass(frozen=True)
class TicketOptions:
    """Tickets as `serve` opens them.

    Attributes:
        hours: when somebody is there; None: at any time.
        helpdesk: who is told of each ticket; None: only the page has them.
    """

    hours: Hours | None = None
    helpdesk: HelpDesk | None = None


AT_ANY_TIME = TicketOptions()
