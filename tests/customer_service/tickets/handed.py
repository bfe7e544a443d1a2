"""What customers say to people, for the tests of tickets."""

from __future__ import annotations

import time
from typing import Any

from apps.customer_service.tickets.schema import Arrival, Nearest, Said, Why

NEAR = Nearest(faq_id="card-lost", question="What if my card is lost?", answer="Freeze it.")


def arrival(text: str, conversation: str = "c1", *, age: float = 0.0, **more: Any) -> Arrival:
    """A question that nobody could answer, said so many seconds ago."""
    at = time.time() - age
    priority = more.get("priority", "normal")
    why = Why(reason="not_sure", priority=priority, language="en", question=text, nearest=[NEAR])
    given: dict[str, Any] = {
        "conversation_id": conversation,
        "owner": "",
        "subject": f"subject of {conversation}",
        "why": why,
        "said": [Said(at=at, by="customer", text=text)],
    }
    return Arrival(**given | more)


def reply(text: str, author: str = "Ann") -> Said:
    """What a person replies now."""
    return Said(at=time.time(), by="person", author=author, text=text)
