"""Who came back, and who did not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from apps.customer_service.gaps.resolution import Resolved, contacts, resolved
from apps.customer_service.gaps.server import GapFinder, add_gaps
from common.learning.schema import Prediction

DAY = 86400.0
MONDAY = 1_761_523_200.0  # 2025-10-27, UTC
NOW = MONDAY + 60 * DAY


def asked(day: float, decision: str = "answer", **members: Any) -> Prediction:
    values = {"subject": "anna", "text": "Where is my card?", "intent": "card", **members}
    intent = values.pop("intent")
    return Prediction(
        id=f"{day} {decision} {values}",
        at=MONDAY + day * DAY,
        source="page",
        release_id="r",
        decision=decision,
        given={"intent": intent, "faq_id": "card-faq"},
        **values,
    )


@pytest.mark.parametrize(
    ("questions", "outcomes"),
    [
        ([asked(0)], ["durable"]),
        ([asked(0, "handoff")], ["not_answered"]),
        ([asked(0, "clarify")], ["not_answered"]),
        ([asked(0), asked(6.9)], ["came_back"]),
        ([asked(0), asked(6.9), asked(13)], ["came_back"]),
        ([asked(0), asked(7.1)], ["durable", "durable"]),
        ([asked(0), asked(1, intent="fees")], ["durable", "durable"]),
        ([asked(0), asked(1, subject="ben")], ["durable", "durable"]),
        ([asked(52.9)], ["durable"]),
        ([asked(53.1)], ["too_early"]),
        ([asked(53.1, "handoff")], ["too_early"]),
        ([asked(53.1), asked(54)], ["too_early"]),
        ([asked(52.9), asked(59.5)], ["came_back"]),
        ([asked(0), asked(1, "chat"), asked(1, "person"), asked(1, "rule")], ["durable"]),
    ],
)
def test_a_contact_is_settled_if_nobody_comes_back_with_it_in_seven_days(
    questions: list[Prediction], outcomes: list[str]
) -> None:
    assert [one.outcome for one in contacts(reversed(questions), NOW)] == outcomes


def test_who_came_back_in_the_time_that_is_told_is_not_taken_for_new() -> None:
    questions = [asked(0), asked(6), asked(12, subject="ben"), asked(30)]
    since = MONDAY + 5 * DAY
    assert [one.at for one in contacts(questions, NOW, since=since)] == [
        MONDAY + 12 * DAY,
        MONDAY + 30 * DAY,
    ]


def test_contacts_are_counted_by_language_by_topic_and_by_week() -> None:
    found = contacts(
        [
            asked(0),
            asked(1, "handoff", subject="ben", text="卡在哪里？"),
            asked(8, subject="carl", intent=None),
            asked(59, subject="dora", intent="fees"),
        ],
        NOW,
    )
    assert resolved(found, "language") == [
        Resolved("en", 3, durable=2, came_back=0, not_answered=0, too_early=1),
        Resolved("zh", 1, durable=0, came_back=0, not_answered=1, too_early=0),
    ]
    assert {row.group: row.share for row in resolved(found, "topic")} == {
        "card": 0.5,
        "card-faq": 1.0,
        "fees": None,
    }
    weeks = [row.group for row in resolved(found, "week")]
    assert weeks == ["2025-10-27", "2025-11-03", "2025-12-22"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "gaps"), ("GET", "gaps/export"), ("GET", "resolution"), ("POST", "gaps/dismissals")],
)
def test_a_database_that_is_away_is_told(method: str, path: str) -> None:
    def away(*_: object) -> None:
        raise OperationalError("select", {}, Exception("gone"))

    finder = GapFinder(
        cast("Any", SimpleNamespace(service=None)),
        cast("Any", SimpleNamespace(asked_since=away, database=None)),
    )
    finder.dismissed = cast("Any", SimpleNamespace(dismiss=away))
    app = FastAPI()
    add_gaps(app, finder, cast("Any", SimpleNamespace(require_trust=lambda _: None)))
    client = TestClient(app, raise_server_exceptions=False)
    body = {"examples": ["Will it rain?"]} if method == "POST" else None
    assert client.request(method, f"/v1/{path}", json=body).status_code == 503
