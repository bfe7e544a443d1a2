"""Facts that cannot both hold, by the rules of their relations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

from common.errors import RefusedError
from common.records.audit import EXAMPLES_SHOWN, Finding
from common.records.graph.fact import Stated
from common.records.graph.knowledge_graph import KnowledgeGraph, key
from common.records.graph.reading import read_graph

SHOWN = 10


@dataclass(frozen=True)
class Contradiction:
    """Rows that exclude each other, and why."""

    why: str
    rows: tuple[Stated, ...]

    @property
    def text(self) -> str:
        """In a line, with the places."""
        said = "; ".join(f"{' – '.join(one.triple)} ({one.place})" for one in self.rows)
        return f"{self.why}: {said}"


def contradictions(graph: KnowledgeGraph) -> list[Contradiction]:
    """All that are found: two values where there is one at a time, and circles."""
    return [*_two_values(graph), *_circles(graph)]


def read_agreeing_graph(path: Path) -> KnowledgeGraph:
    """A graph to answer from: its rows agree with each other.

    Raises:
        UserError: as `read_graph`.
        RefusedError: rows exclude each other.
    """
    graph = read_graph(path)
    if found := contradictions(graph):
        shown = "\n".join(f"  {one.text}" for one in found[:SHOWN])
        more = f"\n  … and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise RefusedError(
            f"contradictions among the facts: {len(found)}\n{shown}{more}",
            where=str(path),
            hint="Take one row of each out, or end it with valid_until.",
        )
    return graph


def finding(found: Sequence[Contradiction]) -> Finding | None:
    """For an audit; None where there is nothing to tell."""
    if not found:
        return None
    examples = [one.text for one in found[:EXAMPLES_SHOWN]]
    message = "facts of the graph that exclude each other"
    return Finding("error", "graph_contradiction", message, len(found), examples)


def _two_values(graph: KnowledgeGraph) -> Iterator[Contradiction]:
    functional = {*graph.vocabulary.functional}
    groups: dict[tuple[str, str], list[Stated]] = defaultdict(list)
    for one in graph.facts:
        if one.triple.relation in functional:
            groups[one.triple.subject, one.triple.relation].append(one)
    for (subject, relation), rows in groups.items():
        for one, other in combinations(rows, 2):
            if _value(one) != _value(other) and one.overlaps(other):
                yield Contradiction(f"{subject} has two values of {relation!r}", (one, other))


def _value(one: Stated) -> str:
    """£1.50 is another value than £150, but not than £1.50 at the end of a sentence."""
    return key(one.triple.object).rstrip(".。")


def _circles(graph: KnowledgeGraph) -> Iterator[Contradiction]:
    import networkx as nx

    for relation in dict.fromkeys(graph.vocabulary.acyclic):
        found: nx.MultiDiGraph = nx.MultiDiGraph()
        for one in graph.facts:
            if one.triple.relation == relation:
                found.add_edge(one.triple.subject, one.triple.object, stated=one)
        for part in nx.strongly_connected_components(found):
            rows = [one for _, _, one in found.subgraph(part).edges(data="stated")]
            if len(part) > 1 and (circle := _circle_at_once(rows)):
                yield Contradiction(f"a circle of {relation!r}", circle)


def _circle_at_once(rows: Sequence[Stated]) -> tuple[Stated, ...]:
    """A circle all of whose rows hold at one time; nothing where there is none.

    What holds together does so from the beginning, or from a time on at which one of it begins.
    """
    import networkx as nx

    begins = {one.fact.valid_from for one in rows}
    for at in sorted(begins, key=lambda time: time or datetime.min.replace(tzinfo=UTC)):
        held: nx.DiGraph = nx.DiGraph()
        for one in rows:
            if one.is_valid(at) if at else one.fact.valid_from is None:
                held.add_edge(one.triple.subject, one.triple.object, stated=one)
        with suppress(nx.NetworkXNoCycle):
            return tuple(held.edges[edge[:2]]["stated"] for edge in nx.find_cycle(held))
    return ()
