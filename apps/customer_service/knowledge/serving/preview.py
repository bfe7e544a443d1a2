"""What would change: the golden questions, asked with edits and without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.read_before import ReadBefore
from apps.customer_service.data import Example
from apps.customer_service.evaluate import Outcome
from apps.customer_service.knowledge.overlay import difference, with_edits
from apps.customer_service.knowledge.reading import Reader
from apps.customer_service.knowledge.schema import Knowledge


@dataclass(frozen=True)
class Golden:
    """Questions with their labels that nothing learned from, and what the model made of them."""

    examples: Sequence[Example]
    read_before: ReadBefore | None = None


FindGolden = Callable[[Answerer], Golden]


@dataclass(frozen=True)
class Changed:
    """A golden question whose first answer would change; `turns` says whether that is good.

    Attributes:
        before, after: ids of the first FAQ; None: none is found.
        wanted: id of the right one, if it is known.
    """

    question: str
    before: str | None
    after: str | None
    wanted: str | None
    turns: str


@dataclass(frozen=True)
class Preview:
    """What would change, of how many questions that were asked."""

    asked: int
    changed: list[Changed]


def preview(
    base: Answerer, reader: Reader, now: Knowledge, then: Knowledge, golden: Golden
) -> Preview:
    """Ask every golden question with the knowledge as it is, and as it would be."""
    base = replace(base, read_before=golden.read_before)
    before, after = (
        evaluate.run(with_edits(base, one.edited, reader), golden.examples) for one in (now, then)
    )
    changed = [
        Changed(old.example.text, _first(old), _first(new), old.example.faq_id, _turns(old, new))
        for old, new in zip(before, after, strict=True)
        if _first(old) != _first(new)
    ]
    return Preview(len(golden.examples), changed)


def _first(outcome: Outcome) -> str | None:
    return outcome.candidates[0].faq_id if outcome.candidates else None


def _turns(old: Outcome, new: Outcome) -> str:
    if old.is_right == new.is_right:
        return "other"
    return "right" if new.is_right else "wrong"


@dataclass(frozen=True)
class Gain:
    """What training would still gain for an FAQ that is served.

    Attributes:
        is_new: no release was trained on it: it goes by its wordings and a direction fitted to
            them.
        texts: how many texts of it no release has learned.
    """

    is_new: bool
    texts: int


def gains(base: Answerer, knowledge: Knowledge) -> dict[str, Gain]:
    """By id, for every FAQ that the next `learn` or `train` would learn something of."""
    differs = difference(base, knowledge.edited)
    trained = {*base.prototype_ids}
    texts: dict[str, int] = {}
    for variant in differs.added:
        texts[variant.faq_id] = texts.get(variant.faq_id, 0) + 1
    ids = [*texts, *(i for i in differs.faqs if i not in texts and i not in trained)]
    return {i: Gain(i not in trained, texts.get(i, 0)) for i in ids}
