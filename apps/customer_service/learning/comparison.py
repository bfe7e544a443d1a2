"""A candidate beside the release that serves, question by question."""

from __future__ import annotations

from collections.abc import Sequence

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.data import Example
from apps.customer_service.evaluate import Outcome
from apps.customer_service.learning.groups import GROUPING
from apps.customer_service.learning.knowledge import with_knowledge
from apps.customer_service.learning.lessons import Lessons
from apps.customer_service.schema import Faq
from common.learning.candidates import comparison as comparing
from common.learning.candidates.comparison import Comparison, Judged
from common.records.personal import prepare

# With fewer corrections a figure over those held out says nothing.
FEWEST_FOR_FOLDS = 10
FOLDS = 2


def compare(
    serving: Answerer,
    candidate: Answerer,
    lessons: Lessons,
    faqs: dict[str, Faq],
    examples: Sequence[Example],
    by: Sequence[str],
    *,
    shown: Answerer | None = None,
) -> Comparison:
    """Both on golden questions and on the corrected ones.

    Args:
        faqs: those that are new, by id.
        examples: what the candidate learned beyond the serving release.
        by: see `GROUPING`.
        shown: the serving release as it answers now, with what was edited live.
    """
    before = evaluate.run(shown or serving, lessons.golden)
    after = evaluate.run(candidate, lessons.golden)
    asked = [e for e in examples if not _is_sentence(e, faqs)]
    held_out = len(asked) >= FEWEST_FOR_FOLDS
    old = evaluate.run(serving, asked)
    new = _held_out(serving, faqs, examples, asked) if held_out else evaluate.run(candidate, asked)
    return comparing.compare(
        _judged(before, after, by), _judged(old, new, ()), new_is_held_out=held_out
    )


def _judged(before: Sequence[Outcome], after: Sequence[Outcome], by: Sequence[str]) -> list[Judged]:
    """Questions that have an answer; those that have none are in what is promised."""
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old.in_scope]
    groups = GROUPING.assign([old.example for old, _ in pairs], by)
    return [
        Judged(old.example.text, old.is_right, new.is_right, some)
        for (old, new), some in zip(pairs, groups, strict=True)
    ]


def _held_out(
    serving: Answerer, faqs: dict[str, Faq], examples: Sequence[Example], asked: Sequence[Example]
) -> list[Outcome]:
    """Each corrected question, read by a candidate that learned from the other half."""
    outcomes: dict[int, Outcome] = {}
    for fold in range(FOLDS):
        own = [i for i in range(len(asked)) if i % FOLDS == fold]
        texts = {asked[i].text for i in own}
        others = [example for example in examples if example.text not in texts]
        known = {faq_id: faqs[faq_id] for faq_id in faqs if _has_text(faq_id, others)}
        half = with_knowledge(serving, known, others)
        found = evaluate.run(half, [asked[i] for i in own])
        outcomes |= dict(zip(own, found, strict=True))
    return [outcomes[i] for i in range(len(asked))]


def _has_text(faq_id: str, examples: Sequence[Example]) -> bool:
    return any(example.faq_id == faq_id for example in examples)


def _is_sentence(example: Example, faqs: dict[str, Faq]) -> bool:
    """Whether it is of a new FAQ's answer, and nobody's question."""
    faq = faqs.get(example.faq_id or "")
    return faq is not None and example.text in map(prepare, faq.answer_sentences)
