"""What would change: the golden questions, asked with edits and without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.read_before import ReadBefore
from apps.customer_service.data import Example
from apps.customer_service.evaluate import Outcome
from apps.customer_service.knowledge.overlay import difference, with_edits, without
from apps.customer_service.knowledge.reading import Reader
from apps.customer_service.knowledge.schema import Knowledge


@dataclass(frozen=True)
class Golden:
    """Questions with their labels that nothing learned from, and what the model made of them."""

    examples: Sequence[Example]
    read_before: ReadBefore | None = None


Turns = Literal["right", "wrong", "other"]
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
    turns: Turns


@dataclass(frozen=True)
class Preview:
    """What would change, of how many questions that were asked.

    Attributes:
        as_of: where something of what is thought of is valid only later, when it is.
    """

    asked: int
    changed: list[Changed]
    as_of: datetime | None = None


class Previewer:
    """Asks the golden questions with the knowledge as it is, and as it would be.

    How they are answered now is kept until something changes.
    """

    def __init__(self, find: FindGolden) -> None:
        self._find = find
        self._kept: tuple[Answerer, Knowledge, frozenset[str], list[Outcome]] | None = None

    def preview(self, base: Answerer, reader: Reader, now: Knowledge, then: Knowledge) -> Preview:
        """What would change, by what is valid now, or once all that is thought of has begun.

        Args:
            base: the release that serves, without any edit.
            reader: for it.
        """
        golden = self._find(base)
        asked = replace(base, read_before=golden.read_before)
        time = datetime.now(UTC)
        begins = _begins(now, then, time)
        at = begins or time

        def ask(knowledge: Knowledge) -> list[Outcome]:
            edited = with_edits(asked, knowledge.edited, reader)
            return evaluate.run(without(edited, _hidden(knowledge, at)), golden.examples)

        kept, hidden = self._kept, _hidden(now, at)
        if kept is None or kept[0] is not base or kept[1] != now or kept[2] != hidden:
            kept = self._kept = (base, now, hidden, ask(now))
        pairs = zip(kept[3], ask(then), strict=True)
        changed = [_changed(*pair) for pair in pairs if _matters(*pair)]
        return Preview(len(golden.examples), changed, begins)


def _hidden(knowledge: Knowledge, at: datetime) -> frozenset[str]:
    """Ids of what is not served at a time."""
    return frozenset(i for i, live in knowledge.live.items() if not live.is_valid(at))


def _begins(now: Knowledge, then: Knowledge, time: datetime) -> datetime | None:
    """When all that would be served otherwise is valid, if that is later than a time."""
    served = now.live
    new = (live for i, live in then.live.items() if live != served.get(i))
    later = [live.valid_from for live in new if live.valid_from and live.valid_from > time]
    return max(later, default=None)


def _matters(old: Outcome, new: Outcome) -> bool:
    """Whether a customer would see that another FAQ comes first."""
    is_seen = old.in_scope or "answer" in {old.decision, new.decision}
    return is_seen and _first(old) != _first(new)


def _changed(old: Outcome, new: Outcome) -> Changed:
    was, will = _is_good(old), _is_good(new)
    turns: Turns = "other" if was == will else "right" if will else "wrong"
    return Changed(old.example.text, _first(old), _first(new), old.example.faq_id, turns)


def _first(outcome: Outcome) -> str | None:
    return outcome.candidates[0].faq_id if outcome.candidates else None


def _is_good(outcome: Outcome) -> bool:
    return outcome.is_right if outcome.in_scope else outcome.decision != "answer"


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
