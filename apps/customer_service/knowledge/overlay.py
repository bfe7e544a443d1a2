"""A release with edits of its knowledge: the same model, other FAQs; nothing is trained."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.retrieval import Variant, VariantIndex
from apps.customer_service.answers.wordings import bare
from apps.customer_service.knowledge.reading import Reader
from apps.customer_service.knowledge.schema import Edited, same
from apps.customer_service.schema import Faq
from common.records.personal import prepare


@dataclass(frozen=True)
class Difference:
    """What a release lacks of the edits, and what it holds too much.

    Attributes:
        faqs: by id, those that are new or changed.
        removed: ids that are served no more.
        added: texts by which FAQs are to be found.
        gone: texts by which FAQs are not to be found any more, by the FAQ.
        settled: wordings, bare, that a trusted correction gave to one FAQ alone.
    """

    faqs: Mapping[str, Faq] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    added: Sequence[Variant] = ()
    gone: frozenset[tuple[str, str]] = frozenset()
    settled: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.faqs or self.removed or self.added or self.gone)


def texts_of(faq: Faq) -> list[str]:
    """The texts by which an FAQ is found, as they are searched: its wordings and its answer's."""
    found = (prepare(text) for text in [*faq.variants, *faq.answer_sentences])
    return [text for text in dict.fromkeys(found) if text]


def difference(answerer: Answerer, edited: Mapping[str, Edited]) -> Difference:
    """What is to be done to a release so that it serves the edits; nothing for what it holds."""
    if answerer.index is None or not edited:
        return Difference()
    here: dict[str, set[str]] = {faq_id: set() for faq_id in edited}
    for variant in answerer.index.variants:
        if variant.faq_id in here:
            here[variant.faq_id].add(variant.text)
    faqs, removed, added, gone = {}, set(), [], set()
    settled: dict[str, str] = {}
    for faq_id, one in edited.items():
        held, live = answerer.faqs.get(faq_id), one.standing.live
        if live is None:
            if held is not None:
                removed.add(faq_id)
            continue
        faq = live.served
        texts = texts_of(faq)
        if not (same(held, live.own) or same(held, faq)):
            faqs[faq_id] = faq
        language = faq.language or "other"
        said = {*map(prepare, faq.answer_sentences)}
        added += [
            Variant(text, faq_id, language, is_answer=text in said)
            for text in texts
            if text not in here[faq_id]
        ]
        was = {*(texts_of(held) if held else ()), *map(prepare, one.unsaid)}
        gone |= {(faq_id, text) for text in was - {*texts} if text in here[faq_id]}
        settled |= {bare(prepare(text)): faq_id for text in live.heard}
    for variant in answerer.index.variants if settled else ():
        if settled.get(bare(variant.text), variant.faq_id) != variant.faq_id:
            gone.add((variant.faq_id, variant.text))
    return Difference(faqs, frozenset(removed), added, frozenset(gone), settled)


def with_edits(
    answerer: Answerer, edited: Mapping[str, Edited], reader: Reader | None = None
) -> Answerer:
    """The answerer as if it had been trained on the edits, as far as that goes without training.

    A release of intents alone stays as it is.

    Args:
        edited: by id, how FAQs stand.
        reader: for this answerer; it remembers what it has read.
    """
    return apply(answerer, difference(answerer, edited), reader)


def apply(answerer: Answerer, differs: Difference, reader: Reader | None = None) -> Answerer:
    """The answerer with a difference made good."""
    if not differs or answerer.index is None:
        return answerer
    kept = {i: faq for i, faq in answerer.faqs.items() if i not in differs.removed}
    faqs = {**kept, **differs.faqs}
    is_found_the_same = not (differs.added or differs.gone or differs.removed)
    if is_found_the_same and not _languages_change(answerer, differs.faqs):
        return replace(answerer, faqs=faqs)
    index = _index(answerer.index, differs, reader or Reader(answerer))
    return replace(answerer, faqs=faqs, index=index)


def without(answerer: Answerer, hidden: Collection[str]) -> Answerer:
    """The answerer as if it had no FAQ of these ids."""
    if not hidden or answerer.index is None:
        return answerer
    faqs = {i: faq for i, faq in answerer.faqs.items() if i not in hidden}
    return replace(answerer, faqs=faqs, index=answerer.index.without(*hidden))


def _index(index: VariantIndex, differs: Difference, reader: Reader) -> VariantIndex:
    rows = [
        row
        for row, variant in enumerate(index.variants)
        if variant.faq_id not in differs.removed
        and (variant.faq_id, variant.text) not in differs.gone
    ]
    languages = {faq_id: faq.language or "other" for faq_id, faq in differs.faqs.items()}
    variants = [
        replace(variant, language=languages.get(variant.faq_id, variant.language))
        for variant in (index.variants[row] for row in rows)
    ]
    vectors = index.vectors[rows]
    if differs.added:
        added = reader.vectors([variant.text for variant in differs.added])
        variants, vectors = [*variants, *differs.added], np.concatenate([vectors, added])
    directions = reader.directions(differs.faqs.keys(), variants, vectors)
    return VariantIndex.build(variants, vectors, directions)


def _languages_change(answerer: Answerer, faqs: Mapping[str, Faq]) -> bool:
    return any(
        answerer.faqs[faq_id].language != faq.language
        for faq_id, faq in faqs.items()
        if faq_id in answerer.faqs
    )
