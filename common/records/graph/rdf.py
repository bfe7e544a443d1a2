"""RDF as Turtle or N-Triples, by rdflib.

A triple becomes a fact under the labels (`rdfs:label`, `skos:prefLabel`) of its ends, or else the
last part of their addresses; further labels, and `skos:altLabel`, are names. How long a fact holds
and who says so stands in a statement about it (`rdf:Statement`, with `schema:validFrom`,
`schema:validThrough` and `dcterms:source`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from common.console import say
from common.errors import UserError, reason_of
from common.files import check_readable
from common.records.graph.fact import Fact
from common.records.graph.vocabulary import ALSO_CALLED, IS_A

# "successorOf" → "successor of".
WORD_BEGINS = re.compile(r"(?<=[a-z])(?=[A-Z])")


def read_rdf(path: Path, form: str) -> list[tuple[Fact, str]]:
    """The facts of a file, sorted; its place is the file and the number of the fact.

    Args:
        form: rdflib's name of the format.

    Raises:
        UserError: rdflib is not installed, or the file is no RDF of that format.
    """
    check_readable(path)
    try:
        import rdflib
    except ImportError:
        raise UserError(
            "RDF needs rdflib", where=str(path), hint="Install it: pip install 'bizlm[graph]'"
        ) from None

    graph = rdflib.Graph()
    try:
        graph.parse(path, format=form)
    except Exception as error:
        # rdflib raises what its parsers happen to raise.
        raise UserError(f"not readable as {form}: {error}", where=str(path)) from None
    return _Reading(graph, rdflib, path).facts()


class _Reading:
    def __init__(self, graph: Any, rdflib: Any, path: Path) -> None:
        names = rdflib.namespace
        schemas = [rdflib.Namespace(f"{scheme}://schema.org/") for scheme in ("https", "http")]
        self._graph, self._rdflib, self._path = graph, rdflib, path
        self._rdf = names.RDF
        self._labels = (names.RDFS.label, names.SKOS.prefLabel, names.SKOS.altLabel)
        self._about = {
            "valid_from": [one.validFrom for one in schemas],
            "valid_until": [
                *(one.validThrough for one in schemas),
                *(one.validUntil for one in schemas),
            ],
            "source": (names.DCTERMS.source,),
        }

    def facts(self) -> list[tuple[Fact, str]]:
        statements = self._statements()
        inside = {one for one, _, _ in self._graph.triples((None, self._rdf.type, None))
                  if (one, self._rdf.type, self._rdf.Statement) in self._graph}  # fmt: skip
        rows: list[dict[str, Any]] = []
        unnamed = 0
        for subject, relation, other in sorted(self._graph, key=lambda one: tuple(map(str, one))):
            if subject in inside:
                continue
            if any(isinstance(end, self._rdflib.BNode) for end in (subject, other)):
                unnamed += 1
                continue
            row = {"subject": self._name(subject), "object": self._name(other)}
            if relation in self._labels:
                if row["object"] != row["subject"]:
                    rows.append({**row, "relation": ALSO_CALLED})
                continue
            called = IS_A if relation == self._rdf.type else self._name(relation)
            more = statements.get((subject, relation, other), {})
            rows.append({**row, "relation": called, **more})
        if unnamed:
            say(f"{self._path}: left out, for an end of them has no name: {unnamed} triples")
        return [self._fact(row, number) for number, row in enumerate(rows, 1)]

    def _fact(self, row: dict[str, Any], number: int) -> tuple[Fact, str]:
        place = f"{self._path.name}#{number}"
        try:
            return Fact.model_validate(row), place
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "row"
            said = f"{row['subject']} – {row['relation']} – {row['object']}"
            raise UserError(f"{field}: {reason_of(first)} ({said})", where=place) from None

    def _statements(self) -> dict[tuple[Any, Any, Any], dict[str, str]]:
        """Triple → what is said about it."""
        found = {}
        for one in self._graph.subjects(self._rdf.type, self._rdf.Statement):
            parts = (self._rdf.subject, self._rdf.predicate, self._rdf.object)
            triple = tuple(self._graph.value(one, part) for part in parts)
            said = {
                field: self._first(one, properties) for field, properties in self._about.items()
            }
            found[triple] = {field: value for field, value in said.items() if value}
        return found

    def _first(self, node: Any, properties: Iterable[Any]) -> str | None:
        values = (self._graph.value(node, one) for one in properties)
        return next((str(value) for value in values if value is not None), None)

    def _name(self, node: Any) -> str:
        if isinstance(node, self._rdflib.Literal):
            return str(node)
        for label in self._labels[:2]:
            said = self._graph.objects(node, label)
            found = sorted(said, key=lambda one: (getattr(one, "language", None) or "", str(one)))
            if found:
                return str(found[0])
        last = re.split(r"[#/:]", str(node).rstrip("#/"))[-1]
        return WORD_BEGINS.sub(" ", last).replace("_", " ")
