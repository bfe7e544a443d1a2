from __future__ import annotations

from pathlib import Path

import pytest

from apps.customer_service.importing.dialogues.reading import read_dialogues
from apps.customer_service.importing.dialogues.times import seconds
from apps.customer_service.importing.schema import Dialogue, Kind, Rejected
from apps.customer_service.importing.sources import recognise
from common.records.writing import write_table

ENGLISH = [
    {"conversation_id": 1, "role": "agent", "message": "So.", "created_at": "2024-05-01 10:02"},
    {"conversation_id": 2, "role": "customer", "message": "Why?", "created_at": "2024-05-01 09:00"},
    {"conversation_id": 1, "role": "customer", "message": "How?", "created_at": "2024-05-01 10:00"},
]
NAMES = {"conversation_id": "会话编号", "role": "角色", "message": "消息内容"}
SIDES = {"agent": "客服", "customer": "用户"}
CHINESE = [
    {
        **{NAMES[name]: SIDES.get(str(row[name]), row[name]) for name in NAMES},
        "发送时间": str(row["created_at"]).replace("-", "/"),
    }
    for row in ENGLISH
]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".xlsx"])
@pytest.mark.parametrize("rows", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_turns_in_any_order_become_dialogues(
    tmp_path: Path, suffix: str, rows: list[dict[str, object]]
) -> None:
    path = tmp_path / f"log{suffix}"
    write_table(path, rows)
    source = recognise(path, None, {})
    assert source.kind is Kind.dialogues
    found = [one for one in read_dialogues(source, {}) if isinstance(one, Dialogue)]
    assert {one.id: [(turn.speaker, turn.text) for turn in one.turns] for one in found} == {
        "1": [("customer", "How?"), ("agent", "So.")],
        "2": [("customer", "Why?")],
    }


def test_columns_may_be_named_and_a_row_that_says_nothing_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("k,who,t\n1,user,How?\n1,agent,\n,agent,So.\n", encoding="utf-8")
    mapping = {"dialogue_id": "k", "speaker": "who", "message": "t"}
    found = list(read_dialogues(recognise(path, None, mapping), mapping))
    assert [type(one) for one in found] == [Rejected, Rejected, Dialogue]
    assert [one.place.rpartition(":")[2] for one in found[:2]] == ["3", "4"]


@pytest.mark.parametrize(
    "text",
    ["2024-05-01T10:00:00Z", "2024/5/1 10:00", "2024年5月1日 10:00", "1714557600", 1714557600000],
)
def test_times_are_read_as_exports_write_them(text: object) -> None:
    assert seconds(text) == 1714557600


@pytest.mark.parametrize("text", ["soon", "", None, "12345678901234567890", True])
def test_what_is_no_time_is_none(text: object) -> None:
    assert seconds(text) is None


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_day_and_month_stand_in_one_order_in_the_whole_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"log{suffix}"
    said = [("1/2/24 10:00", "user", "How?"), ("1/13/24 10:00", "agent", "So.")]
    turns = [{"role": who, "message": text, "time": at} for at, who, text in said]
    of_rows = [{"conversation_id": 1, **turn} for turn in turns]
    write_table(path, of_rows if suffix == ".csv" else [{"id": 1, "turns": turns}])
    (one,) = read_dialogues(recognise(path, None, {}), {})
    assert isinstance(one, Dialogue)
    assert [turn.text for turn in one.turns] == ["How?", "So."]
    first, second = (turn.time or 0.0 for turn in one.turns)
    assert second - first == 11 * 24 * 3600


def test_how_far_a_large_file_is_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log.jsonl"
    write_table(path, ENGLISH)
    source = recognise(path, None, {})
    capsys.readouterr()
    monkeypatch.setattr("apps.customer_service.importing.dialogues.reading.ROWS_TOLD", 2)
    assert list(read_dialogues(source, {}))
    assert "log.jsonl: 2 rows read" in capsys.readouterr().err
