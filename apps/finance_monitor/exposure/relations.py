"""A table of relations between companies → who is exposed to whom, by path and strength."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from apps.finance_monitor.schema import Exposure, RelationKind, Step
from apps.finance_monitor.stories.companies import EntityList
from common.console import say
from common.errors import UserError
from common.records.fields import Text
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
USUAL_STRENGTH = 0.5
LEAST_STRENGTH = 0.05
MOST_SHOWN = 10
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


class Exposures:
    """The companies that depend on a company, directly and over others.

    A shock passes along relations; what arrives is the product of the strengths of the strongest
    path (Dijkstra 1959, over minus their logarithms).
    """

    def __init__(self, relations: Sequence[Relation]) -> None:
        import networkx as nx

        self._graph: nx.DiGraph = nx.DiGraph()
        for one in relations:
            self._add(one.company, one.other, one.relation, one.strength)
            if one.relation in MUTUAL:
                self._add(one.other, one.company, MUTUAL[one.relation], one.strength)

    def _add(self, company: str, other: str, kind: str, strength: float) -> None:
        known = self._graph.get_edge_data(company, other)
        if known is None or known["strength"] < strength:
            # A path must get longer with each step, even where all of a shock is passed on.
            length = -math.log(strength) + 1e-9
            self._graph.add_edge(company, other, kind=kind, strength=strength, length=length)

    def of(self, company: str) -> list[Exposure]:
        """Who is exposed to `company`, the most exposed first."""
        import networkx as nx

        if company not in self._graph:
            return []
        paths = nx.single_source_dijkstra_path(
            self._graph, company, cutoff=-math.log(LEAST_STRENGTH), weight="length"
        )
        found = [self._exposure(path) for path in paths.values() if len(path) > 1]
        return sorted(found, key=lambda one: (-one.strength, one.company))[:MOST_SHOWN]

    def _exposure(self, path: Sequence[str]) -> Exposure:
        edges = [self._graph.edges[pair] for pair in pairwise(path)]
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
    """Read a table of relations; companies go by any name that the list of companies has.

    Raises:
        UserError: a bad row, or a company that is related to itself.
    """
    relations = read_records(path, Relation, on_bad_row=on_bad_row).items
    named, unknown = [], set()
    for one in relations:
        ends = {}
        for end in ("company", "other"):
            given = getattr(one, end)
            ends[end] = (listed.named(given) if listed else None) or given
            if listed and not listed.named(given):
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
