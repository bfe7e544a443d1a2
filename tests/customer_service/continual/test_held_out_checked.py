"""What a model is to be measured on is looked at before it learns."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.customer_service.continual.beginning import check_enough
from apps.customer_service.data import Sources, read_dataset
from common.errors import UserError

FAQS = "id,question,answer\n" + "".join(
    f"faq-{n},How do I {what}?,You {what} on the page Cards.\n"
    for n, what in enumerate(("freeze a card", "order a card", "return a card", "lend a card"))
)
QUESTIONS = "question,faq_id\n" + "".join(
    f"{how} {what},faq-{n}\n"
    for n, what in enumerate(("freezing", "ordering", "returning", "lending"))
    for how in ("help me with", "what about", "tell me of", "I am", "who is", "when is")
)


def test_questions_that_nothing_answers_tell_of_no_release_which_is_better(tmp_path: Path) -> None:
    faqs, questions, test = (tmp_path / f"{name}.csv" for name in ("faqs", "questions", "test"))
    faqs.write_text(FAQS, encoding="utf-8")
    questions.write_text(QUESTIONS, encoding="utf-8")
    test.write_text("question,intent\nwill it rain,out_of_scope\n", encoding="utf-8")
    check_enough(read_dataset(Sources([faqs], [questions])))
    with pytest.raises(UserError, match="all held-out questions are out of scope"):
        check_enough(read_dataset(Sources([faqs], [questions], test=[test])))
