"""What was shown to a session is known to every process of a database, while it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import databases
import pytest
from sqlalchemy.exc import OperationalError

from apps.recommender.sessions.store import SharedSessions
from common.storage.database import Database


@pytest.fixture(params=databases.KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with databases.empty(request.param, tmp_path) as made:
        yield made


def test_two_processes_know_the_same(url: str) -> None:
    now = [1000.0]

    def begin(application: str = "shop") -> SharedSessions:
        return SharedSessions(
            Database(url), application, most_shown=3, lasts=60, clock=lambda: now[0]
        )

    one, two, other = begin(), begin(), begin("other")
    one.add("a", ["1", "2"])
    assert two.of("a") == ["1", "2"]
    now[0] += 50
    two.add("a", ["2", "3", "4"])
    two.add("b", ["9"])
    assert (one.of("a"), one.of("b"), other.of("a")) == (["2", "3", "4"], ["9"], [])
    one.forget("b")
    assert two.of("b") == []
    now[0] += 61
    assert one.of("a") == []
    one.add("c", ["1"])
    assert two.of("c") == ["1"]


def test_while_the_database_is_down_nothing_is_known_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(tmp_path / "b.sqlite")
    shown = SharedSessions(database, "shop")

    def down() -> None:
        raise OperationalError("", None, Exception("no disk"))

    monkeypatch.setattr(database, "writing", down)
    monkeypatch.setattr(database, "reading", down)
    shown.add("a", ["1"])
    assert shown.of("a") == []
    shown.forget("a")
