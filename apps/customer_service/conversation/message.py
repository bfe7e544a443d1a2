"""A message beside what was said before: all that is to be read of it, in one forward pass."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.customer_service.conversation.choosing import chosen
from apps.customer_service.conversation.patterns import AROUND, Patterns
from apps.customer_service.conversation.turns import CHAT, Turn, last_asked, last_understood
from apps.customer_service.schema import LONGEST_QUESTION, Faq
from common.records.spoken.language import likely_language
from common.records.text import language_of

# More than that are read as one: each costs a place in the forward pass.
MOST_SENTENCES = 4
SENTENCE_END = re.compile(r"(?<=[.!?。;])\s+|(?<=[。!?])|\n")
COMMA = re.compile(r"[,、;]\s*|(?<=[.!?。])\s+")
# A dot in a number or an abbreviation ends nothing.
SHORTEST_PART = 2


@dataclass(frozen=True)
class Message:
    """What a customer wrote, taken apart.

    Attributes:
        text: prepared.
        language: its own, or where it has none that of the turn before.
        question: without greeting and thanks; of a correction, what was meant.
        sentences: of `question`.
        spoken: what its commas part: who is wanted, or what danger, is often said in one of them.
        parts: the questions that it joins, two or more; else none.
        clauses: where it has no parts, what may be some.
        before: the last turn that asked something.
        joined_parts: a part, or clause, that goes on → the same after the topic of that turn.
        joined: the question after the topic of that turn, and after the FAQ given or offered first.
        chosen: the FAQ that it chooses of those shown.
        corrects: whether it says that something else was meant.
        not_meant: the FAQs that were given for what it corrects.
    """

    text: str
    language: str
    question: str
    sentences: Sequence[str]
    spoken: Sequence[str]
    parts: Sequence[str]
    clauses: Sequence[str]
    joined_parts: Mapping[str, str]
    before: Turn | None
    joined: Sequence[str]
    chosen: str | None
    corrects: bool
    not_meant: Sequence[str]

    @property
    def texts(self) -> list[str]:
        """Each text that is to be read, once."""
        parts = [*self.parts, *self.clauses, *self.joined_parts.values()]
        read = [self.question, *self.sentences, *self.spoken, *parts, *self.joined]
        return list(dict.fromkeys(read))


def take_apart(
    text: str, history: Sequence[Turn], faqs: Mapping[str, Faq], patterns: Patterns
) -> Message:
    """See what a prepared message consists of.

    Args:
        history: the turns before it, oldest first.
        faqs: those of the release, for what was shown of them.
    """
    before = last_understood(history)
    # "No, thank you" is nothing but courtesy.
    question = text if patterns.kind_of(text) else patterns.without_courtesy(text)
    meant = patterns.meant(text) if before else None
    # That may be a slip of the keyboard, from which nothing goes on.
    corrected = last_asked(history) if meant is not None else None
    if meant is not None and before:
        question = meant or before.topic
    goes_on = before is not None and (meant is not None or patterns.is_short(question))
    parts = [] if meant is not None else parts_of(question, patterns)
    clauses = [] if parts or meant is not None else clauses_of(question, patterns)
    shown = next((turn.shown for turn in reversed(history) if turn.kind not in CHAT), [])
    return Message(
        text=text,
        language=_language(text, history, patterns),
        question=question,
        sentences=sentences_of(question),
        spoken=_spoken(question),
        parts=parts,
        clauses=clauses,
        joined_parts=_joined_parts([*parts, *clauses], before, patterns) if goes_on else {},
        before=before,
        joined=_joined(question, before, faqs) if before and goes_on else [],
        chosen=chosen(text, shown, faqs, patterns) if shown else None,
        corrects=meant is not None,
        not_meant=corrected.answered if corrected else [],
    )


def sentences_of(message: str) -> list[str]:
    """Its sentences, the last ones as one where they are many."""
    found = [part.strip() for part in SENTENCE_END.split(message) if part and part.strip(AROUND)]
    if len(found) <= MOST_SENTENCES:
        return found or [message]
    return [*found[: MOST_SENTENCES - 1], " ".join(found[MOST_SENTENCES - 1 :])]


def _spoken(message: str) -> list[str]:
    found = [
        part.strip() for part in COMMA.split(message) if len(part.strip(AROUND)) >= SHORTEST_PART
    ]
    return found[-MOST_SENTENCES:] if len(found) > 1 else []


def parts_of(message: str, patterns: Patterns) -> list[str]:
    """What it joins, two to four parts; none where nothing is asked or added ("also …")."""
    found = _parted(message, patterns.joins, patterns)
    is_asked = any(patterns.asks.search(part) for part in found)
    return found if is_asked or patterns.adds.search(message) else []


def clauses_of(message: str, patterns: Patterns) -> list[str]:
    """What it may join, by commas and "and", two to four.

    Of a short message where not each asks, only two, one of which does.

    What a clause shares with the one before it is said once: "how do I change my name and my
    address" asks "how do I change my address", too.
    """
    parted = _parted(message, patterns.may_join, patterns)
    found = parted[:1]
    for clause in parted[1:]:
        asks = patterns.asks.search(clause) is not None
        found.append(clause if asks else _completed(clause, found[-1], patterns))
    is_clear = all(map(patterns.asks.search, found)) or not patterns.is_short(message)
    is_asked = any(map(patterns.asks.search, found))
    return found if is_clear or (is_asked and len(found) == 2) else []


def _completed(clause: str, before: str, patterns: Patterns) -> str:
    """A clause after what the one before it asks, up to the word with which the clause begins."""
    begins = re.match(r"[^\W\d_]+", clause)
    if begins is None or not patterns.asks.search(before):
        return clause
    places = [*re.finditer(rf"\b{begins.group()}\b", before, re.IGNORECASE)]
    return before[: places[-1].start()] + clause if places else clause


def _parted(message: str, joint: re.Pattern[str], patterns: Patterns) -> list[str]:
    found = [part.strip() for part in joint.split(message) if part is not None]
    found = [part for part in found if len(part.strip(AROUND)) >= SHORTEST_PART]
    found = [part for part in found if not patterns.says_nothing(part)]
    found = [part for part in found if patterns.kind_of(part) is None]
    while len(found) > MOST_SENTENCES and (untold := _first_told(found, patterns)) is not None:
        found[untold : untold + 2] = [" ".join(found[untold : untold + 2])]
    return found if 2 <= len(found) <= MOST_SENTENCES else []


def _first_told(parts: Sequence[str], patterns: Patterns) -> int | None:
    """The first part, but for the last, that asks nothing: it leads up to the next."""
    told = (n for n, part in enumerate(parts[:-1]) if not patterns.asks.search(part))
    return next(told, None)


def _joined_parts(parts: Sequence[str], before: Turn | None, patterns: Patterns) -> dict[str, str]:
    if before is None:
        return {}
    going_on = [one for one in parts if patterns.goes_on(one) or patterns.is_brief(one)]
    return {one: f"{before.topic} {one}"[:LONGEST_QUESTION] for one in going_on}


def _language(text: str, history: Sequence[Turn], patterns: Patterns) -> str:
    # Small talk is known in English and Chinese alone; "hiya" looks like Waray to an identifier.
    found = language_of(text) if patterns.kind_of(text) else likely_language(text)
    return history[-1].language if found == "other" and history else found


def _joined(question: str, before: Turn, faqs: Mapping[str, Faq]) -> list[str]:
    likeliest = before.on_the_table[:1]
    titles = [faqs[faq_id].question for faq_id in likeliest if faq_id in faqs]
    found = dict.fromkeys([before.topic, *titles])
    return [f"{said} {question}"[:LONGEST_QUESTION] for said in found if said != question]
