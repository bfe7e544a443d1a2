"""What of an answer comes into a ticket."""

from __future__ import annotations

import pytest

from apps.customer_service.schema import Answer, Handoff
from apps.customer_service.tickets.handing_over import handed_over

NOTHING = Answer(
    id="a1",
    release_id="r1",
    decision="handoff",
    answer=None,
    confidence=0.1,
    intent=None,
    citations=[],
    suggestions=[],
    handoff=Handoff(reason="not_sure"),
    timings_ms={},
)


@pytest.mark.parametrize(
    ("text", "language"),
    [("yinhangka diule zenmeban", "zh"), ("J'ai perdu ma carte", "fr"), ("my card is gone", "en")],
)
def test_a_ticket_is_in_the_language_of_the_customer_s_words(text: str, language: str) -> None:
    arrival = handed_over(NOTHING, text, [], {}, owner="", subject="s")
    assert arrival.why is not None
    assert arrival.why.language == language
