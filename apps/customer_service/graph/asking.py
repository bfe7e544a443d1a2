"""From a question to the facts that answer it, if a graph holds them; nothing is guessed.

The things that a question names are put in slots. A pattern of the vocabulary that fits around a
slot turns both into a new slot with what is found there, until one slot and no other words that
mean anything are left: "which charger fits the successor of {X100}" → "which charger fits {X200}"
→ {C65}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from apps.customer_service.graph.mentions import Mentions
from apps.customer_service.graph.phrasing import (
    FIRST_SLOT,
    FRAME_EN,
    FRAME_ZH,
    SLOT,
    TELLS,
    Pattern,
    patterns,
    telling,
)
from common.records.graph.fact import Triple
from common.records.graph.knowledge_graph import KnowledgeGraph
from common.records.graph.reasoning import Conclusions, Proof
from common.records.graph.vocabulary import IS_A
from common.records.text import CHINESE, normalise

LONGEST_ASKED = 200
MOST_STEPS = 6
MOST_TOLD = 12
TWO_SLOTS = re.compile(f"({SLOT}) ?({SLOT})")


@dataclass(frozen=True)
class Slot:
    """Things that stand in a question: named, or found by a pattern.

    Attributes:
        triples: what is known of them, that of the last step last.
        of: what the pattern stood around.
        is_confirmed: the question named them, and asked whether it is so.
    """

    things: tuple[str, ...]
    triples: tuple[Triple, ...] = ()
    pattern: Pattern | None = None
    of: tuple[str, ...] = ()
    is_confirmed: bool = False


@dataclass(frozen=True)
class Found:
    """What a question asks for, and what of the graph says so.

    Attributes:
        of: what is asked about.
        things: the answer.
        is_confirmed: the question named the answer: it is "yes".
    """

    pattern: Pattern
    of: tuple[str, ...]
    things: tuple[str, ...]
    proofs: tuple[Proof, ...]
    is_confirmed: bool


Slots = Mapping[str, Slot]


class Asker:
    """Answers questions from a graph.

    Raises:
        UserError: the vocabulary's wording cannot be read.
    """

    def __init__(self, graph: KnowledgeGraph) -> None:
        self.graph = graph
        self.mentions = Mentions(graph)
        stated = {one.triple.relation for one in graph.facts}
        relations = stated | {*graph.vocabulary.wording}
        self._patterns = patterns(graph.vocabulary, frozenset(relations))
        self._telling = telling(graph.vocabulary)

    def ask(self, question: str, at: datetime) -> Found | None:
        """What answers a question at a time; None where it is not wholly understood."""
        view = self.graph.at(at)
        text, slots = self._reduced(question, view)
        if not slots:
            return None
        framed = FRAME_EN.fullmatch(text) or FRAME_ZH.fullmatch(text)
        slot = slots[framed["s"]] if framed else None
        return _found(slot, view) if slot else None

    def tells(self, sentence: str, at: datetime) -> list[tuple[Found, str]]:
        """What a sentence says another thing is: "the successor of {X100} is {X300}"."""
        view = self.graph.at(at)
        text, slots = self._reduced(sentence, view)
        pairs = []
        for match in TELLS.finditer(text):
            slot = slots[match["s"] or match["s2"]]
            other = slots[match["y"] or match["y2"]]
            found = _found(slot, view)
            if found and other.pattern is None:
                pairs.append((found, other.things[0]))
        return pairs

    def values_told(self, sentence: str, at: datetime) -> list[tuple[Found, str]]:
        """What a sentence gives a value for, and what stands behind that: "{X} costs £12"."""
        view = self.graph.at(at)
        text, slots = self._slotted(sentence)
        pairs = []
        for pattern in self._telling:
            for match in pattern.regex.finditer(text):
                slot = _follow(pattern, match, slots, view)
                if slot and (found := _found(slot, view)):
                    pairs.append((found, text[match.end() :]))
        return pairs

    def _slotted(self, sentence: str) -> tuple[str, dict[str, Slot]]:
        """The things that a text names, in slots."""
        text = normalise(sentence).lower()
        slots: dict[str, Slot] = {}
        for one in reversed(self.mentions.find(text)):
            text = text[: one.start] + _put(slots, Slot((one.thing,))) + text[one.end :]
        return text, slots

    def _reduced(self, question: str, view: Conclusions) -> tuple[str, dict[str, Slot]]:
        text, slots = self._slotted(question)
        if len(text) > LONGEST_ASKED:
            return text, {}
        if slots and CHINESE.search(text):
            text = text.replace(" ", "")
        text = _without_kinds(text, slots, view)
        for _ in range(MOST_STEPS if slots else 0):
            best: tuple[re.Match[str], Slot] | None = None
            for pattern in self._patterns:
                for match in pattern.regex.finditer(text):
                    is_longer = best is None or len(match[0]) > len(best[0][0])
                    if is_longer and (slot := _follow(pattern, match, slots, view)):
                        best = match, slot
            if best is None:
                break
            match, slot = best
            text = text[: match.start()] + _put(slots, slot) + text[match.end() :]
        return text, slots


def _put(slots: dict[str, Slot], slot: Slot) -> str:
    name = chr(FIRST_SLOT + len(slots))
    slots[name] = slot
    return name


def _without_kinds(text: str, slots: Slots, view: Conclusions) -> str:
    """A thing with its kind beside it is the thing: "the X200 vacuum"."""

    def joined(match: re.Match[str]) -> str:
        one, other = (slots[match[n]].things[0] for n in (1, 2))
        if Triple(one, IS_A, other) in view:
            return match[1]
        return match[2] if Triple(other, IS_A, one) in view else match[0]

    return TWO_SLOTS.sub(joined, text)


def _follow(pattern: Pattern, match: re.Match[str], slots: Slots, view: Conclusions) -> Slot | None:
    """What a pattern finds around its slot; None where that is nothing."""
    groups = match.groupdict()
    of = slots[groups["x"]]
    kind, named = (slots[groups[g]] if groups.get(g) else None for g in ("k", "y"))
    triples = []
    for thing in of.things:
        if pattern.side == "objects":
            found = view.objects(thing, pattern.relation)
            triples += [Triple(thing, pattern.relation, one) for one in found]
        else:
            found = view.subjects(pattern.relation, thing)
            triples += [Triple(one, pattern.relation, thing) for one in found]
    kept: dict[str, Triple] = {}
    having: set[str] = set()
    kinds: list[Triple] = []
    for triple in triples:
        ends = triple.subject, triple.object
        asked, one = ends if pattern.side == "objects" else ends[::-1]
        if kind is not None:
            is_a = Triple(one, IS_A, kind.things[0])
            if is_a not in view:
                continue
            kinds.append(is_a)
        if named is None or one in named.things:
            kept.setdefault(one, triple)
            having.add(asked)
    # "Yes" is said of all that is asked about, and anything else of that which has it.
    is_of_all = having.issuperset(of.things)
    if not kept or len(kept) > MOST_TOLD or (named is not None and not is_of_all):
        return None
    return Slot(
        tuple(kept),
        (*of.triples, *kept.values(), *dict.fromkeys(kinds)),
        pattern,
        tuple(one for one in of.things if one in having),
        is_confirmed=named is not None,
    )


def _found(slot: Slot, view: Conclusions) -> Found | None:
    if slot.pattern is None:
        return None
    proofs = tuple(view.prove(triple) for triple in dict.fromkeys(slot.triples))
    return Found(slot.pattern, slot.of, slot.things, proofs, slot.is_confirmed)
