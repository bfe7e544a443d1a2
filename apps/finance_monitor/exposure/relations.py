"""A table of relations between companies → who is exposed to whom, by path and strength."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from apps.finance_monitor.stories.companies import EntityList
from apps.finance_monitor.surges.alert import Exposure, RelationKind, Step
from common.console import say
from common.errors import UserError
from common.records.fields import Since, Text, Until
from common.records.graph.contradictions import read_agreeing_graph
from common.records.graph.knowledge_graph import Names
from common.records.graph.reading import is_knowledge
from common.records.reader import OnBadRow, read_records

if TYPE_CHECKING:
    import networkx as nx

KINDS: tuple[RelationKind, ...] = get_args(RelationKind)
IN_CHINESE: dict[str, RelationKind] = {
    "供应商": "supplier",
    "客户": "customer",
    "母公司": "parent",
    "同业": "peer",
    "担保方": "guarantor",
}
# What happens to either side of these concerns the other: a subsidiary's losses are its parent's,
# a guarantee is called, and a peer is in the same trade.
MUTUAL: dict[RelationKind, Literal["subsidiary", "peer", "guaranteed"]] = {
    "parent": "subsidiary",
    "peer": "peer",
    "guarantor": "guaranteed",
}
# What the relations of facts are here; those turned round are read from the other end.
OF_FACTS: dict[str, RelationKind] = {f"{kind} of": kind for kind in KINDS}
USUAL_STRENGTH = 0.5
LEAST_STRENGTH = 0.05
NAMES_SHOWN = 5


def _kind(value: object) -> object:
    given = str(value).strip().lower()
    return IN_CHINESE.get(given, given)


class Relation(BaseModel):
    """`company` is the `relation` of `other`: its supplier, its parent …

    Attributes:
        strength: the share of a shock that is passed on, above 0 and at most 1.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    company: Text
    relation: Annotated[RelationKind, BeforeValidator(_kind)]
    other: Text
    strength: float = Field(USUAL_STRENGTH, gt=0, le=1, allow_inf_nan=False)
    valid_from: Since | None = None
    valid_until: Until | None = None

    def is_valid(self, at: datetime) -> bool:
        """Whether it holds at a time."""
        begun = self.valid_from is None or self.valid_from <= at
        return begun and (self.valid_until is None or at < self.valid_until)


class Exposures:
    """The companies that depend on a company, directly and over others.

    A shock passes along relations; what arrives is the product of the strengths of the strongest
    path (Dijkstra 1959, over minus their logarithms).
    """

    def __init__(self, relations: Sequence[Relation]) -> None:
        self._relations = relations
        # By what does not hold: of few dates there are few graphs.
        self._graphs: dict[frozenset[int], nx.DiGraph] = {}

    def of(self, company: str, at: datetime | None = None) -> list[Exposure]:
        """Who is exposed to `company`, the most exposed first.

        Args:
            at: by the relations that hold then; None: by all.
        """
        import networkx as nx

        graph = self._at(at)
        if company not in graph:
            return []
        paths = nx.single_source_dijkstra_path(
            graph, company, cutoff=-math.log(LEAST_STRENGTH), weight="length"
        )
        found = [_exposure(graph, path) for path in paths.values() if len(path) > 1]
        return sorted(found, key=lambda one: (-one.strength, one.company))

    def _at(self, at: datetime | None) -> nx.DiGraph:
        relations = enumerate(self._relations)
        hidden = frozenset(n for n, one in relations if at is not None and not one.is_valid(at))
        if hidden not in self._graphs:
            held = [one for n, one in enumerate(self._relations) if n not in hidden]
            self._graphs[hidden] = _graph(held)
        return self._graphs[hidden]


def _graph(relations: Sequence[Relation]) -> nx.DiGraph:
    import networkx as nx

    graph: nx.DiGraph = nx.DiGraph()
    for one in relations:
        _add(graph, one.company, one.other, one.relation, one.strength)
        if one.relation in MUTUAL:
            _add(graph, one.other, one.company, MUTUAL[one.relation], one.strength)
    return graph


def _add(graph: nx.DiGraph, company: str, other: str, kind: str, strength: float) -> None:
    known = graph.get_edge_data(company, other)
    if known is None or known["strength"] < strength:
        # A path must get longer with each step, even where all of a shock is passed on.
        length = -math.log(strength) + 1e-9
        graph.add_edge(company, other, kind=kind, strength=strength, length=length)


def _exposure(graph: nx.DiGraph, path: Sequence[str]) -> Exposure:
    edges = [graph.edges[pair] for pair in pairwise(path)]
    return Exposure(
        company=path[-1],
        strength=round(math.prod(edge["strength"] for edge in edges), 3),
        path=[
            Step(company=company, relation=edge["kind"])
            for company, edge in zip(path, edges, strict=False)
        ],
    )


def read_relations(
    path: Path, listed: EntityList | None, on_bad_row: OnBadRow = "fail"
) -> Exposures:
    """Read a table of relations, or a file of facts; companies go by any name that the list has.

    Raises:
        UserError: a bad row, a company that is related to itself, or facts about no companies.
        RefusedError: facts that exclude each other.
    """
    if is_knowledge(path):
        relations = _of_facts(path, listed)
    else:
        relations = read_records(path, Relation, on_bad_row=on_bad_row).items
    named, unknown = [], set()
    for one in relations:
        ends = {}
        for end in ("company", "other"):
            given = getattr(one, end)
            company = listed.one_named(given, str(path)) if listed else None
            ends[end] = company or given
            if listed and not company:
                unknown.add(given)
        if ends["company"] == ends["other"]:
            raise UserError(
                f"{one.company} is said to be its own {one.relation}",
                where=str(path),
                hint="Each row names two companies: `company` is the `relation` of `other`.",
            )
        named.append(one.model_copy(update=ends))
    if unknown:
        some = ", ".join(sorted(unknown)[:NAMES_SHOWN])
        more = ", …" if len(unknown) > NAMES_SHOWN else ""
        say(f"{path}: not in --entities, so that they raise no alert: {some}{more}")
    return Exposures(named)


def _of_facts(path: Path, listed: EntityList | None) -> list[Relation]:
    """Those facts that relate companies, by the names that the list has for them."""
    graph = read_agreeing_graph(path)
    turned = {other: one for one, other in graph.vocabulary.inverse.items()}
    found = []
    for one in graph.facts:
        subject, relation, other = one.triple
        if relation in turned and relation not in OF_FACTS:
            subject, relation, other = other, turned[relation], subject
        if relation in OF_FACTS:
            fact = one.fact
            found.append(
                Relation(
                    company=_listed(subject, graph.names, listed),
                    relation=OF_FACTS[relation],
                    other=_listed(other, graph.names, listed),
                    strength=fact.strength or USUAL_STRENGTH,
                    valid_from=fact.valid_from,
                    valid_until=fact.valid_until,
                )
            )
    if not found:
        raise UserError(
            "no fact relates companies",
            where=str(path),
            hint=f"The relations are: {', '.join(OF_FACTS)}.",
        )
    say(f"{path}: {len(found):,} of {len(graph.facts):,} facts relate companies")
    return found


def _listed(thing: str, names: Names, listed: EntityList | None) -> str:
    """The list's name of a thing, by any name that the facts have for it."""
    known = (listed.named(name) for name in names.of.get(thing, [thing])) if listed else ()
    return next((name for name in known if name), thing)
