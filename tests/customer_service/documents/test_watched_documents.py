"""A folder of documents that changes while it is quoted from."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from apps.customer_service.documents import watching
from apps.customer_service.documents.index import Read
from apps.customer_service.documents.watching import DocumentWatch
from common.errors import UserError


@dataclass(frozen=True)
class Base:
    documents: Any = None
    confidence: Any = field(default_factory=lambda: SimpleNamespace(budget=0.01))
    network: Any = None


class Live:
    """What serves: its base and its reader."""

    def __init__(self, read: Read) -> None:
        width = len(read(["width"])[0])
        self.base = Base(network=SimpleNamespace(projection=np.eye(width)))
        self.reader = SimpleNamespace(vectors=read)
        self.renewed = 0

    def renew(self, base: Base, renewed: Base) -> bool:
        if self.base is not base:
            return False
        self.base = renewed
        self.renewed += 1
        return True

    @property
    def said(self) -> str:
        return " ".join(" ".join(one.sentences) for one in self.base.documents.index.passages)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(watching, "calibrate", lambda *_: "calibrated")
    _write(tmp_path / "pool.md", "# Pool\n\nThe pool opens at 7am on every day.")
    _write(tmp_path / "sauna.md", "# Sauna\n\nThe sauna is upstairs, behind the pool.")
    return tmp_path


def _write(path: Path, text: str | bytes) -> None:
    """Never at the time of the last change, however quick a test is."""
    later = path.stat().st_mtime_ns + 10**9 if path.exists() else 10**18
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, ns=(later, later))


def _twice(watch: DocumentWatch) -> None:
    # The first look sees a change, the second reads it.
    watch.look()
    watch.look()


def _watched(folder: Path, read: Read) -> tuple[DocumentWatch, Live]:
    live: Any = Live(read)
    watch = DocumentWatch(lambda: live, [folder])
    _twice(watch)
    return watch, live


def test_a_changed_a_new_and_a_removed_page_are_quoted_at_once(folder: Path, read: Read) -> None:
    watch, live = _watched(folder, read)
    assert "7am" in live.said
    _write(folder / "pool.md", "# Pool\n\nThe pool opens at 9am on every day.")
    _write(folder / "gym.md", "# Gym\n\nThe gym is downstairs, beside the lift.")
    (folder / "sauna.md").unlink()
    watch.look()
    assert "7am" in live.said, "what may still be written is not read"
    watch.look()
    assert ("9am" in live.said, "downstairs" in live.said, "upstairs" in live.said) == (
        True,
        True,
        False,
    )
    before = live.renewed
    _twice(watch)
    assert live.renewed == before, "nothing is made again where nothing changed"


def test_a_broken_page_is_told_once_and_its_last_state_stays(
    folder: Path, read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    watch, live = _watched(folder, read)
    with caplog.at_level(logging.ERROR):
        _write(folder / "pool.md", b"")
        _write(folder / "plan.pdf", b"no PDF")
        for _ in range(3):
            _twice(watch)
    assert "7am" in live.said
    told = [one.getMessage() for one in caplog.records]
    assert sorted(one.split(":")[0] for one in told) == ["plan.pdf", "pool.md"]
    assert watch.trouble is not None
    assert "pool.md" in watch.trouble
    assert str(folder) not in watch.trouble
    _write(folder / "pool.md", "# Pool\n\nThe pool opens at 8am on every day.")
    (folder / "plan.pdf").unlink()
    _twice(watch)
    assert "8am" in live.said
    assert watch.trouble is None


@pytest.mark.parametrize("what", ["emptied", "moved"])
def test_an_emptied_or_moved_folder_is_told_once_and_quoted_on(
    folder: Path, read: Read, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    handbook = folder / "handbook"
    handbook.mkdir()
    for path in folder.glob("*.md"):
        path.rename(handbook / path.name)
    watch, live = _watched(handbook, read)
    away = folder / "away"
    if what == "moved":
        handbook.rename(away)
    else:
        away.mkdir()
        for path in handbook.iterdir():
            path.rename(away / path.name)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            _twice(watch)
    assert "7am" in live.said
    told = {"moved": "handbook: not there", "emptied": "handbook: no page is left"}[what]
    assert watch.trouble == f"{told}; what was there last is quoted"
    assert [one.getMessage() for one in caplog.records] == [watch.trouble]
    if what == "emptied":
        handbook.rmdir()
    away.rename(handbook)
    _twice(watch)
    assert watch.trouble is None


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (lambda path: PermissionError(13, "Permission denied", path), "Permission denied"),
        (lambda path: UserError("not readable by this user", where=path), "not readable by this"),
    ],
)
def test_why_a_folder_cannot_be_read_is_told(
    folder: Path,
    read: Read,
    monkeypatch: pytest.MonkeyPatch,
    error: Callable[[str], Exception],
    told: str,
) -> None:
    watch, live = _watched(folder, read)

    def refused(_: Path) -> None:
        raise error(str(folder))

    monkeypatch.setattr(watching, "files_of", refused)
    _twice(watch)
    assert "7am" in live.said
    assert watch.trouble is not None
    assert watch.trouble.startswith(f"{folder.name}: {told}")


def test_a_folder_that_is_put_in_place_of_another_is_no_trouble(folder: Path, read: Read) -> None:
    handbook = folder / "handbook"
    handbook.mkdir()
    _write(handbook / "pool.md", "# Pool\n\nThe pool opens at 6am on every day.")
    watch, live = _watched(handbook, read)
    handbook.rename(folder / "old")
    watch.look()
    assert watch.trouble is None
    (folder / "old").rename(handbook)
    _twice(watch)
    assert watch.trouble is None
    assert "6am" in live.said


def test_quotes_keep_the_promise_of_the_release(
    folder: Path, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets: list[float] = []
    monkeypatch.setattr(watching, "calibrate", lambda *given: budgets.append(given[3]))
    _watched(folder, read)
    assert budgets == [0.01]


def test_another_release_quotes_from_them_as_well(folder: Path, read: Read) -> None:
    watch, live = _watched(folder, read)
    live.base = Base(network=live.base.network)
    watch.look()
    assert "7am" in live.said


def test_there_is_something_to_begin_with(tmp_path: Path, read: Read) -> None:
    with pytest.raises(UserError, match="no document to answer from"):
        DocumentWatch(lambda: Live(read), [tmp_path])  # type: ignore[arg-type,return-value]
