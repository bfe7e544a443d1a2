"""What causes what, as somebody who knows the business states it in a TOML file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import networkx as nx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import UserError, reason_of
from common.files import read_toml
from common.records.fields import Text
from common.rules.places import line_of, near

ARROW = "->"
EXAMPLE = 'edges = ["age -> promotion", "age -> bought", "promotion -> visits -> bought"]'


@dataclass(frozen=True)
class CausalGraph:
    """A directed graph without circles, and what is asked of it.

    Attributes:
        graph: a node for each variable, an edge from each cause to what it acts on directly.
        unmeasured: variables that no column tells.
        treated: the value of the treatment that is the action; None: 1, true or yes.
        unit: a column that names whose decisions belong together, such as those of one customer.
        columns: variable → its column, where it has another name.
    """

    graph: nx.DiGraph
    treatment: str
    outcome: str
    unmeasured: frozenset[str] = frozenset()
    treated: str | None = None
    unit: str | None = None
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def measured(self) -> set[str]:
        """Variables that have a column."""
        return {*self.graph.nodes} - self.unmeasured

    def column_of(self, variable: str) -> str:
        """The column that tells a variable."""
        return self.columns.get(variable, variable)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    treatment: Text
    outcome: Text
    edges: list[Text] = Field(min_length=1)
    unmeasured: list[Text] = []
    treated: str | int | bool | None = None
    unit: Text | None = None
    columns: dict[str, Text] = {}


def read_graph(path: Path) -> CausalGraph:
    """Read variables, edges, treatment and outcome.

    Raises:
        UserError: the file is missing or broken, an edge is none, causes go in a circle, or a name
            stands in no edge.
    """
    values = read_toml(path)
    try:
        file = _File.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        unknown = first["type"] == "extra_forbidden"
        raise UserError(
            f"{name}: {reason_of(first)}",
            where=line_of(path, name),
            hint=near(name, _File.model_fields) if unknown else EXAMPLE,
        ) from None
    graph = nx.DiGraph()
    for edge in file.edges:
        names = [name.strip() for name in edge.split(ARROW)]
        if len(names) < 2 or not all(names):
            raise UserError(
                f"{edge!r} is no edge", where=line_of(path, "edges"), hint=f"Write: {EXAMPLE}"
            )
        nx.add_path(graph, names)
    named = {"treatment": [file.treatment], "outcome": [file.outcome]}
    named |= {"unmeasured": file.unmeasured, "columns": list(file.columns)}
    for key, variables in named.items():
        for variable in variables:
            if variable not in graph:
                raise UserError(
                    f"{key}: {variable!r} stands in no edge",
                    where=line_of(path, key),
                    hint=near(variable, list(graph.nodes)),
                )
    if not nx.is_directed_acyclic_graph(graph):
        circle = [source for source, _ in nx.find_cycle(graph)]
        raise UserError(
            f"causes go in a circle: {f' {ARROW} '.join([*circle, circle[0]])}",
            where=line_of(path, "edges"),
            hint="What acts back acts later: give the later state a name of its own.",
        )
    for what in ("treatment", "outcome"):
        if getattr(file, what) in file.unmeasured:
            raise UserError(
                f"the {what} {getattr(file, what)!r} is unmeasured: nothing can be estimated",
                where=line_of(path, "unmeasured"),
            )
    if file.treatment == file.outcome:
        raise UserError("treatment and outcome are the same", where=line_of(path, "outcome"))
    return CausalGraph(
        graph,
        file.treatment,
        file.outcome,
        frozenset(file.unmeasured),
        None if file.treated is None else str(file.treated),
        file.unit,
        file.columns,
    )
