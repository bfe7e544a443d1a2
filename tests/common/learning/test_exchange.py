from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import UserError
from common.learning.exchange import read_feedback, write_feedback
from common.learning.schema import Feedback

LABELS = ("faq_id", "answer")
ROWS = [
    Feedback(
        id="1",
        at=1.0,
        source="s",
        kind="correction",
        text="卡丢了，=1+1",
        given={"faq_id": "b"},
        wanted={"faq_id": "a"},
    ),
    Feedback(id="2", at=2.0, source="s", kind="bad", text="no answer", given={"faq_id": "c"}),
]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".jsonl", ".parquet"])
def test_a_table_goes_out_and_comes_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"corrections{suffix}"
    write_feedback(path, ROWS[:1], "table", "faq_id")
    (row,) = read_feedback(path, "table", "faq_id", LABELS)
    assert (row.text, row.wanted, row.status) == ("卡丢了,=1+1", {"faq_id": "a"}, "accepted")
    assert row.id == read_feedback(path, "table", "faq_id", LABELS)[0].id


def _answer_argilla(tasks: list[dict[str, Any]]) -> None:
    tasks[1]["responses"] = {"wanted": [{"value": "d", "user_id": "u"}]}


def _answer_label_studio(tasks: list[dict[str, Any]]) -> None:
    result = [{"from_name": "wanted", "type": "choices", "value": {"choices": ["d"]}}]
    tasks[1]["annotations"] = [{"result": result}]


@pytest.mark.parametrize(
    ("form", "answer"), [("argilla", _answer_argilla), ("label-studio", _answer_label_studio)]
)
def test_a_labelling_tool_gets_tasks_and_gives_labels(
    tmp_path: Path, form: Any, answer: Any
) -> None:
    path = tmp_path / "tasks.json"
    write_feedback(path, ROWS, form, "faq_id")
    assert read_feedback(path, form, "faq_id", LABELS) == []
    tasks = json.loads(path.read_text(encoding="utf-8"))
    answer(tasks)
    path.write_text(json.dumps(tasks), encoding="utf-8")
    (row,) = read_feedback(path, form, "faq_id", LABELS)
    assert (row.text, row.wanted) == ("no answer", {"faq_id": "d"})
    path.write_text('[{"unknown": 1}]', encoding="utf-8")
    with pytest.raises(UserError, match="record 1"):
        read_feedback(path, form, "faq_id", LABELS)


def test_a_row_that_says_nothing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,faq_id\nlost my card,a\nfound it,\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"rows\.csv:3.*none of faq_id, answer"):
        read_feedback(path, "table", "faq_id", LABELS)


@pytest.mark.parametrize("form", ["argilla", "label-studio"])
@pytest.mark.parametrize(
    "content",
    [
        *('{"a": 1}', "5", '["x"]', '[{"data": {"text": 5}}]', '[{"fields": {"text": 5}}]'),
        *('[{"fields": {"text": "x"}, "responses": [1]}]', '[{"data": {"text": " "}}]'),
    ],
)
def test_json_of_another_form_is_the_user_s_mistake(
    tmp_path: Path, form: Any, content: str
) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"not a list of tasks|not of the form"):
        read_feedback(path, form, "faq_id", LABELS)


def test_a_task_that_was_skipped_teaches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    write_feedback(path, ROWS, "label-studio", "faq_id")
    tasks = json.loads(path.read_text(encoding="utf-8"))
    _answer_label_studio(tasks)
    tasks[1]["annotations"][0]["was_cancelled"] = True
    path.write_text(json.dumps(tasks), encoding="utf-8")
    assert read_feedback(path, "label-studio", "faq_id", LABELS) == []
