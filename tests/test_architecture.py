"""Imports run one way, folders stay small, and libraries stay in their place."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = (
    *("records", "rules", "models", "evaluation"),
    *("tuning", "releases", "learning", "serving", "applications"),
)
FILES = [*sorted((ROOT / "common").rglob("*.py")), *sorted((ROOT / "apps").rglob("*.py"))]
MOST_FILES = 15
# What each application has at its top, so that who has read one finds everything in the next.
TOP = (
    *("__main__", "cli", "serve_cli", "schema", "data", "task", "train", "evaluate"),
    *("release", "export", "server", "reporting"),
)
ONLY_IN = {
    "typer": ("cli.py",),
    "fastapi": ("common/serving/", "server.py"),
    "peft": ("common/models/adapting/",),
    "sqlalchemy": ("common/storage/", "/store.py"),
    "alembic": ("common/storage/",),
    "nvflare": ("common/tuning/federated/flare/",),
    "pickle": (),
}


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _dotted(path: Path) -> str:
    return _place(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {_dotted(path): path for path in FILES}


def _imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, late ones included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                dotted = f"{node.module}.{alias.name}"
                yield dotted if dotted in MODULES else node.module


def _room(dotted: str) -> str | None:
    parts = dotted.split(".")
    return parts[1] if parts[0] == "common" and len(parts) > 1 and parts[1] in ROOMS else None


def _package(dotted: str) -> str | None:
    """`apps.x.y` of a module in a package of an application; None for what stands at its top."""
    parts = dotted.split(".")
    return ".".join(parts[:3]) if parts[0] == "apps" and len(parts) > 3 else None


def _circle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


@pytest.mark.parametrize("path", FILES, ids=_place)
def test_imports_run_one_way(path: Path) -> None:
    own = _dotted(path)
    for imported in _imports(path):
        if own.startswith("common."):
            assert not imported.startswith("apps"), f"{own} imports {imported}"
            here, there = _room(own), _room(imported)
            if there and own != "common.cli":
                assert here, f"{own} stands left of all rooms, but imports {imported}"
                assert ROOMS.index(there) <= ROOMS.index(here), f"{own} imports {imported}"
        elif imported.startswith("apps.") and own != "apps.__main__":
            assert imported.split(".")[1] == own.split(".")[1], f"{own} imports {imported}"


def test_no_modules_import_each_other() -> None:
    graph = {own: {*_imports(path)} & {*MODULES} - {own} for own, path in MODULES.items()}
    assert not _circle(graph)


def test_no_packages_of_an_application_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for own, path in MODULES.items():
        if here := _package(own):
            packages = {_package(imported) for imported in _imports(path)}
            graph.setdefault(here, set()).update(found for found in packages if found)
    for package, others in graph.items():
        others.discard(package)
    assert not _circle(graph)


def test_a_folder_is_seen_at_a_glance() -> None:
    count = Counter(_place(path.parent) for path in FILES if path.name != "__init__.py")
    assert {place: files for place, files in count.items() if files > MOST_FILES} == {}


@pytest.mark.parametrize("app", ["customer_service", "finance_monitor", "recommender"])
def test_the_applications_have_the_same_table_of_contents(app: str) -> None:
    found = {path.stem for path in (ROOT / "apps" / app).glob("*.py")}
    assert {*TOP} <= found


@pytest.mark.parametrize("path", FILES, ids=_place)
def test_libraries_stay_in_their_place(path: Path) -> None:
    for imported in _imports(path):
        places = ONLY_IN.get(imported.split(".")[0])
        assert places is None or any(place in _place(path) for place in places), imported


@pytest.mark.parametrize("path", FILES, ids=_place)
def test_a_file_tells_one_thing(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 320


def test_the_tests_mirror_the_code() -> None:
    tests = ROOT / "tests"
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")} - {Path()}
    for folder in folders:
        parts = folder.parts
        place = ROOT.joinpath(*parts) if parts[0] == "common" else ROOT.joinpath("apps", *parts)
        assert place.is_dir(), f"tests/{folder.as_posix()} tests a folder that is not there"


def test_the_command_line_starts_without_heavy_imports() -> None:
    heavy = {"torch", "transformers", "numpy", "faiss", "fastapi", "matplotlib"}
    code = f"import sys, apps.customer_service.cli; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "set()"


def test_what_is_no_code_travels_with_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    taken = {
        path
        for package, patterns in project["tool"]["setuptools"]["package-data"].items()
        for pattern in patterns
        for path in ROOT.joinpath(*package.split(".")).glob(pattern)
    }
    kept = subprocess.run(
        ["git", "ls-files", "apps", "common"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    files = {ROOT / line for line in kept.stdout.splitlines() if not line.endswith(".py")}
    assert files - taken == set()


def test_no_two_test_files_share_a_name() -> None:
    """Their modules would be taken for one another."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
