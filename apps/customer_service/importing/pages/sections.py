"""A page → its questions and answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from apps.customer_service.importing.pages.questions import ANSWER, is_question, unnumbered
from apps.customer_service.importing.schema import Block, Page, Rejected
from apps.customer_service.schema import LONGEST_ANSWER, LONGEST_QUESTION, Faq
from common.records.spoken.language import language_of_both
from common.records.text import fold

# Less says nothing: "See below.", "Last updated in May."
SHORTEST_ANSWER = 8
# Text under a heading that does not ask, where others do: shorter, it only leads over to them.
SHORTEST_SECTION = 60
TOP = 0


@dataclass
class _Section:
    """A heading, the text right under it, and the sections below."""

    heading: str
    level: int
    lines: list[str] = field(default_factory=list)
    below: list[_Section] = field(default_factory=list)

    @property
    def asks(self) -> bool:
        return is_question(self.heading)

    def contains_question(self) -> bool:
        return any(one.asks or one.contains_question() for one in self.below)

    def text(self) -> str:
        """The text with the headings that do not ask; those that do answer for themselves."""
        parts = list(self.lines)
        for one in self.below:
            if not one.asks and (said := one.text()):
                parts += [one.heading, said]
        return "\n".join(part for part in parts if part)


def read_sections(page: Page) -> Iterator[Faq | Rejected]:
    """An FAQ for each heading that asks; of a page where none does, one under its title."""
    seen: dict[str, str] = {}
    for question, answer in page.pairs:
        yield from _faq(page, question, answer, seen)
    root = _tree(page)
    yield from _faqs(page, root, seen, among_questions=root.contains_question() or bool(page.pairs))


def _tree(page: Page) -> _Section:
    blocks = _promoted(page.blocks)
    root = _Section(page.title, TOP)
    path = [root]
    for block in blocks:
        if not block.level:
            path[-1].lines.append(block.text)
            continue
        while len(path) > 1 and path[-1].level >= block.level:
            path.pop()
        if not block.text or (len(path) == 1 and block.text == page.title and not root.below):
            continue
        path[-1].below.append(section := _Section(block.text, block.level))
        path.append(section)
    return root


def _promoted(blocks: Sequence[Block]) -> list[Block]:
    """Questions that stand as paragraphs become headings, where no heading asks."""
    if any(block.level and block.level > 1 and is_question(block.text) for block in blocks):
        return list(blocks)
    promoted = [
        Block(block.text, 7)
        if not block.level and "\n" not in block.text and _ends_as_question(block.text)
        else block
        for block in blocks
    ]
    # A question that no text follows was asked in passing.
    return [
        Block(block.text)
        if block.level == 7 and block.text and (after is None or after.level)
        else block
        for block, after in zip_longest(promoted, promoted[1:])
    ]


def _ends_as_question(text: str) -> bool:
    is_asked = text.rstrip().endswith(("?", "？")) or unnumbered(text) != text.strip()
    return is_asked and is_question(text)


def _faqs(
    page: Page, section: _Section, seen: dict[str, str], *, among_questions: bool
) -> Iterator[Faq | Rejected]:
    """The FAQ of a section, then those of the questions below it."""
    text = section.text()
    speaks = section.asks or section.level == TOP or among_questions
    if section.level == TOP and among_questions and not section.asks:
        # Of a page of questions, the title is none: its sections speak for themselves.
        if text := "\n".join(section.lines):
            yield Rejected(page.place, "stands before the first question", text)
        for one in section.below:
            yield from _faqs(page, one, seen, among_questions=True)
        return
    if speaks and text:
        yield from _fitting(page, section, text, seen)
    for one in _asked_below(section):
        yield from _faqs(page, one, seen, among_questions=among_questions)


def _asked_below(section: _Section) -> Iterator[_Section]:
    for one in section.below:
        if one.asks:
            yield one
        else:
            yield from _asked_below(one)


def _fitting(
    page: Page, section: _Section, text: str, seen: dict[str, str]
) -> Iterator[Faq | Rejected]:
    """A section as one FAQ, or, where it is too long, one for each heading in it."""
    heading = section.heading
    if not section.asks and section.level != TOP:
        if len(text) < SHORTEST_SECTION:
            yield Rejected(page.place, "a heading that does not ask, with little text", text)
            return
        heading = f"{page.title}: {heading}" if page.title != heading else heading
    if len(text) <= LONGEST_ANSWER:
        yield from _faq(page, heading, text, seen)
        return
    if own := "\n".join(section.lines):
        yield from _faq(page, heading, own, seen)
    for one in section.below:
        if not one.asks and (said := one.text()):
            named = _Section(f"{section.heading}: {one.heading}", TOP, one.lines, one.below)
            yield from _fitting(page, named, said, seen)


def _faq(page: Page, question: str, answer: str, seen: dict[str, str]) -> Iterator[Faq | Rejected]:
    question, answer = unnumbered(question), ANSWER.sub("", answer).strip()
    if not question or len(answer) < SHORTEST_ANSWER:
        yield Rejected(page.place, "no answer under the question", f"{question}\n{answer}".strip())
    elif len(question) > LONGEST_QUESTION:
        reason = f"a question longer than {LONGEST_QUESTION} characters"
        yield Rejected(page.place, reason, f"{question[:200]}…")
    elif len(answer) > LONGEST_ANSWER:
        reason = f"longer than {LONGEST_ANSWER} characters, and no heading to split it at"
        yield Rejected(page.place, reason, f"{question}\n{answer[:200]}…")
    elif (key := fold(question)) not in seen:
        seen[key] = fold(answer)
        language = language_of_both(question, answer)
        yield Faq(question=question, answer=answer, language=language, url=page.url)
    elif seen[key] != fold(answer):
        yield Rejected(page.place, "asked twice on the page: the first answer is taken", answer)
