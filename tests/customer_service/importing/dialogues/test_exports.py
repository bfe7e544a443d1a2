from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from apps.customer_service.importing.dialogues.reading import read_dialogues
from apps.customer_service.importing.dialogues.speakers import Sides
from apps.customer_service.importing.schema import Dialogue, Rejected
from apps.customer_service.importing.sources import recognise

ZENDESK = {
    "id": 35436,
    "subject": "Help",
    "status": "solved",
    "requester_id": 20978392,
    "requester": {"id": 20978392, "name": "Ann Lee"},
    "satisfaction_rating": {"score": "good"},
    "comments": [
        {
            "author_id": 20978392,
            "plain_body": "How do I reset it?",
            "public": True,
            "created_at": "2024-05-01T10:00:00Z",
        },
        {"author_id": 7, "body": "a note for colleagues", "public": False},
        {
            "author_id": 7,
            "html_body": "<p>Hold the <b>button</b>.</p><script>x()</script>",
            "public": True,
            "created_at": "2024-05-01T10:02:00Z",
        },
    ],
}
INTERCOM = {
    "type": "conversation",
    "id": "1911",
    "created_at": 1714557600,
    "state": "closed",
    "source": {
        "type": "conversation",
        "body": "<p>How do I reset it?</p>",
        "author": {"type": "user", "id": "20978392", "name": "Ann Lee"},
    },
    "conversation_rating": {"rating": 5},
    "conversation_parts": {
        "type": "conversation_part.list",
        "conversation_parts": [
            {"part_type": "note", "body": "a note", "author": {"type": "admin", "id": "7"}},
            {"part_type": "assignment", "body": None, "author": {"type": "bot", "id": "1"}},
            {
                "part_type": "comment",
                "body": "<p>Hold the <b>button</b>.</p>",
                "author": {"type": "admin", "id": "7"},
                "created_at": 1714557720,
            },
        ],
    },
}
CHATWOOT_MESSAGES = [
    {
        "id": 2,
        "conversation_id": 9,
        "message_type": 1,
        "content": "Hold the button.",
        "created_at": 1714557720,
        "sender": {"id": 7, "name": "Bob", "type": "user"},
    },
    {"id": 3, "conversation_id": 9, "message_type": 2, "content": "Bob joined"},
    {"id": 4, "conversation_id": 9, "message_type": 1, "private": True, "content": "a note"},
    {
        "id": 1,
        "conversation_id": 9,
        "message_type": 0,
        "content": "How do I reset it?",
        "created_at": 1714557600,
        "sender": {"id": 20978392, "name": "Ann Lee", "type": "contact"},
    },
]
CHATWOOT = {
    "data": {
        "meta": {},
        "payload": [{"id": 9, "status": "resolved", "messages": CHATWOOT_MESSAGES}],
    }
}


def _read(path: Path) -> list[Dialogue]:
    found = list(read_dialogues(recognise(path, None, {}), {}))
    assert not [one for one in found if isinstance(one, Rejected)]
    return [one for one in found if isinstance(one, Dialogue)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("zendesk.json", {"tickets": [ZENDESK], "count": 1, "next_page": None}),
        ("zendesk.jsonl", ZENDESK),
        ("intercom.json", {"type": "conversation.list", "conversations": [INTERCOM]}),
        ("intercom.jsonl", INTERCOM),
        ("chatwoot.json", CHATWOOT),
        ("messages.json", {"meta": {}, "payload": CHATWOOT_MESSAGES}),
    ],
)
def test_an_export_is_recognised_and_read(tmp_path: Path, name: str, content: Any) -> None:
    path = tmp_path / name
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")
    (dialogue,) = _read(path)
    assert [(turn.speaker, turn.text) for turn in dialogue.turns if turn.speaker != "other"] == [
        ("customer", "How do I reset it?"),
        ("agent", "Hold the button."),
    ]
    assert dialogue.customer == "20978392"
    assert dialogue.customer_name == "Ann Lee"
    assert dialogue.turns[-1].agent == "7"
    assert dialogue.turns[-1].time == pytest.approx(1714557720)
    assert dialogue.is_resolved is (None if name == "messages.json" else True)
    assert dialogue.is_praised is (None if "message" in name or "chatwoot" in name else True)


def test_abcd_and_plain_conversations(tmp_path: Path) -> None:
    turns = [["customer", "How?"], ["action", "looked up"], ["agent", "So."]]
    personal = {"personal": {"customer_name": "ann lee"}}
    abcd = tmp_path / "abcd.json"
    abcd.write_text(json.dumps([{"convo_id": 3, "scenario": personal, "original": turns}]))
    plain = tmp_path / "plain.json"
    messages = [{"role": "user", "content": "How?"}, {"role": "assistant", "content": "So."}]
    plain.write_text(json.dumps([{"id": "x", "messages": messages, "resolved": False}]))
    (one,), (other,) = _read(abcd), _read(plain)
    assert [turn.speaker for turn in one.turns] == ["customer", "other", "agent"]
    assert (one.id, one.customer_name) == ("3", "ann lee")
    assert [turn.speaker for turn in other.turns] == ["customer", "agent"]
    assert other.is_resolved is False


def _zendesk(*comments: Any) -> dict[str, Any]:
    return {"id": 1, "requester_id": 2, "comments": list(comments)}


def _intercom(**given: Any) -> dict[str, Any]:
    return {**INTERCOM, "id": "bad", **given}


def _chatwoot(*messages: Any) -> dict[str, Any]:
    return {"id": 1, "messages": [CHATWOOT_MESSAGES[0], *messages]}


NESTED = {"id": "x", "messages": [{"role": "user", "content": "How?"}]}
ABCD = {"convo_id": 3, "original": [["customer", "How?"], ["agent", "So."]]}


@pytest.mark.parametrize(
    ("good", "bad", "reason"),
    [
        (ZENDESK, _zendesk(None), "comments 1: not an object: None"),
        (ZENDESK, _zendesk({"author_id": 2, "plain_body": {"a": 1}}), "plain_body: not a text"),
        (INTERCOM, _intercom(source={"body": "How?", "author": "Ann"}), "source: author: not an"),
        (INTERCOM, _intercom(source="How?"), "source: not an object: 'How?'"),
        (INTERCOM, _intercom(conversation_parts="none"), "conversation_parts: not a list"),
        (INTERCOM, _intercom(conversation_parts=[3]), "conversation_parts 1: not an object: 3"),
        (CHATWOOT_MESSAGES[0], {**CHATWOOT_MESSAGES[0], "conversation_id": 8, "sender": "Bob"},
         "messages 1: sender: not an object: 'Bob'"),
        (_chatwoot(), _chatwoot("so"), "messages 2: not an object: 'so'"),
        (_chatwoot(), _chatwoot({"message_type": [1], "content": {"a": 1}}), ""),
        (ABCD, {"convo_id": 4, "original": [["agent", "So.", "so"]]}, "original 1: not a pair"),
        (ABCD, {"convo_id": 4, "original": [["agent", {"text": 1}]]}, "original 1: not a text"),
        (NESTED, {"id": "y", "messages": [*NESTED["messages"], "So."]}, "messages 2: not an obj"),
        (NESTED, {"id": "y", "messages": ["So.", *NESTED["messages"]]}, "messages 1: not an obj"),
        (NESTED, {"id": "y", "messages": [{"role": "user", "content": [["So."]]}]}, "not a text"),
        (NESTED, {"id": "y", "messages": None}, "not in the form of conversations"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_first", [True, False])
def test_a_malformed_record_is_told_and_the_others_are_read(
    tmp_path: Path, good: Any, bad: Any, reason: str, is_first: bool
) -> None:
    path = tmp_path / "log.jsonl"
    rows = [bad, good] if is_first else [good, bad]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = list(read_dialogues(recognise(path, None, {}), {}))
    told = [one for one in found if isinstance(one, Rejected)]
    assert [one.reason for one in told if reason not in one.reason] == []
    assert [one.place for one in told] == ([f"{path}:{1 if is_first else 2}"] if reason else [])
    assert [one for one in found if isinstance(one, Dialogue) and one.turns]


def test_content_in_parts_is_read_as_its_text(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    asked = [{"type": "text", "text": "How?"}, {"type": "image_url", "image_url": {"url": "u"}}]
    answered = ["So.", {"type": "text", "text": {"value": "Thus."}}]
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    path.write_text(json.dumps({"id": "x", "messages": messages}) + "\n", encoding="utf-8")
    (one,) = _read(path)
    assert [turn.text for turn in one.turns] == ["How?", "So.\nThus."]


def test_who_speaks_must_be_known(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    turns = [{"speaker": "A", "text": "How?"}, {"speaker": "B", "text": "So."}]
    path.write_text(json.dumps({"id": "x", "turns": turns}) + "\n", encoding="utf-8")
    (one,) = read_dialogues(recognise(path, None, {}), {})
    assert isinstance(one, Rejected)
    assert "who speaks is not known" in one.reason


def test_agents_that_are_named_are_known_in_tables_and_exports_too(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    turns = [{"speaker": "Ann", "text": "How?"}, {"speaker": "Bob Lee", "text": "So."}]
    log.write_text(json.dumps({"id": "x", "turns": turns}) + "\n", encoding="utf-8")
    table = tmp_path / "log.csv"
    table.write_text("dialogue_id,speaker,message\nx,Ann,How?\nx,bob lee,So.\n", encoding="utf-8")
    for path in (log, table):
        sides = Sides(["Bob Lee"])
        (one,) = read_dialogues(recognise(path, None, {}), {}, sides)
        assert isinstance(one, Dialogue)
        assert [turn.speaker for turn in one.turns] == ["customer", "agent"]
        sides.check()


def test_with_agents_named_a_tool_asks_nothing_and_nobody_is_no_customer(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    turns = [{"role": "Ann", "content": "How?"}, {"role": "tool", "content": "{}"}]
    turns.append({"role": "Bob", "content": "So."})
    whole = {"id": "x", "messages": turns}
    unsaid = {"id": "y", "messages": [*turns, {"content": "Who?"}]}
    log.write_text("".join(f"{json.dumps(one)}\n" for one in (whole, unsaid)), encoding="utf-8")
    one, other = read_dialogues(recognise(log, None, {}), {}, Sides(["Bob"]))
    assert isinstance(one, Dialogue)
    assert [turn.speaker for turn in one.turns] == ["customer", "other", "agent"]
    assert isinstance(other, Rejected)
    assert "who speaks is not known" in other.reason
