"""From what people said to FAQs and examples."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.data import Example
from apps.customer_service.learning.lessons import Lessons
from apps.customer_service.schema import Faq
from common.learning.review import Correction, LeftOut
from common.learning.schema import Feedback
from common.records.fields import content_hash
from common.records.personal import prepare
from common.records.spoken.language import language_of_both
from common.records.text import fold

# Of the sample data's validation questions 99 % have their FAQ among the first so many.
PLAUSIBLE = 10


def split_known(
    rows: Sequence[Feedback], lessons: Lessons, faq_ids: Collection[str]
) -> tuple[list[Feedback], list[str], list[LeftOut]]:
    """Rows to decide on; ids of those that are learned already; rows that cannot be learned.

    A text that candidates are measured on is never learned from.
    """
    known = {(fold(example.text), example.faq_id) for example in lessons.train}
    measured = {fold(text) for text in lessons.held_out}
    open_rows, learned, out = [], [], []
    for row in rows:
        wanted = wanted_faq(row.wanted)
        if (fold(row.text), wanted) in known:
            learned.append(row.id)
        elif wanted is not None and "answer" not in row.wanted and wanted not in faq_ids:
            out.append(LeftOut(row.id, row.text, f"there is no FAQ {wanted!r} any more"))
        elif fold(row.text) in measured:
            out.append(LeftOut(row.id, row.text, "candidates are measured on this question"))
        else:
            open_rows.append(row)
    return open_rows, learned, out


def wanted_faq(wanted: Mapping[str, object]) -> str | None:
    """The id of the FAQ that is wanted; a written answer has that of the FAQ it becomes."""
    if answer := wanted.get("answer"):
        return content_hash(answer)
    return str(wanted["faq_id"]) if wanted.get("faq_id") else None


def implausible(answerer: Answerer, corrections: Sequence[Correction]) -> list[str | None]:
    """A doubt about each correction whose FAQ the search does not find near its text at all.

    That the model was wrong is why it was corrected; but what is right is seldom far away.
    """
    understood = answerer.understand([one.text for one in corrections]) if corrections else []
    doubts: list[str | None] = []
    for one, meaning in zip(corrections, understood, strict=True):
        found = answerer.rank(one.text, meaning, top_k=PLAUSIBLE)[:PLAUSIBLE]
        wanted = wanted_faq(one.wanted)
        near = "answer" in one.wanted or wanted in {candidate.faq_id for candidate in found}
        doubts.append(None if near else "its text is far from the FAQ")
    return doubts


def to_examples(
    corrections: Sequence[Correction], faqs: Mapping[str, Faq]
) -> tuple[dict[str, Faq], list[Example]]:
    """FAQs that are new, and what all corrections teach."""
    new: dict[str, Faq] = {}
    examples = []
    for one in corrections:
        faq_id = str(wanted_faq(one.wanted))
        if faq_id not in faqs and faq_id not in new:
            answer = str(one.wanted["answer"])
            question = str(one.wanted.get("question") or one.text)
            language = language_of_both(question, answer)
            new[faq_id] = Faq(id=faq_id, question=question, answer=answer, language=language)
            sentences = (prepare(sentence) for sentence in new[faq_id].answer_sentences)
            examples += [Example(sentence, faq_id, None) for sentence in sentences]
        intent = faqs[faq_id].intent if faq_id in faqs else None
        examples.append(Example(one.text, faq_id, intent))
    return new, examples
