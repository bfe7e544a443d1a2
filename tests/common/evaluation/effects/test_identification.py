"""Which variables are adjusted for, and when nothing can be told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from common.errors import RefusedError, UserError
from common.evaluation.effects.graph import CausalGraph, read_graph
from common.evaluation.effects.identification import adjustment_set


def read(tmp_path: Path, edges: str, *more: str) -> CausalGraph:
    path = tmp_path / "graph.toml"
    listed = ", ".join(f'"{edge}"' for edge in edges.split("; "))
    lines = ['treatment = "t"', 'outcome = "y"', f"edges = [{listed}]", *more]
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_graph(path)


@pytest.mark.parametrize(
    ("edges", "unmeasured", "wanted"),
    [
        ("t -> y", [], []),
        ("c -> t -> y; c -> y", [], ["c"]),
        # What lies between is left alone, and so is what both act on.
        ("c -> t -> m -> y; c -> y; t -> s; y -> s", [], ["c"]),
        # Of an instrument and a cause of the outcome alone, the latter makes the interval narrower.
        ("i -> t -> y; x -> y", [], ["x"]),
        # M-bias: to adjust for m would open the path between its causes.
        ("u -> t -> y; u -> m; v -> m; v -> y", ["u", "v"], []),
        # A hidden cause that acts through what is measured.
        ("u -> c -> t -> y; u -> y", ["u"], ["c"]),
    ],
)
def test_what_is_adjusted_for(
    tmp_path: Path, edges: str, unmeasured: list[str], wanted: list[str]
) -> None:
    question = read(tmp_path, edges, f"unmeasured = {unmeasured}")
    assert adjustment_set(question) == wanted


@pytest.mark.parametrize(
    ("edges", "unmeasured", "told"),
    [
        ("u -> t -> y; u -> y", ["u"], "t <- u -> y stays open whatever is adjusted for"),
        ("u -> t -> y; u -> y", ["u"], "Measure u, or let chance"),
        # What lies between would block the path, and the effect with it.
        ("u -> t -> m -> y; u -> m", ["u"], "t <- u -> m -> y stays open"),
        (
            "c -> t -> y; c -> y; u -> t; u -> c; v -> c; v -> y",
            ["u", "v"],
            "to block one path between them opens another",
        ),
        ("c -> t; c -> y", [], "t does not act on y"),
        ("y -> t", [], "y causes t, and not the other way round"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_reason(
    tmp_path: Path, edges: str, unmeasured: list[str], told: str
) -> None:
    with pytest.raises(RefusedError, match=re.escape(told)):
        adjustment_set(read(tmp_path, edges, f"unmeasured = {unmeasured}"))


@pytest.mark.parametrize(
    ("edges", "more", "told"),
    [
        ("t -> y -> t", "", "causes go in a circle: t -> y -> t"),
        ("t y", "", "'t y' is no edge"),
        ("t -> y", 'unmeasured = ["x"]', "graph.toml:4: unmeasured: 'x' stands in no edge"),
        ("t -> y", 'unmeasured = ["y"]', "the outcome 'y' is unmeasured"),
        ("t -> x", "", "outcome: 'y' stands in no edge"),
        ("t -> y", 'unmeasurd = ["x"]', "Did you mean unmeasured?"),
    ],
)
def test_a_graph_that_is_none_is_told(tmp_path: Path, edges: str, more: str, told: str) -> None:
    with pytest.raises(UserError, match=re.escape(told)):
        read(tmp_path, edges, more)
