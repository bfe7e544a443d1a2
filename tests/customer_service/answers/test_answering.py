from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sample import Demo

from apps.customer_service.answers.answering import Answerer, prepare
from apps.customer_service.answers.languages.faqs import other_language
from apps.customer_service.release import CONFIDENCE, load_release
from common.errors import UserError
from common.files import read_json, write_json
from common.releases.registry import Registry


@pytest.fixture(scope="module")
def answerer(demo: Demo) -> Answerer:
    return load_release(Registry(demo.store, "customer_service").open(), device="cpu")


def test_a_release_that_decides_by_other_signals_is_refused(demo: Demo, tmp_path: Path) -> None:
    release = Registry(demo.store, "customer_service").open()
    copied = replace(release, directory=shutil.copytree(release.directory, tmp_path / "older"))
    kept = read_json(copied.directory / CONFIDENCE)
    kept["features"].append("length")
    write_json(copied.directory / CONFIDENCE, kept)
    with pytest.raises(UserError, match="signals of another version") as refused:
        load_release(copied, device="cpu")
    assert refused.value.where == str(copied.directory)
    assert "Train again" in str(refused.value)


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("my card is gone", None),
        ("银行卡丢了怎么办", "en"),
        ("カードをなくした", "en"),
        ("J'ai perdu ma carte", "en"),
        ("yinhangka diule zenmeban", "en"),
        ("IBAN?", None),
        ("123?", None),
    ],
)
def test_who_asks_in_another_language_is_told_the_answers(
    answerer: Answerer, question: str, language: str | None
) -> None:
    text = prepare(question)
    (understood,) = answerer.understand([text])
    candidates = answerer.rank(text, understood)
    assert answerer.compose(text, understood, candidates, decided="answer").only_in == language
    assert answerer.compose(text, understood, candidates, decided="handoff").only_in is None


def test_nobody_is_told_that_an_answer_is_in_their_own_language(answerer: Answerer) -> None:
    faq = next(iter(answerer.faqs.values()))
    spanish = faq.model_copy(update={"question": "¿Cómo cambio mi PIN?", "language": "es-MX"})
    assert other_language("Perdí mi tarjeta de crédito, ¿qué hago?", spanish) is None
    assert other_language("mi tarjeta", spanish) is None
    assert other_language("I have lost my credit card", spanish) == "es-MX"
    by_script = {"question": "Carte perdue ?", "answer": "Bloquez votre carte dans l'application."}
    french = faq.model_copy(update=by_script | {"language": "en"})
    assert other_language("J'ai perdu ma carte bancaire", french) is None
    assert other_language("J'ai perdu ma carte bancaire", faq) == "en"
