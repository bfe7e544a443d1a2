"""Visitors ask without a key, what they may, and no more often than they may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from sqlalchemy.exc import OperationalError

from common.serving.keys.live import ApiKeys
from common.serving.keys.scopes import NEEDS
from common.serving.keys.writing import add_key
from common.serving.visitors import Visitors
from common.storage.database import Database
from common.storage.visits import Visits

VISITORS = Visitors(("https://shop.example",), 3, ("/v1/open",))


@pytest.fixture
def key(tmp_path: Path) -> str:
    return add_key(tmp_path / "keys", "office")


@pytest.fixture
def app(new_app: Callable[..., FastAPI], key: str, tmp_path: Path) -> FastAPI:
    made = new_app(
        api_keys=ApiKeys.load(tmp_path / "keys"),
        visitors=VISITORS,
        needs={**NEEDS, "POST /v1/{name}": "ask"},
    )

    @made.post("/v1/{name}")
    async def who(name: str, request: Request) -> str | None:
        found: str | None = getattr(request.state, "api_key_name", None)
        return found

    return made


def posts(
    app: FastAPI, path: str, times: int, address: str = "10.0.0.1", key: str = ""
) -> list[httpx.Response]:
    async def all_of_them() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app, client=(address, 1))
        headers = {"X-API-Key": key} if key else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [await client.post(path, json={}, headers=headers) for _ in range(times)]

    return asyncio.run(all_of_them())


def test_a_visitor_needs_no_key_for_what_is_open_and_only_for_that(app: FastAPI, key: str) -> None:
    [opened], [closed] = posts(app, "/v1/open", 1), posts(app, "/v1/closed", 1)
    assert (opened.status_code, opened.json()) == (200, None)
    assert closed.status_code == 401
    [known] = posts(app, "/v1/open", 1, key=key)
    assert known.json() == "office"


def test_who_asks_too_often_waits_and_nobody_else_does(app: FastAPI, key: str) -> None:
    answers = posts(app, "/v1/open", 5)
    assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].json()["detail"].startswith("3 questions a minute")
    assert posts(app, "/v1/open", 1, address="10.0.0.2")[0].status_code == 200
    assert {one.status_code for one in posts(app, "/v1/open", 5, key=key)} == {200}


def test_two_processes_of_one_database_count_together(
    new_app: Callable[..., FastAPI], tmp_path: Path
) -> None:
    def another() -> FastAPI:
        made = new_app(visitors=VISITORS, visits=Visits(Database(tmp_path / "counts.sqlite")))

        @made.post("/v1/open")
        async def opened() -> str:
            return "opened"

        return made

    first, second = another(), another()
    assert [one.status_code for one in posts(first, "/v1/open", 2)] == [200, 200]
    found = posts(second, "/v1/open", 2)
    assert [one.status_code for one in found] == [200, 429]
    assert 1 <= int(found[-1].headers["Retry-After"]) <= 60
    assert posts(first, "/v1/open", 1, address="10.0.0.2")[0].status_code == 200


def test_a_minute_later_it_may_ask_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visits = Visits(Database(tmp_path / "counts.sqlite"))
    now = 1000.0
    monkeypatch.setattr("common.storage.visits.time.time", lambda: now)
    assert visits.wait("10.0.0.1", 1) == 0
    now += 20
    assert visits.wait("10.0.0.1", 1) == pytest.approx(40)
    now += 41
    assert visits.wait("10.0.0.1", 1) == 0


def test_without_its_database_nobody_is_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(tmp_path / "counts.sqlite")
    visits = Visits(database)

    def down() -> None:
        raise OperationalError("", None, Exception("no disk"))

    monkeypatch.setattr(database, "writing", down)
    assert visits.wait("10.0.0.1", 1) == 0
