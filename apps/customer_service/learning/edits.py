"""What was edited live, as the next release takes it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.data import Example
from apps.customer_service.knowledge.overlay import apply, difference
from apps.customer_service.knowledge.schema import Edited
from apps.customer_service.learning.lessons import Lessons
from apps.customer_service.schema import Faq
from common.records.personal import prepare
from common.records.text import fold


@dataclass(frozen=True)
class LiveEdits:
    """The serving release without what was taken away, and what was added.

    Attributes:
        shown: what answers customers now: the release with all edits.
        serving: the release without texts and FAQs that are gone, with what else was changed.
        lessons: what it learned from, as far as that is not gone.
        faqs: by id, those that are new; also those of which no text may be learned.
        examples: the texts that are new; none that candidates are measured on.
        unsaid: texts, each with its FAQ, that must not be learned, whoever said them.
        removed: ids of FAQs that are served no more, whoever would have them.
    """

    shown: Answerer
    serving: Answerer
    lessons: Lessons
    faqs: Mapping[str, Faq]
    examples: list[Example]
    unsaid: Collection[tuple[str | None, str]]
    removed: Collection[str | None]
    any: bool

    @property
    def values(self) -> list[object]:
        """Plain values that say all that was edited."""
        answered = {i: faq.model_dump(mode="json") for i, faq in sorted(self.shown.faqs.items())}
        taught = [[one.text, one.faq_id] for one in self.examples]
        return [answered, taught, sorted(map(str, self.unsaid)), sorted(map(str, self.removed))]

    def added_to(self, examples: list[Example]) -> list[Example]:
        """All that is new, corrections and edits; nothing that was taken back."""
        allowed = [
            one
            for one in examples
            if one.faq_id not in self.removed and (one.faq_id, one.text) not in self.unsaid
        ]
        known = {(one.faq_id, one.text) for one in allowed}
        return [*allowed, *(e for e in self.examples if (e.faq_id, e.text) not in known)]


def take_edits(serving: Answerer, lessons: Lessons, edited: Mapping[str, Edited]) -> LiveEdits:
    """Set apart what edits take away and what they add."""
    differs = difference(serving, edited)
    own = {i: one.standing.live.own for i, one in edited.items() if one.standing.live}
    changed = {i: own[i] for i in differs.faqs if i in serving.faqs}
    measured = {fold(text) for text in lessons.held_out}
    examples = [
        Example(one.text, one.faq_id, own[one.faq_id].intent)
        for one in differs.added
        if fold(one.text) not in measured
    ]
    faqs = {i: own[i] for i in differs.faqs if i not in serving.faqs}
    unsaid = {(i, prepare(text)) for i, one in edited.items() for text in one.unsaid}
    return LiveEdits(
        shown=apply(serving, differs),
        serving=apply(serving, replace(differs, faqs=changed, added=())),
        lessons=_left(lessons, differs.removed, differs.gone),
        faqs=faqs,
        examples=examples,
        unsaid=unsaid | differs.gone,
        removed={i for i, one in edited.items() if one.standing.live is None},
        any=bool(examples or changed or differs.removed or differs.gone),
    )


def _left(lessons: Lessons, removed: Collection[str], gone: Collection[tuple[str, str]]) -> Lessons:
    """Lessons without those of FAQs that are gone, which have no right answer any more."""

    def left(examples: list[Example]) -> list[Example]:
        return [one for one in examples if one.faq_id not in removed]

    train = [one for one in left(lessons.train) if (one.faq_id, one.text) not in gone]
    validation, test = left(lessons.validation), left(lessons.test)
    return replace(lessons, train=train, validation=validation, test=test)
