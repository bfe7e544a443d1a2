from __future__ import annotations

from pathlib import Path

import pytest

from apps.customer_service.importing.dialogues.tables import TurnRow
from apps.customer_service.schema import Faq, Question
from apps.finance_monitor.schema import TrainingRecord
from apps.finance_monitor.stories.companies import Entity
from apps.recommender.schema import Interaction, Item, User
from common.errors import UserError
from common.records.columns import SYNONYMS, match_columns, suggest
from common.records.graph.fact import Fact
from common.records.reader import read_records

RECORDS = (Faq, Question, TurnRow, TrainingRecord, Entity, Interaction, Item, User, Fact)


@pytest.mark.parametrize("name", ["question", "Question", " QUESTION ", "问题", "Query", "text"])
def test_a_question_is_found_by_any_of_its_names(name: str) -> None:
    assert match_columns(Question.model_fields, [name, "faq_id"], {})["question"] == name


def test_a_column_of_ones_own_name_goes_before_a_guess() -> None:
    found = match_columns(Question.model_fields, ["text", "question", "label", "intent"], {})
    assert found == {"question": "question", "intent": "intent"}


def test_no_column_is_read_into_two_fields() -> None:
    found = match_columns(TrainingRecord.model_fields, ["text", "label"], {"topics": "label"})
    assert found == {"text": "text", "topics": "label"}
    for record in RECORDS:
        for columns in (["label", "category", "name", "text"], ["time", "id", "date"]):
            taken = list(match_columns(record.model_fields, columns, {}).values())
            assert len(set(taken)) == len(taken)


def test_every_synonym_is_of_a_field_that_some_record_has() -> None:
    assert SYNONYMS.keys() <= {name for record in RECORDS for name in record.model_fields}


@pytest.mark.parametrize(
    ("name", "free", "expected"),
    [
        ("question", {"questoin": 20.0, "id": 2.0}, "questoin"),
        ("answer", {"what we tell them": 80.0, "n": 3.0}, "what we tell them"),
        ("answer", {"n": 3.0, "flag": 1.0}, None),
        ("id", {"notes": 80.0}, None),
        ("answer", {}, None),
    ],
)
def test_only_what_is_plausible_is_suggested(
    name: str, free: dict[str, float], expected: str | None
) -> None:
    assert suggest(name, free) == expected


@pytest.mark.parametrize("between", [",", ";", "\t", "|"])
def test_the_separator_is_recognised(
    tmp_path: Path, between: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "faqs.csv"
    rows = [["id", "Frage, lang", "Question", "answer"], ["a", "x", "Wie viel?", "1,50 Euro"]]
    quoted = [[f'"{cell}"' if "," in cell else cell for cell in row] for row in rows]
    path.write_text("\n".join(between.join(row) for row in quoted), encoding="utf-8")
    (faq,) = read_records(path, Faq)
    assert (faq.question, faq.answer) == ("Wie viel?", "1,50 Euro")
    assert ("columns are separated by" in capsys.readouterr().err) == (between != ",")


def test_a_missing_field_suggests_no_column_that_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "faqs.csv"
    path.write_text("id,question\na,What if my card is lost?\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"missing column 'answer'") as caught:
        read_records(path, Faq)
    assert "--map answer=COLUMN" in str(caught.value)
