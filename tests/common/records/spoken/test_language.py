from __future__ import annotations

import csv

import pytest
from command_line import ROOT

from common.records.spoken.language import spoken_language

SAMPLES = ROOT / "data_samples" / "customer_service"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Perdí mi tarjeta de crédito, ¿qué hago?", "es"),
        ("J'ai perdu ma carte", "fr"),
        ("Ich habe meine Karte verloren", "de"),
        ("I have lost my card", "en"),
        ("我的APP登录不了", "zh"),
        ("カードをなくしました", "ja"),
        ("yinhangka diule zenmeban", "zh"),
        ("ka bei daoshua le", "zh"),
        ("IBAN?", None),
        ("change pin", None),
        ("1234 !?", None),
        ("", None),
        ("I have lost\nmy card", "en"),
    ],
)
def test_a_language_is_told_where_that_is_sure(text: str, language: str | None) -> None:
    assert spoken_language(text) == language


def test_english_questions_are_not_taken_for_another_language() -> None:
    with (SAMPLES / "test.en.csv").open(encoding="utf-8", newline="") as file:
        asked = [row["question"] for row in csv.DictReader(file)]
    assert {spoken_language(question) for question in asked} <= {"en", None}
