"""Which names and places an application of one's own may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.new.writing import KINDS, Kind, write_application
from common.errors import UserError


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_skeleton_is_left_in_it(kind: Kind, tmp_path: Path) -> None:
    written = write_application("triage", kind, tmp_path)
    assert (written.module, written.top) == ("triage", tmp_path)
    files = [*written.package.iterdir(), written.test]
    assert {"schema.py", "task.py", "release.py", "example.csv"} <= {path.name for path in files}
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "apps.new" not in text
        assert f'"{kind}"' not in text, path
        if path.suffix == ".py":
            compile(text, path, "exec")


def test_within_a_package_it_is_named_by_all_of_its_path(tmp_path: Path) -> None:
    house = tmp_path / "house" / "rooms"
    house.mkdir(parents=True)
    for directory in (house, house.parent):
        (directory / "__init__.py").touch()
    written = write_application("triage", "rank", house)
    assert (written.module, written.top) == ("house.rooms.triage", tmp_path)
    assert written.test == tmp_path / "tests" / "triage" / "test_triage.py"
    assert "from house.rooms.triage.schema import" in (written.package / "task.py").read_text()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Triage", "cannot be the name"),
        ("my-triage", "cannot be the name"),
        ("2triage", "cannot be the name"),
        ("../triage", "cannot be the name"),
        ("class", "cannot be the name"),
        ("recommender", "of bizlm's own"),
        ("common", "of bizlm's own"),
        ("json", "a Python module 'json' already"),
        ("sklearn", "a Python module 'sklearn' already"),
    ],
)
def test_a_name_that_would_not_do_is_refused(name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=why):
        write_application(name, "classify", tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("there", ["triage", "triage.py", "tests/triage"])
def test_nothing_is_written_over(there: str, tmp_path: Path) -> None:
    (tmp_path / there).mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="already there; nothing is written"):
        write_application("triage", "classify", tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such directory") as error:
        write_application("triage", "classify", tmp_path / "mine")
    assert "mkdir" in str(error.value)


def test_what_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("apps.new.writing.write_atomically", refuse)
    with pytest.raises(UserError, match="Permission denied"):
        write_application("clinic", "classify", tmp_path)
