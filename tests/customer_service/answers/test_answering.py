from __future__ import annotations

import pytest
from sample import Demo

from apps.customer_service.answers.answering import Answerer, prepare
from apps.customer_service.release import load_release
from common.releases.registry import Registry


@pytest.fixture(scope="module")
def answerer(demo: Demo) -> Answerer:
    return load_release(Registry(demo.store, "customer_service").open(), device="cpu")


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("my card is gone", None),
        ("银行卡丢了怎么办", "en"),
        ("カードをなくした", "en"),
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
