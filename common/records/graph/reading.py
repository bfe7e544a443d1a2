"""`knowledge.csv`, or RDF: rows → a graph; what is wrong is told with file, line and field."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.console import say
from common.errors import UserError
from common.records.graph.fact import Fact, Stated, Triple
from common.records.graph.knowledge_graph import KnowledgeGraph, Names, key
from common.records.graph.vocabulary import ALSO_CALLED, Vocabulary, read_vocabulary, spelled
from common.records.reader import OnBadRow, read_records
from common.records.rows import iterate_rows

RDF_SUFFIXES = {".ttl": "turtle", ".nt": "nt"}
COLUMNS = ("subject", "relation", "object")
CHINESE_COLUMNS = ("主语", "关系", "宾语")
# A name so near to a declared one is a slip of the hand.
SLIP = 0.85

Row = tuple[Fact, str]


def is_knowledge(path: Path) -> bool:
    """Whether a file holds facts, rather than a table of an application's own.

    Raises:
        UserError: it is missing, or cannot be read.
    """
    if path.suffix.lower() in RDF_SUFFIXES:
        return True
    _, first = next(iter(iterate_rows(path)), ("", {}))
    columns = {str(name).strip().lower() for name in first} if isinstance(first, dict) else set()
    return columns >= {*COLUMNS} or columns >= {*CHINESE_COLUMNS}


def read_graph(path: Path, on_bad_row: OnBadRow = "fail") -> KnowledgeGraph:
    """Read facts, by a `.toml` of the same name beside them if there is one.

    Args:
        path: a table of subject, relation, object and, if wanted, valid_from, valid_until, source
            and strength; or RDF as Turtle (.ttl) or N-Triples (.nt).

    Raises:
        UserError: the file or its vocabulary is missing or broken, has bad rows, or gives two
            things one name.
    """
    beside = path.with_suffix(".toml")
    vocabulary = read_vocabulary(beside if beside.exists() else None)
    if path.suffix.lower() in RDF_SUFFIXES:
        from common.records.graph.rdf import read_rdf

        rows: Sequence[Row] = read_rdf(path, RDF_SUFFIXES[path.suffix.lower()])
    else:
        records = read_records(path, Fact, on_bad_row=on_bad_row)
        rows = list(zip(records.items, records.short_places, strict=True))
    return build_graph(rows, vocabulary)


def build_graph(rows: Sequence[Row], vocabulary: Vocabulary) -> KnowledgeGraph:
    """Settle the names of things and relations.

    Raises:
        UserError: two things have one name.
    """
    names = _names(rows, vocabulary)
    facts = []
    for fact, place in rows:
        relation = vocabulary.relation(fact.relation)
        if relation == ALSO_CALLED:
            continue
        subject, other = (names.thing(end) or end for end in (fact.subject, fact.object))
        if subject == other:
            raise UserError(
                f"{fact.subject} and {fact.object} are names of one thing, said to be its own "
                f"{relation}",
                where=place,
            )
        facts.append(Stated(Triple(subject, relation, other), fact, place))
    _say_slips(facts, vocabulary)
    return KnowledgeGraph(facts, names, vocabulary)


def _names(rows: Iterable[Row], vocabulary: Vocabulary) -> Names:
    """What everything is called; a thing goes by any of its names in every row."""
    of: dict[str, list[str]] = {}
    things: dict[str, str] = {}

    def thing(name: str) -> str:
        found = things.setdefault(key(name), name)
        of.setdefault(found, [found])
        return found

    others = []
    for fact, place in rows:
        if vocabulary.relation(fact.relation) != ALSO_CALLED:
            others.append(fact)
            continue
        named = thing(fact.subject)
        owner = things.setdefault(key(fact.object), named)
        if owner != named:
            raise UserError(
                f"{fact.object!r} names both {owner} and {named}",
                where=place,
                hint="Leave it out where it is ambiguous, or give one of them another name.",
            )
        of[named].append(fact.object)
    for fact in others:
        thing(fact.subject)
        if vocabulary.relation(fact.relation) in vocabulary.between_things:
            thing(fact.object)
    return Names(of, things)


def _say_slips(facts: Iterable[Stated], vocabulary: Vocabulary) -> None:
    """Point at relations that nobody declared and that are nearly one that is."""
    first: dict[str, str] = {}
    for one in facts:
        if not vocabulary.knows(one.triple.relation):
            first.setdefault(one.triple.relation, one.place)
    for relation, place in first.items():
        near = difflib.get_close_matches(relation, vocabulary.known, n=1, cutoff=SLIP)
        if near:
            say(f"{place}: relation {spelled(relation)!r} is not declared; meant: {near[0]!r}?")
