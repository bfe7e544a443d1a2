"""What must be adjusted for, by the back-door criterion (Pearl 1995), or why nothing suffices."""

from __future__ import annotations

from itertools import islice, pairwise

import networkx as nx

from common.errors import RefusedError
from common.evaluation.effects.graph import ARROW, CausalGraph

MOST_PATHS = 1000


def adjustment_set(question: CausalGraph) -> list[str]:
    """Measured variables that block every back-door path from the treatment to the outcome.

    Where all of them are measured, the set of the smallest asymptotic variance (Henckel, Perković
    & Maathuis 2022, arXiv 1907.02435): the causes of what lies on the causal paths. Otherwise a
    minimal d-separating set (van der Zander & Liśkiewicz 2020). No descendant of the treatment is
    among them; where any adjustment set exists, one without descendants does.

    Raises:
        RefusedError: by the graph there is no effect, or no measured variables suffice.
    """
    graph, treatment, outcome = question.graph, question.treatment, question.outcome
    if treatment in nx.descendants(graph, outcome):
        raise RefusedError(
            f"by the graph {outcome} causes {treatment}, and not the other way round",
            hint="Turn the edges round, or swap treatment and outcome.",
        )
    after = nx.descendants(graph, treatment)
    if outcome not in after:
        raise RefusedError(
            f"by the graph {treatment} does not act on {outcome}: no path of edges leads there",
            hint=f'If it may, say how: edges = ["{treatment} -> {outcome}", …]',
        )
    back_door = graph.copy()
    back_door.remove_edges_from(list(graph.out_edges(treatment)))
    allowed = {*graph.nodes} - after - {treatment, outcome}
    best = _of_least_variance(question, after)
    if best <= question.measured and nx.is_d_separator(back_door, treatment, outcome, best):
        return sorted(best)
    found = nx.find_minimal_d_separator(
        back_door, treatment, outcome, restricted=allowed & question.measured
    )
    if found is None:
        raise _not_identified(question, back_door, allowed)
    return sorted(found)


def _of_least_variance(question: CausalGraph, after: set[str]) -> set[str]:
    graph, outcome = question.graph, question.outcome
    causal = (after & nx.ancestors(graph, outcome)) | {outcome}
    parents = {parent for node in causal for parent in graph.predecessors(node)}
    return parents - after - {question.treatment}


def _not_identified(
    question: CausalGraph, back_door: nx.DiGraph, allowed: set[str]
) -> RefusedError:
    """Why: a path that stays open, and what would have to be measured."""
    treatment, outcome = question.treatment, question.outcome
    needed = nx.find_minimal_d_separator(back_door, treatment, outcome, restricted=allowed)
    missing = sorted((needed or set()) - question.measured)
    path = _open_path(question, back_door, allowed & question.measured)
    why = f"{path} stays open whatever is adjusted for"
    return RefusedError(
        f"the effect of {treatment} on {outcome} cannot be told from these columns: "
        f"{why if path else 'to block one path between them opens another'}",
        hint=f"Measure {' and '.join(missing)}, or let chance decide for a part: "
        f"who gets {treatment} by lot needs no graph.",
    )


def _open_path(question: CausalGraph, back_door: nx.DiGraph, adjustable: set[str]) -> str | None:
    """The shortest path in which no two arrows meet, and nothing can be adjusted for."""
    hidden = back_door.subgraph({*back_door.nodes} - adjustable).to_undirected()
    if not nx.has_path(hidden, question.treatment, question.outcome):
        return None
    paths = nx.shortest_simple_paths(hidden, question.treatment, question.outcome)
    for nodes in islice(paths, MOST_PATHS):
        ahead = [back_door.has_edge(*pair) for pair in pairwise(nodes)]
        if (True, False) not in pairwise(ahead):
            steps = zip(ahead, nodes[1:], strict=True)
            told = (f" {ARROW if on else '<-'} {node}" for on, node in steps)
            return "".join([str(nodes[0]), *told])
    return None
