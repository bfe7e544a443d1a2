from __future__ import annotations

import csv
import json
from collections import Counter

import pytest
from sample import SAMPLES

from apps.customer_service.schema import OUT_OF_SCOPE, Faq
from common.records.text import fold, language_of

pytestmark = pytest.mark.parametrize("language", ["en", "zh"])


def _faqs(language: str) -> list[Faq]:
    lines = (SAMPLES / f"faqs.{language}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Faq(**json.loads(line)) for line in lines]


def _rows(name: str, language: str) -> list[dict[str, str]]:
    with (SAMPLES / f"{name}.{language}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_there_is_as_much_as_the_readme_says(language: str) -> None:
    faqs, rows = _faqs(language), _rows("questions", language)
    assert len({faq.id for faq in faqs}) == len(faqs) == 60
    asked = Counter(row["faq_id"] for row in rows if row["faq_id"])
    assert asked.keys() == {faq.id for faq in faqs}
    assert min(asked.values()) >= 8
    assert sum(row["intent"] == OUT_OF_SCOPE for row in rows) >= 100


def test_what_is_held_out_stands_nowhere_in_training(language: str) -> None:
    known = {fold(text) for faq in _faqs(language) for text in faq.variants}
    known |= {fold(row["question"]) for row in _rows("questions", language)}
    assert not [r["question"] for r in _rows("test", language) if fold(r["question"]) in known]


def test_every_answer_is_in_the_language_of_its_question(language: str) -> None:
    for faq in _faqs(language):
        assert language_of(faq.question) == language_of(faq.answer) == language
