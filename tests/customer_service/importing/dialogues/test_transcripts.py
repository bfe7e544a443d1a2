from __future__ import annotations

from pathlib import Path

import pytest

from apps.customer_service.importing.dialogues.speakers import speaker_of
from apps.customer_service.importing.dialogues.transcripts import is_transcript, read_transcripts

EXPECTED = [[("customer", "How?"), ("agent", "So.")], [("customer", "Why?"), ("agent", "Thus.")]]


@pytest.mark.parametrize(
    "text",
    [
        "Customer: How?\nAgent: So.\n\nCustomer: Why?\nAgent: Thus.\n",
        "用户：How?\n客服：So.\n----------\n用户：Why?\n客服小王：Thus.\n",
        (
            "Conversation 1\n\nCustomer: How?\n\nAgent: So.\n\nConversation 2\n\n"
            "Customer: Why?\n\nAgent Anna: Thus.\n"
        ),
        (
            "2024-05-01\n[10:00] User: How?\n[10:01:30] Support: So.\n2024-05-02\n"
            "09:00 User: Why?\n09:01 Support: Thus.\n"
        ),
        (
            "2024-05-01 10:00:00 客户: How?\n2024-05-01 10:01:00 客服: So.\n\n"
            "2024-05-02 10:00:00 客户: Why?\n2024-05-02 10:00:00 客服: Thus.\n"
        ),
        (
            "客户 2024/5/1 10:00:00\nHow?\n客服小王 2024/5/1 10:01:00\nSo.\n=====\n"
            "客户 2024/5/2 10:00:00\nWhy?\n客服小王 2024/5/2 10:01:00\nThus.\n"
        ),
    ],
    ids=["blank lines", "dashes", "headings", "dates", "times", "text on the next line"],
)
def test_dialogues_of_a_transcript(text: str) -> None:
    assert is_transcript(text)
    found = list(read_transcripts(Path("chat.txt"), text))
    assert [[(turn.speaker, turn.text) for turn in one.turns] for one in found] == EXPECTED


def test_a_turn_goes_on_in_the_next_line_and_its_time_is_known() -> None:
    text = "2024-05-01 10:00 User: How?\nAnd where?\n2024-05-01 10:01 Agent Anna: So.\n"
    (one,) = read_transcripts(Path("chat.txt"), text)
    assert one.id == "chat-1"
    assert [turn.text for turn in one.turns] == ["How?\nAnd where?", "So."]
    assert one.turns[1].time == 1714557660
    assert one.turns[1].agent == "anna"


def test_a_page_of_text_is_no_transcript() -> None:
    assert not is_transcript("Note: read this.\nAgents: we have many.\nUser guide: see below.\n")


@pytest.mark.parametrize(
    ("label", "side"),
    [
        ("Customer", ("customer", None)),
        ("end-user", ("customer", None)),
        ("Agent Anna", ("agent", "anna")),
        ("Anna (Support)", ("agent", "anna")),
        ("客服小王", ("agent", "小王")),
        ("智能客服", ("other", None)),
        ("Bot", ("other", None)),
        ("Agency", None),
        ("Anna", None),
    ],
)
def test_the_side_of_a_label(label: str, side: object) -> None:
    assert speaker_of(label) == side
