"""What `make serve` installs is enough to serve: what an extra brings is imported late."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = [
    path
    for room in ("common", "apps")
    for path in sorted((ROOT / room).rglob("*.py"))
    if "skeletons" not in path.parts
]
# Where a package is imported by another name than it is installed by.
IMPORTED_AS = {"mlflow-skinny": "mlflow", "pyyaml": "yaml"}


def _names(requirements: list[str]) -> set[str]:
    found = {re.split(r"[\[><=;]", one)[0].lower() for one in requirements} - {"bizlm"}
    return {IMPORTED_AS.get(one, one.replace("-", "_")) for one in found}


def _extras() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    every = [one for extra in project["optional-dependencies"].values() for one in extra]
    return _names(every) - _names(project["dependencies"])


def _at_once(statements: list[ast.stmt]) -> Iterator[str]:
    """What is imported when a module is."""
    for one in statements:
        if isinstance(one, ast.Import):
            yield from (alias.name for alias in one.names)
        elif isinstance(one, ast.ImportFrom) and one.module:
            yield one.module
            yield from (f"{one.module}.{alias.name}" for alias in one.names)
        elif isinstance(one, ast.If) and "TYPE_CHECKING" not in ast.unparse(one.test):
            yield from _at_once([*one.body, *one.orelse])
        elif isinstance(one, ast.ClassDef):
            yield from _at_once(one.body)


def test_whatever_an_application_begins_with_needs_no_extra() -> None:
    extras = _extras()
    assert {"wandb", "mlflow", "onnx", "psycopg", "selenium"} <= extras
    imported = {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): set(
            _at_once(ast.parse(path.read_text(encoding="utf-8")).body)
        )
        for path in FILES
    }
    # What a module imports imports in its turn.
    needing = {
        module: {name.partition(".")[0] for name in names} & extras
        for module, names in imported.items()
    }
    grows = True
    while grows:
        before = sum(map(len, needing.values()))
        for module, names in imported.items():
            needing[module].update(*(needing[name] for name in names & needing.keys()))
        grows = sum(map(len, needing.values())) > before
    top = [module for module in imported if re.fullmatch(r"apps\.\w+\.(demo\.)?\w+", module)]
    assert {"apps.customer_service.train", "apps.customer_service.demo.cli"} <= set(top)
    assert {module: needing[module] for module in top if needing[module]} == {}
    assert needing["common.tuning.privacy.gradients"] == {"opacus"}
