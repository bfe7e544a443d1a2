from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.customer_service.importing.dialogues.speakers import Sides, speaker_of
from apps.customer_service.importing.dialogues.transcripts import is_transcript, read_transcripts
from apps.customer_service.importing.schema import Dialogue, Rejected
from common.errors import UserError

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
    found = _dialogues(text)
    assert [[(turn.speaker, turn.text) for turn in one.turns] for one in found] == EXPECTED


def test_a_turn_goes_on_in_the_next_line_and_its_time_is_known() -> None:
    text = "2024-05-01 10:00 User: How?\nAnd where?\n2024-05-01 10:01 Agent Anna: So.\n"
    (one,) = _dialogues(text)
    assert one.id == "chat-1"
    assert [turn.text for turn in one.turns] == ["How?\nAnd where?", "So."]
    assert one.turns[1].time == 1714557660
    assert one.turns[1].agent == "anna"


NAMED = {
    "next line": "张三 2024-01-02 10:00\nHow?\n小美 2024-01-02 10:01\nSo.\n",
    "next line, a blank between": "张三  10:00\n\nHow?\n\n小美  10:01\n\nSo.\n",
    "clock": "[10:00] 张三: How?\n[10:01] 小美: So.\n",
    "WhatsApp on iOS": (
        "\u200e[02.01.24, 09:59:00] 小美: \u200eMessages are encrypted.\n"
        "[02.01.24, 10:00:12] 张三: How?\n[02.01.24, 10:01:12] 小美: So.\n"
    ),
    "WhatsApp on Android": (
        "2024-01-02 09:59 - Messages are end-to-end encrypted.\n"
        "2024-01-02 10:00 - 张三: How?\n2024-01-02 10:01 - 小美: So.\n"
        "2024-01-02 10:02 - 小美 left\n"
    ),
    "WhatsApp in America": (
        "1/2/24, 10:00\u202fAM - 张三: How?\n1/2/24, 10:01\u202fAM - 小美: So.\n"
    ),
    "WhatsApp in China": "2024/1/2 上午10:00 - 张三: How?\n2024/1/2 上午10:01 - 小美: So.\n",
    "QQ": "2024-01-02 10:00:00 张三(12345678)\nHow?\n\n2024-01-02 10:01:00 小美(87654321)\nSo.\n",
    "no time": "张三：How?\n小美：So.\n",
}


@pytest.mark.parametrize("text", NAMED.values(), ids=NAMED.keys())
def test_people_who_go_by_their_names(text: str) -> None:
    sides = Sides(["小美"])
    assert is_transcript(text, sides)
    (one,) = _dialogues(text, sides)
    assert [(turn.speaker, turn.text) for turn in one.turns][-2:] == EXPECTED[0]
    assert (one.customer, one.customer_name) == ("张三", "张三")
    assert one.turns[-1].agent == "小美"
    if "24" in text:
        assert one.turns[-1].time is not None
        assert (
            datetime.fromtimestamp(one.turns[-1].time, UTC).strftime("%F %R") == "2024-01-02 10:01"
        )


@pytest.mark.parametrize(
    "text",
    [
        "我：How?\n店家：So.\n",
        "[10:00] 我: How?\n[10:01] 店家: So.\n",
        "张三 2024-01-02 10:00\nHow?\n客服小王 2024-01-02 10:01\nSo.\n",
        "用户 2024-01-02 10:00\nHow?\n小美 2024-01-02 10:01\nSo.\n",
    ],
)
def test_where_one_side_is_labelled_all_others_are_the_other(text: str) -> None:
    assert is_transcript(text)
    (one,) = _dialogues(text)
    assert [(turn.speaker, turn.text) for turn in one.turns] == EXPECTED[0]


def test_without_agents_the_names_that_were_found_are_told() -> None:
    text = NAMED["next line"]
    assert is_transcript(text)
    with pytest.raises(UserError, match="who answers is not known: 张三, 小美") as told:
        _dialogues(text)
    assert "--agents NAME" in str(told.value)


def test_an_agent_whom_nobody_has_heard_of_is_told() -> None:
    sides = Sides(["小没"])
    _dialogues(NAMED["next line"], sides)
    with pytest.raises(UserError, match="nobody called 小没 speaks") as told:
        sides.check()
    assert "张三, 小美" in str(told.value)


def test_an_agent_may_be_named_as_behind_the_usual_label() -> None:
    sides = Sides(["小美"])
    (one,) = _dialogues("客户：How?\n客服小美：So.\n", sides)
    assert [(turn.speaker, turn.agent) for turn in one.turns] == [
        ("customer", None),
        ("agent", "小美"),
    ]
    sides.check()


@pytest.mark.parametrize(
    ("days", "dates"),
    [
        (("1/2/24", "1/13/24"), ("2024-01-02", "2024-01-13")),
        (("1/2/24", "13/2/24"), ("2024-02-01", "2024-02-13")),
        (("1/12/24", "2/1/24"), ("2024-01-12", "2024-02-01")),
        (("12/1/2024", "1/2/2024"), ("2024-01-12", "2024-02-01")),
    ],
    ids=["over 12 second", "over 12 first", "ascending, month first", "ascending, day first"],
)
@pytest.mark.parametrize("form", ["{0}, 10:00 - 张三: How?\n{0}, 10:01 - 小美: So.\n",
                                  "{0}\n[10:00] User: How?\n[10:01] Support: So.\n"],
                         ids=["of each turn", "on a line"])  # fmt: skip
def test_the_order_of_day_and_month_is_one_in_a_file(
    days: tuple[str, ...], dates: tuple[str, ...], form: str
) -> None:
    found = _dialogues("".join(map(form.format, days)), Sides(["小美"]))
    times = [one.turns[0].time or 0.0 for one in found]
    assert tuple(datetime.fromtimestamp(time, UTC).strftime("%F") for time in times) == dates


def test_a_chat_of_a_year_is_several_dialogues_and_a_message_of_several_paragraphs_one() -> None:
    (first, second) = _dialogues(
        "2024-01-02 10:00 - 张三: How?\n\nAnd on 2024-02-03\n2024-02-03\nat 10:30\n"
        "2024-01-02 10:01 - 小美: Note: so.\n"
        "2024-01-05 10:00 - 张三: Why?\n2024-01-05 10:01 - 小美: Thus.\n",
        Sides(["小美"]),
    )
    assert [turn.text for turn in first.turns] == [
        "How?\nAnd on 2024-02-03\n2024-02-03\nat 10:30", "Note: so.",
    ]  # fmt: skip
    assert [turn.text for turn in second.turns] == ["Why?", "Thus."]


def _dialogues(text: str, sides: Sides | None = None) -> list[Dialogue]:
    found = list(read_transcripts(Path("chat.txt"), text, sides))
    assert not [one for one in found if isinstance(one, Rejected)]
    return [one for one in found if isinstance(one, Dialogue)]


@pytest.mark.parametrize(
    "text",
    [
        "10:00 Opening: in the hall\n11:00 First talk: on prices\n12:30 Lunch: in the yard\n",
        "Opening hours: 9 to 5\nWe open at 10:30\nWe close at 17:30\nPhone: ask us\n",
        "2024-01-02 Version 2: faster\n2024-03-01 Version 3: slower\n",
    ],
)
def test_a_page_with_times_is_no_transcript(text: str) -> None:
    assert not is_transcript(text)


def test_where_nobody_speaks_that_is_told() -> None:
    (one,) = read_transcripts(Path("chat.txt"), "Only text.\n")
    assert isinstance(one, Rejected)
    assert "nobody speaks" in one.reason


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
        ("客服机器人", ("other", None)),
        ("Service Bot", ("other", None)),
        ("客户经理小王", ("agent", "小王")),
        ("客户服务", ("agent", None)),
        ("客户小王", ("customer", "小王")),
        ("Customer Care Anna", ("agent", "anna")),
        ("Bot", ("other", None)),
        ("Agency", None),
        ("Anna", None),
    ],
)
def test_the_side_of_a_label(label: str, side: object) -> None:
    assert speaker_of(label) == side
