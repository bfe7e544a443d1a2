from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from object_store import BUCKET, MOTO, object_store

from common.releases.registry import Registry
from common.releases.release import Release, write_release

Write = Callable[[Registry, str], Release]


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with object_store():
        yield f"s3://{BUCKET}"


@pytest.fixture(params=["directory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place where releases can be published."""
    if request.param == "directory":
        return str(tmp_path / "shared")
    if not MOTO.exists():
        pytest.skip("make moto was not run")
    return f"{request.getfixturevalue('s3')}/{uuid4().hex}"


@pytest.fixture
def machine(tmp_path: Path) -> Callable[[str], Registry]:
    """The store of a machine, by its name."""
    return lambda name: Registry(tmp_path / name, "test")


@pytest.fixture
def write() -> Write:
    """Writes a release that holds a text, and weights that all of them share."""

    def written(registry: Registry, content: str) -> Release:
        def fill(directory: Path) -> None:
            (directory / "model").mkdir()
            (directory / "model" / "weights").write_bytes(b"w" * 100_000)
            (directory / "words.txt").write_text(content, encoding="utf-8")

        return write_release(registry.releases, fill, {"application": "test"})

    return written
