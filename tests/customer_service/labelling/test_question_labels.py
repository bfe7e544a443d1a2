"""What the verbs about labels make of questions, without a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apps.customer_service.data import Sources
from apps.customer_service.labelling.questions import asked_label, labelled_fields, shown_text
from apps.customer_service.schema import Question
from common.errors import UserError
from common.learning.labelling.correcting import Files, apply_corrections

QUESTIONS = "query,faq_id,intent\nlost card,a,cards\nweather?,,out_of_scope\nfees,b,\n"


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    questions, faqs = tmp_path / "questions.csv", tmp_path / "faqs.jsonl"
    questions.write_text(QUESTIONS, encoding="utf-8")
    rows = [{"id": "a", "question": "I lost my card", "answer": "Block it."}]
    faqs.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return Sources(faqs=[faqs], questions=[questions])


def test_an_faqs_own_wording_teaches_but_is_not_doubted(sources: Sources) -> None:
    faq, intent = labelled_fields(sources)
    assert [(one.text, one.labels, one.place) for one in faq.records] == [
        ("I lost my card", ("a",), None),
        ("lost card", ("a",), "questions.csv:2"),
        ("fees", ("b",), "questions.csv:4"),
    ]
    assert [one.labels for one in intent.records] == [("cards",), ("out_of_scope",)]


def test_a_corrected_faq_goes_back_into_the_table(sources: Sources, tmp_path: Path) -> None:
    corrections, out = tmp_path / "suspects.csv", tmp_path / "corrected.csv"
    corrections.write_text(
        "place,field,text,given,label\nquestions.csv:4,faq_id,fees,b,a\n", encoding="utf-8"
    )
    files = Files(list(sources.questions), Question, shown_text)
    apply_corrections(files, corrections, out)
    assert "fees,a," in out.read_text(encoding="utf-8")


def test_a_release_without_faqs_asks_for_intents() -> None:
    assert asked_label({"data": {"counts": {"faqs": 3}}}) == "faq_id"
    assert asked_label({"data": {"counts": {"faqs": 0}}}) == "intent"


def test_a_release_is_asked_for_the_label_that_is_wanted() -> None:
    assert asked_label({"data": {"counts": {"faqs": 3}}}, "intent") == "intent"
    with pytest.raises(UserError, match="--label faq_id: this release does not tell it"):
        asked_label({"data": {"counts": {"faqs": 0}}}, "faq_id")
