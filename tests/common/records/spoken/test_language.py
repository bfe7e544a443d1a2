from __future__ import annotations

import csv

import pytest
from command_line import ROOT

from common.records.spoken.language import (
    language_of_both,
    likely_language,
    primary,
    spoken_language,
)

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


@pytest.mark.parametrize(
    ("question", "answer", "language"),
    [
        ("J'ai perdu ma carte", "Bloquez-la tout de suite dans l'application.", "fr"),
        ("Carte perdue ?", "Bloquez votre carte tout de suite dans l'application.", "fr"),
        ("What if my card is lost?", "Freeze it.", "en"),
        ("IBAN?", "12", "en"),
        ("怎么退货？", "https://shop.example/returns/how-to-return-what-you-have-bought", "zh"),
        ("What if my card is lost?", "请先在手机银行里冻结。", "en"),
    ],
)
def test_a_question_and_its_answer_are_of_one_language(
    question: str, answer: str, language: str
) -> None:
    assert language_of_both(question, answer) == language


def test_where_words_do_not_tell_the_script_does() -> None:
    told = {"IBAN?": "en", "1234": "other", "ka bei daoshua le": "zh", "change pin": "en"}
    assert {text: likely_language(text) for text in told} == told
    assert [primary(tag) for tag in ("zh-CN", "en_US", "zh-Hant-TW", "fr", "")] == [
        "zh",
        "en",
        "zh",
        "fr",
        "",
    ]


def test_a_few_words_of_another_language_are_not_called_english() -> None:
    told = {"Carte perdue ?": "fr", "mot de passe oublié": "fr", "code PIN oublié": "fr"}
    told |= {"Hola": "es", "thanks": "en", "refund?": "en", "pending transfer": "en"}
    assert {text: likely_language(text) for text in told} == told


def test_english_questions_are_not_taken_for_another_language() -> None:
    with (SAMPLES / "test.en.csv").open(encoding="utf-8", newline="") as file:
        asked = [row["question"] for row in csv.DictReader(file)]
    assert {spoken_language(question) for question in asked} <= {"en", None}
