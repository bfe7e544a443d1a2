"""Whether FAQs and facts say the same of what both speak of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from apps.customer_service.generation.quantities import Quantity, quantities
from apps.customer_service.graph.asking import Asker, Found
from apps.customer_service.knowledge.contradiction import FaqContradiction
from apps.customer_service.schema import Faq
from common.records.graph.vocabulary import IS_A
from common.records.text import fold, normalise

# What a value is compared in.
SMALLER = {"year": (12, "month"), "week": (7, "day"), "hour": (60, "minute")}
# A value stands so near behind what it is the value of.
REACH = 40

Value = tuple[str, str]


def contradictions(asker: Asker, faqs: Iterable[Faq], at: datetime) -> list[FaqContradiction]:
    """Every FAQ, valid at a time, that says otherwise than the facts do.

    An FAQ asks what a fact answers, and names another thing or value of the same kind and not the
    fact's; or one of its sentences says outright that something else is so. An FAQ that names
    nothing of the kind says nothing against a fact.
    """
    return [
        found
        for faq in faqs
        if faq.is_valid(at) and asker.mentions.things(f"{faq.question}\n{faq.answer}")
        for found in _of(asker, faq, at)
    ]


def _of(asker: Asker, faq: Faq, at: datetime) -> list[FaqContradiction]:
    found: dict[str, FaqContradiction] = {}
    for one, said in [*_answers(asker, faq, at), *_statements(asker, faq, at)]:
        asked = f"{', '.join(one.of)}: {one.pattern.relation}"
        told = FaqContradiction(
            faq_id=faq.id,
            asked=asked,
            faq_says=sorted(said),
            facts_say=list(one.things),
            places=_places(asker, one),
        )
        found.setdefault(asked, told)
    return list(found.values())


def _places(asker: Asker, found: Found) -> list[str]:
    """The rows that state what is asked for, rather than kinds and parts beside it."""
    relation, pairs = found.pattern.relation, asker.graph.vocabulary.inverse.items()
    same = {relation, *(one for pair in pairs if relation in pair for one in pair)}
    rows = [row for proof in found.proofs for row in proof.stated]
    stating = [row for row in rows if row.triple.relation in same] or rows
    return list(dict.fromkeys(row.place for row in stating))


def _answers(asker: Asker, faq: Faq, at: datetime) -> Iterator[tuple[Found, set[str]]]:
    """What its question asks for, beside what its answer names instead."""
    for wording in faq.variants:
        found = asker.ask(wording, at)
        if found is None or found.is_confirmed:
            continue
        if not _says(asker, found, faq.answer):
            named = asker.mentions.things(faq.answer)
            others = {one for one in named - {*found.of} if _may_answer(asker, found, one, at)}
            if others := others or _other_values(asker, found, faq.answer):
                yield found, others


def _says(asker: Asker, found: Found, text: str) -> bool:
    """Whether a text names one of the things, or a value that is the same."""
    if not asker.mentions.things(text).isdisjoint(found.things):
        return True
    said = {_value(one) for one in quantities(text)}
    for one in found.things:
        values = _values(asker, one)
        # 36 months stand in "136 months", too.
        if not said.isdisjoint(values) or (not values and fold(one) in fold(text)):
            return True
    return False


def _may_answer(asker: Asker, found: Found, thing: str, at: datetime) -> bool:
    """Whether a thing is of the kind that is asked for."""
    graph, view = asker.graph, asker.graph.at(at)
    if thing in graph.kinds:
        return False
    kinds = {kind for one in found.things for kind in view.objects(one, IS_A)}
    own = set(view.objects(thing, IS_A))
    return bool(kinds & own) if kinds else thing in graph.related([found.pattern.relation])


def _other_values(asker: Asker, found: Found, text: str) -> set[str]:
    """Values in a text with the unit of what is asked for, where none of them is that."""
    if found.pattern.relation in asker.graph.vocabulary.between_things:
        return set()
    wanted = {value for one in found.things for value in _values(asker, one)}
    said = {_value(one) for one in quantities(text)}
    if not wanted or wanted & said:
        return set()
    units = {unit for _, unit in wanted}
    return {" ".join(one) for one in said if one[1] in units}


def _statements(asker: Asker, faq: Faq, at: datetime) -> Iterator[tuple[Found, set[str]]]:
    """What its sentences say outright."""
    for sentence in faq.answer_sentences:
        for found, other in asker.tells(sentence, at):
            if other not in found.things:
                yield found, {other}
        for found, rest in asker.values_told(sentence, at):
            if others := _other_values(asker, found, _first_clause(rest)):
                yield found, others


def _first_clause(text: str) -> str:
    return re.split(r"[;,；，。]| and | but ", text[:REACH])[0]


def _values(asker: Asker, thing: str) -> set[Value]:
    names = asker.graph.names.of.get(thing, [thing])
    return {_value(one) for name in names for one in quantities(normalise(name))[:1]}


def _value(one: Quantity) -> Value:
    """A quantity in the smaller unit, so that three years are 36 months."""
    times, unit = SMALLER.get(one.unit, (1, one.unit))
    # What is free is so in every currency.
    unit = "money" if one.kind == "money" else unit
    try:
        return f"{float(one.value) * times:g}", unit or one.kind
    except ValueError:
        return one.value, unit or one.kind
