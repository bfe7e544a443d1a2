from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("records", "models", "evaluation", "tuning", "releases", "serving")
FILES = [*sorted((ROOT / "common").rglob("*.py")), *sorted((ROOT / "apps").rglob("*.py"))]
ONLY_IN = {
    "typer": ("cli.py",),
    "fastapi": ("common/serving/", "server.py"),
    "peft": ("common/models/adapters.py",),
    "pickle": (),
}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _room(dotted: str) -> str | None:
    parts = dotted.split(".")
    return parts[1] if parts[0] == "common" and len(parts) > 1 and parts[1] in ROOMS else None


@pytest.mark.parametrize("path", FILES, ids=_place)
def test_imports_run_one_way(path: Path) -> None:
    own = _place(path).removesuffix(".py").replace("/", ".")
    for imported in _imports(path):
        if own.startswith("common."):
            assert not imported.startswith("apps"), f"{own} imports {imported}"
            here, there = _room(own), _room(imported)
            if there and own != "common.cli":
                assert here, f"{own} stands left of all rooms, but imports {imported}"
                assert ROOMS.index(there) <= ROOMS.index(here), f"{own} imports {imported}"
        elif imported.startswith("apps."):
            assert imported.split(".")[1] == own.split(".")[1], f"{own} imports {imported}"


@pytest.mark.parametrize("path", FILES, ids=_place)
def test_libraries_stay_in_their_place(path: Path) -> None:
    for imported in _imports(path):
        places = ONLY_IN.get(imported.split(".")[0])
        assert places is None or any(place in _place(path) for place in places), imported


@pytest.mark.parametrize("path", FILES, ids=_place)
def test_a_file_tells_one_thing(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 320


def test_the_command_line_starts_without_heavy_imports() -> None:
    heavy = {"torch", "transformers", "numpy", "faiss", "fastapi", "matplotlib"}
    code = f"import sys, apps.customer_service.cli; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "set()"
