"""The table of what routes need names those that there are: all of them, and no others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from command_line import ROOT

from common.serving.keys.scopes import NEEDS

METHODS = {"get", "post", "put", "patch", "delete"}
# Made by FastAPI itself.
OWN = {"GET /openapi.json"}


def routes_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for made in node.decorator_list:
                match made:
                    case ast.Call(
                        func=ast.Attribute(value=ast.Name("app"), attr=method),
                        args=[ast.Constant(str(route)), *_],
                    ) if method in METHODS:
                        yield f"{method.upper()} {route}"


def test_every_route_of_every_server_is_named_and_nothing_else() -> None:
    files = [path for room in ("common", "apps") for path in (ROOT / room).rglob("*.py")]
    found = {route for path in files for route in routes_in(path)}
    assert len(found) > 40
    assert found | OWN == set(NEEDS)
