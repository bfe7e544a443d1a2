"""What the release of every application must be."""

from __future__ import annotations

from pathlib import Path


def assert_names_no_place(release: Path, *places: Path) -> None:
    """Nothing in it says where on which machine its files lay."""
    files = [path for path in release.rglob("*") if path.is_file()]
    assert any(path.name == "report.html" for path in files)
    for path in files:
        content = path.read_bytes()
        for place in {*places, Path.home() / ".cache"}:
            assert str(place).encode() not in content, f"{path.name} names {place}"
