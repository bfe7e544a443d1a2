from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import UserError
from common.learning.labelling.asking import (
    Question,
    Read,
    choose,
    new_texts,
    take_labelled,
    write_questions,
)
from common.records.rows import read_rows

COLUMNS = ("question", "intent")
QUESTIONS = [Question("Where is my card?", "card", 0.02), Question("利率多少", "rates", 0.1)]


def test_what_is_known_or_repeated_is_not_suggested() -> None:
    texts = ["Lost card", "lost card!", "Open an account", "Fees?", "…"]
    assert new_texts(texts, {"FEES"}) == ["Lost card", "Open an account"]
    with pytest.raises(UserError, match="all are known"):
        new_texts(["fees"], {"Fees?"})


def test_the_least_certain_come_first() -> None:
    margin = np.array([0.9, 0.1, 0.3, 0.8])
    read = Read(list("abcd"), margin, np.eye(4, dtype=np.float32))
    found = choose(["w", "x", "y", "z"], read, 2)
    assert len(found) == 2
    assert found[0].margin <= found[1].margin
    assert {one.text: one.suggested for one in found}.items() <= dict(
        zip("wxyz", "abcd", strict=True)
    ).items()


def test_a_table_has_an_empty_column_to_fill(tmp_path: Path) -> None:
    path = tmp_path / "ask.csv"
    write_questions(path, QUESTIONS, "table", columns=COLUMNS, release_id="r")
    rows = [row for _, row in read_rows(path)]
    assert rows[0]["question"] == "Where is my card?"
    assert rows[0]["suggested"] == "card"
    assert not rows[0].get("intent")


def _answer_argilla(task: dict[str, Any]) -> None:
    assert task["suggestions"]["wanted"]["value"] == "card"
    task["responses"] = {"wanted": [{"value": "delivery"}]}


def _answer_label_studio(task: dict[str, Any]) -> None:
    choice = {"from_name": "wanted", "type": "choices", "value": {"choices": ["delivery"]}}
    task["annotations"] = [{"result": [choice]}]


@pytest.mark.parametrize(
    ("form", "answer"), [("argilla", _answer_argilla), ("label-studio", _answer_label_studio)]
)
def test_what_a_labelling_tool_says_becomes_a_table_for_train(
    tmp_path: Path, form: Any, answer: Any
) -> None:
    tasks, out = tmp_path / "tasks.json", tmp_path / "labelled.csv"
    write_questions(tasks, QUESTIONS, form, columns=COLUMNS, release_id="r")
    with pytest.raises(UserError, match="nothing is labelled"):
        take_labelled(tasks, form, out, columns=COLUMNS)
    content = json.loads(tasks.read_text(encoding="utf-8"))
    answer(content[0])
    tasks.write_text(json.dumps(content), encoding="utf-8")
    assert take_labelled(tasks, form, out, columns=COLUMNS) == 1
    assert [row for _, row in read_rows(out)] == [
        {"question": "Where is my card?", "intent": "delivery"}
    ]
