"""Questions that a graph answers, those that it must leave alone, and what FAQs say otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.customer_service.graph.agreeing import contradictions
from apps.customer_service.graph.asking import Asker
from apps.customer_service.graph.telling import Facts
from apps.customer_service.schema import Answer, Citation, Faq, Handoff
from common.errors import UserError
from common.records.graph.reading import read_graph

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROWS = """subject,relation,object,valid_until,source
X100,is a,vacuum,,
X200,is a,vacuum,,
vacuum,also called,吸尘器,,
X200,also called,清风X200,,
X200,successor of,X100,,https://shop.example/x200
C65,is a,charger,,
C30,is a,charger,,
charger,also called,充电器,,
C65,accessory of,X200,,List 2026
C30,accessory of,X100,,
HF-2,is a,filter,,
HF-2,accessory of,X200,2026-01-31,
DK-1,accessory of,X200,,
DK-1,requires,C65,,
X200,warranty,36 months,,
36 months,also called,36个月,,
Plus account,monthly fee,£12 a month,,
Classic account,monthly fee,free,,
free,also called,免费,,
"""
VOCABULARY = """
functional = ["warranty"]
[names]
warranty = ["保修期"]
[wording."monthly fee".objects]
en = ["how much is {x}"]
tells = ["{x} costs"]
"""


@pytest.fixture
def asker(tmp_path: Path) -> Asker:
    path = tmp_path / "knowledge.csv"
    path.write_text(ROWS, encoding="utf-8")
    path.with_suffix(".toml").write_text(VOCABULARY, encoding="utf-8")
    return Asker(read_graph(path))


def test_yes_is_said_of_all_that_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.csv"
    path.write_text(
        "subject,relation,object\nX200,successor of,X100\nX300,successor of,X100\n"
        "C65,accessory of,X200\nC65,is a,charger\n",
        encoding="utf-8",
    )
    asker = Asker(read_graph(path))
    assert asker.ask("Does the C65 fit the successor of the X100?", NOW) is None
    found = asker.ask("Which charger fits the successor of the X100?", NOW)
    assert found is not None
    assert found.of == ("X200",)


def test_another_number_is_not_the_same_value(asker: Asker) -> None:
    faq = Faq(id="w", question="What's the warranty on the X200?", answer="136 months.")
    (found,) = contradictions(asker, [faq], NOW)
    assert found.facts_say == ["36 months"]


@pytest.mark.parametrize(
    ("question", "things"),
    [
        ("Which charger fits the X200?", {"C65"}),
        ("Hi, could you tell me what the successor of the X100 is?", {"X200"}),
        ("what is the X100's successor", {"X200"}),
        ("Which charger fits the successor of my X100 vacuum?", {"C65"}),
        ("X100 的后继型号是什么", {"X200"}),
        ("请问X100的后继型号用什么充电器呢？", {"C65"}),
        ("What did the X200 replace?", {"X100"}),
        ("清风X200有哪些配件？", {"C65", "DK-1"}),
        ("Does the C65 fit the X200?", {"C65"}),
        ("What's the warranty on the “X200”?", {"36 months"}),
        ("X200的保修期是多久", {"36 months"}),
        ("what does the DK-1 need", {"C65"}),
        # What is not known is not said, and neither is what ran out.
        ("Does the C30 fit the X200?", None),
        ("Which filter fits the X200?", None),
        ("Which cable fits the X200?", None),
        ("What is the successor of the X2000?", None),
        # Something else is asked.
        ("Can I return the charger that fits the X200?", None),
        ("Is the successor of the X100 any good?", None),
        ("When does the successor of the X100 come out?", None),
        ("My X200 is broken", None),
        ("X200坏了怎么办", None),
        ("What is the X200?", None),
        # Not tried in every combination of words.
        ("想问" * 80 + "X200坏了", None),
        ("ok so " * 25 + "X200 broke", None),
        ("", None),
    ],
)
def test_a_question_is_answered_in_full_or_not_at_all(
    asker: Asker, question: str, things: set[str] | None
) -> None:
    found = asker.ask(question, NOW)
    assert (found and {*found.things}) == things


@pytest.mark.parametrize(
    ("question", "answer", "says"),
    [
        ("Which charger fits the X200?", "The C30 charger does.", ["C30"]),
        ("Which charger fits the X200?", "The C65, or the older C30.", None),
        ("Which charger fits the X200?", "Ask in the shop about the X200.", None),
        ("What is the warranty of the X200?", "24 months from the day you buy it.", ["24 month"]),
        ("What is the warranty of the X200?", "Three years; claim within 30 days.", None),
        ("X200的保修期是多久？", "保修期为两年。", ["24 month"]),
        ("Is the X100 still sold?", "No. The successor of the X100 is the C30.", ["C30"]),
        ("Is the X100 still sold?", "No. The successor of the X100 is the X200.", None),
        ("What do accounts cost?", "The Plus account costs £15 a month.", ["15 money"]),
        ("What do accounts cost?", "The Plus account costs £12, the first month is £0.", None),
        ("How much is the Plus account?", "Plus is £12 a month, Classic is free.", None),
        ("How do I pay?", "By card.", None),
    ],
)
def test_an_faq_that_says_otherwise_is_found(
    asker: Asker, question: str, answer: str, says: list[str] | None
) -> None:
    found = contradictions(asker, [Faq(question=question, answer=answer)], NOW)
    assert [one.faq_says for one in found] == ([] if says is None else [says])
    ran_out = Faq(question=question, answer=answer, valid_until=datetime(2026, 1, 1, tzinfo=UTC))
    assert contradictions(asker, [ran_out], NOW) == []


def answer(**values: object) -> Answer:
    usual = {
        "id": "1",
        "release_id": "r",
        "decision": "handoff",
        "answer": None,
        "confidence": 0.2,
        "intent": None,
        "citations": [],
        "suggestions": [],
        "handoff": Handoff(reason="not_sure"),
        "timings_ms": {},
    }
    return Answer.model_validate({**usual, **values})


def sure(faq: Faq) -> Answer:
    cited = [Citation(faq_id=faq.id, question=faq.question, score=0.9)]
    return answer(decision="answer", answer=faq.answer, citations=cited, handoff=None)


def test_the_path_is_the_source_of_what_is_told(asker: Asker) -> None:
    facts = Facts(asker.graph)
    question = "Which charger fits the successor of the X100?"
    told = facts.or_told(answer(), question, {}, language="en", at=NOW)
    assert (told.decision, told.answer) == ("answer", "Accessories of X200: C65.")
    assert told.path is not None
    assert [(one.place, one.source) for one in told.path.facts] == [
        ("knowledge.csv:6", "https://shop.example/x200"),
        ("knowledge.csv:10", "List 2026"),
        ("knowledge.csv:7", None),
    ]
    chinese = facts.or_told(answer(), "X200的保修期是多久", {}, language="zh", at=NOW)
    assert chinese.answer == "清风X200，保修期：36个月。"
    yes = facts.or_told(answer(), "Does the C65 fit the X200?", {}, language="en", at=NOW)
    assert yes.answer == "Yes. Accessories of X200: C65."


def test_an_faq_about_it_stays_and_one_about_something_else_is_named(asker: Asker) -> None:
    facts, question = Facts(asker.graph), "Which charger fits the X200?"
    about = Faq(id="about", question="X200: which charger?", answer="The C65, in white.")
    other = Faq(id="other", question="Which charger fits the X100?", answer="The C30.")
    faqs = {one.id: one for one in (about, other)}
    assert facts.or_told(sure(about), question, faqs, language="en", at=NOW).path is None
    told = facts.or_told(sure(other), question, faqs, language="en", at=NOW)
    assert told.answer == "Accessories of X200: C65."
    assert told.path is not None
    assert told.path.instead_of == "other"
    assert [one.faq_id for one in told.suggestions] == ["other"]
    known = facts.or_told(sure(other), question, faqs, language="en", is_known=True, at=NOW)
    assert known.path is None


def test_nothing_is_told_that_an_faq_contradicts_or_that_is_a_person_s(asker: Asker) -> None:
    facts, question = Facts(asker.graph), "Which charger fits the X200?"
    against = Faq(id="a", question=question, answer="The C30.")
    told = facts.or_told(answer(), question, {"a": against}, language="en", at=NOW)
    assert told.decision == "handoff"
    same = facts.or_told(answer(), "What does the C65 fit?", {"a": against}, language="en", at=NOW)
    assert same.decision == "handoff", "it is the same fact, asked from its other end"
    others = "What accessories does the X100 have?"
    assert facts.or_told(answer(), others, {"a": against}, language="en", at=NOW).path is not None
    wanted = answer(handoff=Handoff(reason="wants_person"), kind="wants_person")
    assert facts.or_told(wanted, question, {}, language="en", at=NOW).path is None


@pytest.mark.parametrize("wording", ["successor of", "(successor of {x}", "{x} a{9999999999}"])
def test_wording_that_cannot_be_read_is_refused(tmp_path: Path, wording: str) -> None:
    path = tmp_path / "knowledge.csv"
    path.write_text("subject,relation,object\nA,price,£5\n", encoding="utf-8")
    text = f'[wording.price.objects]\nen = ["{wording}"]\n'
    path.with_suffix(".toml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="wording of 'price'"):
        Asker(read_graph(path))
