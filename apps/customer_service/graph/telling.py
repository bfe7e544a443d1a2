"""Answers by the facts of a graph, with the path as their source."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from apps.customer_service.documents.quoting import ASKED, UNSURE
from apps.customer_service.graph.agreeing import contradictions
from apps.customer_service.graph.asking import Asker, Found
from apps.customer_service.graph.schema import FactShown, PathSource
from apps.customer_service.knowledge.contradiction import FaqContradiction
from apps.customer_service.schema import Answer, Faq, Suggestion
from common.console import say
from common.records.graph.contradictions import read_agreeing_graph
from common.records.graph.fact import Stated
from common.records.graph.knowledge_graph import KnowledgeGraph

logger = logging.getLogger(__name__)

# A model that knows nothing of products takes a question about one for talk.
TAKEN_FOR_TALK = frozenset({"smalltalk", "identity"})
AND = {"en": " and ", "zh": "和"}
UNTOLD = "Not answered from the facts, for an FAQ says otherwise"
YES = {"en": "Yes. ", "zh": "是的。"}


def open_facts(path: Path) -> Facts:
    """What answers from a knowledge file.

    Raises:
        UserError: as `read_graph`, or its wording cannot be read.
        RefusedError: rows exclude each other.
    """
    return Facts(read_agreeing_graph(path))


class Facts:
    """What a graph answers, and what it is silent about because an FAQ says otherwise.

    Raises:
        UserError: the vocabulary's wording cannot be read.
    """

    def __init__(self, graph: KnowledgeGraph) -> None:
        self.asker = Asker(graph)
        self._checked: tuple[object, object, list[FaqContradiction]] | None = None

    def contradictions(self, faqs: Iterable[Faq], at: datetime) -> list[FaqContradiction]:
        """FAQs that say otherwise than the facts do."""
        return contradictions(self.asker, faqs, at)

    def say_contradictions(self, faqs: Iterable[Faq]) -> None:
        """Tell of each FAQ that says otherwise, before anything is answered."""
        for one in self.contradictions(faqs, datetime.now(UTC)):
            say(f"{UNTOLD}: {one.text}")

    def or_told(
        self,
        answer: Answer,
        question: str,
        faqs: Mapping[str, Faq],
        *,
        language: str,
        is_known: bool = False,
        at: datetime | None = None,
    ) -> Answer:
        """The answer, or what the facts say in its place.

        An FAQ that the search is sure of stays if it names what is asked about, or if somebody
        labelled these very words; any other one is named in the source.

        Args:
            question: prepared.
            faqs: those that serve.
            is_known: somebody labelled the question.
        """
        at = at or datetime.now(UTC)
        if is_known or not _may_be_told(answer):
            return answer
        found = self.asker.ask(question, at)
        if found is None or self._is_disputed(found, faqs, at):
            return answer
        sure = self._sure_faq(answer, faqs)
        if sure is not None and self._is_about(sure, question, found):
            return answer
        return _told(answer, found, self.asker.graph, language, at, sure)

    def _sure_faq(self, answer: Answer, faqs: Mapping[str, Faq]) -> Faq | None:
        if answer.decision != "answer" or not answer.citations:
            return None
        return faqs.get(answer.citations[0].faq_id)

    def _is_about(self, faq: Faq, question: str, found: Found) -> bool:
        """Whether an FAQ names what is asked about."""
        named = self.asker.mentions.things("\n".join((*faq.variants, faq.answer)))
        asked = self.asker.mentions.things(question) - self.asker.graph.kinds - {*found.things}
        return not named.isdisjoint(asked)

    def _is_disputed(self, found: Found, faqs: Mapping[str, Faq], at: datetime) -> bool:
        """Whether an FAQ says otherwise."""
        places = {row.place for proof in found.proofs for row in proof.stated}
        return any(not places.isdisjoint(one.places) for one in self._against(faqs, at))

    def _against(self, faqs: Mapping[str, Faq], at: datetime) -> Sequence[FaqContradiction]:
        """The contradictions of what serves, found once for each state of it."""
        view, kept = self.asker.graph.at(at), self._checked
        if kept is None or kept[0] is not faqs or kept[1] is not view:
            kept = self._checked = (faqs, view, self.contradictions(faqs.values(), at))
            for one in kept[2]:
                logger.warning("%s: %s", UNTOLD, one.text)
        return kept[2]


def _may_be_told(answer: Answer) -> bool:
    """Whether it was one question, and nobody and no rule decided what becomes of it."""
    is_open = answer.handoff is None or answer.handoff.reason in UNSURE
    is_asked = answer.kind in ASKED or answer.kind in TAKEN_FOR_TALK
    return is_open and is_asked and not answer.parts


def _told(
    answer: Answer,
    found: Found,
    graph: KnowledgeGraph,
    language: str,
    at: datetime,
    sure: Faq | None,
) -> Answer:
    rows = dict.fromkeys(row for proof in found.proofs for row in proof.stated)
    rules = dict.fromkeys(rule for proof in found.proofs for rule in proof.rules)
    path = PathSource(
        facts=[_shown(row, graph, language) for row in rows],
        rules=list(rules),
        as_of=at,
        instead_of=sure and sure.id,
    )
    near = [Suggestion(faq_id=sure.id, question=sure.question, answer=sure.answer)] if sure else []
    update: dict[str, object] = {
        "kind": answer.kind if answer.kind == "correction" else "question",
        "understood_as": None,
        "decision": "answer",
        "answer": _sentence(found, graph, language),
        "only_in": None,
        "confidence": 1.0,
        "citations": [],
        "path": path,
        "suggestions": [*near, *answer.suggestions],
        "handoff": None,
    }
    return answer.model_copy(update=update)


def _sentence(found: Found, graph: KnowledgeGraph, language: str) -> str:
    phrases = found.pattern.phrases
    said = phrases.say_zh if language == "zh" else phrases.say_en
    parts = {
        "{x}": _listed(found.of, graph, language),
        "{found}": _listed(found.things, graph, language),
        "{relation}": graph.vocabulary.label(found.pattern.relation, language),
    }
    # Not by str.format: a name may hold braces.
    for name, value in parts.items():
        said = said.replace(name, value)
    return (YES[language if language in YES else "en"] if found.is_confirmed else "") + said


def _listed(things: Sequence[str], graph: KnowledgeGraph, language: str) -> str:
    names = [graph.names.shown(one, language) for one in things]
    comma = "、" if language == "zh" else ", "
    first = comma.join(names[:-1])
    return first + AND.get(language, AND["en"]) + names[-1] if first else names[-1]


def _shown(row: Stated, graph: KnowledgeGraph, language: str) -> FactShown:
    triple, names = row.triple, graph.names
    label = graph.vocabulary.label(triple.relation, language)
    ends = [names.shown(one, language) for one in (triple.subject, triple.object)]
    return FactShown(
        text=f"{ends[0]} – {label} – {ends[1]}",
        subject=triple.subject,
        relation=triple.relation,
        object=triple.object,
        place=row.place,
        source=row.fact.source,
        valid_until=row.fact.valid_until,
    )
