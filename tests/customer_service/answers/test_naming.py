from __future__ import annotations

import numpy as np

from apps.customer_service.answers.naming import Naming, codes
from apps.customer_service.answers.retrieval import Variant, VariantIndex

TEXTS = [
    "Can I send money to Ghana?",
    "Payments abroad go through Kestrel, form DQ-18.",
    "Why was my card refused?",
    "R62 means that the card may not be used; see Limits.",
    "Which limits are there?",
]
OWNERS = [0, 0, 1, 1, 2]
ANSWERS = [False, True, False, True, False]
NAMING = Naming.of(TEXTS, OWNERS, ANSWERS)


def test_codes_are_what_mixes_letters_and_digits_however_it_is_joined() -> None:
    assert [*codes("form dq-18, DQ18 or R62; 2026? 95588 / 5%")] == ["dq18", "dq18", "r62", "95588"]
    assert [*codes("柜员让我填zy06")] == ["zy06"]
    assert not [*codes("open from 9am, 50p each, the 2nd within 30min")]


def test_a_code_in_one_answer_alone_speaks_for_its_faq() -> None:
    assert [*NAMING.weights("the slip says r62")] == [1]
    assert [*NAMING.weights("where is form DQ18")] == [0]


def test_a_name_counts_from_answers_and_if_it_is_no_common_word() -> None:
    assert [*NAMING.weights("who is kestrel")] == [0]
    assert not NAMING.weights("going to ghana")
    assert not NAMING.weights("about limits")


def test_what_two_faqs_name_speaks_for_neither() -> None:
    shared = Naming.of(["See form DQ-18.", "Send form DQ-18."], [0, 1], [True, True])
    assert not shared.weights("DQ-18")


def test_a_question_by_a_code_finds_the_answer_that_has_it() -> None:
    variants = [
        Variant(text, str(owner), "en", is_answer=is_answer)
        for text, owner, is_answer in zip(TEXTS, OWNERS, ANSWERS, strict=True)
    ]
    vectors = np.eye(len(TEXTS), 8, dtype=np.float32)
    index = VariantIndex.build(variants, vectors, {})
    # By its vector and its other words the question is another FAQ's.
    asked = np.float32(0.35) * vectors[4]
    without = index.search("Which limits?", asked, language="en")
    found = index.search("Which limits, R62?", asked, language="en")
    assert without[0].faq_id == "2"
    assert found[0].faq_id == "1"
    assert "1" not in [one.faq_id for one in index.without("1").search("R62", vectors[4])]
