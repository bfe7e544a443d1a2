"""Who changed what is written down by the server itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import databases
import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request
from sqlalchemy.exc import OperationalError

from common.serving.auditing.changes import CHANGES, IF_NOTED, note
from common.serving.keys.live import ApiKeys
from common.serving.keys.scopes import NEEDS
from common.serving.keys.writing import add_key, remove_key
from common.storage.audit_log import PURGED, AuditLog, Change
from common.storage.database import Database

Wait = Callable[[Callable[[], bool]], None]
Ask = Callable[..., httpx.Response]
# They have scopes of their own, but change nothing of a person's doing.
NO_CHANGES = {
    "POST /v1/faqs/preview",
    "POST /v1/records",
    "POST /v1/stories",
}


@pytest.fixture(params=databases.KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with databases.empty(request.param, tmp_path) as url:
        opened = Database(url)
        yield opened
        opened.close()


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(Database(tmp_path / "log.sqlite"), "shop")


def change(what: str, **others: Any) -> Change:
    return Change(who="office", what=what, **others)


def test_changes_are_kept_once_in_order_and_not_for_ever(database: Database) -> None:
    log = AuditLog(database, "shop", keep_seconds=1000)
    now = time.time()
    log.add(change("release.promoted", at=now - 2000, about="old"))
    log.add(change("release.promoted", at=now - 10, about="r2", before="r1", after="r2"))
    for _ in range(2):
        log.add(change("keys.changed", at=now - 5, id="same"))
    log.add(change("releases.other", at=now, about="x" * 1000))
    AuditLog(database, "other").add(change("ticket.closed"))
    found = log.changes()
    assert [one.what for one in found] == ["release.promoted", "keys.changed", "releases.other"]
    assert (found[0].about, found[0].before, found[0].after) == ("r2", "r1", "r2")
    assert len(found[2].about) == 300
    assert [one.what for one in log.changes(what="release")] == ["release.promoted"]
    assert [one.what for one in log.changes(limit=1)] == ["releases.other"]
    other = AuditLog(database, "shop")
    other.add(change("release.promoted", at=now - 3000))
    assert len(other.changes()) == 4, "only who knows how long it is kept lets go of it"
    assert [one.what for one in log.changes(since=now - 7)] == ["keys.changed", "releases.other"]


def test_a_text_that_somebody_wants_gone_is_blanked(database: Database) -> None:
    log = AuditLog(database, "shop")
    log.add(change("knowledge.added", about="faq of Anna_L", after="change 3"))
    log.forget("Anna_L")
    [found] = log.changes()
    assert (found.about, found.after, found.who) == (PURGED, "change 3", "office")


def test_every_route_that_changes_something_is_recorded() -> None:
    changing = {
        route
        for route, need in NEEDS.items()
        if need in {"edit", "learn", "admin"} and not route.startswith("GET ")
    }
    assert changing - NO_CHANGES == set(CHANGES) - IF_NOTED


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


@pytest.fixture
def app(new_app: Callable[..., FastAPI], log: AuditLog, keys: Path) -> FastAPI:
    add_key(keys, "first")
    app = new_app(api_keys=ApiKeys.load(keys), audit=log, needs=NEEDS)

    @app.post("/v1/tickets/{ticket_id}/close")
    async def close(ticket_id: str, request: Request) -> str:
        if ticket_id == "none":
            raise HTTPException(404)
        note(request, after="a@b.example taught 4111 1111 1111 1111")
        return ticket_id

    @app.put("/v1/faqs/{faq_id:path}")
    def edit(faq_id: str, request: Request) -> str:
        note(request, about=["one", "two"], before="change 1", after="change 2")
        return faq_id

    @app.post("/v1/feedback")
    async def say(request: Request) -> str:
        if await request.json():
            note(request, about="faq-1", after="live")
        return ""

    @app.get("/v1/faqs")
    async def read() -> str:
        return ""

    return app


def test_what_a_request_changed_is_written_with_the_key_s_name_and_nothing_personal(
    app: FastAPI, ask: Ask, log: AuditLog, keys: Path, eventually: Wait
) -> None:
    key = add_key(keys, "office", ["ask", "edit", "admin"])
    headers = {"X-API-Key": key}
    for method, path, body in (
        ("GET", "/v1/faqs", {}),
        ("POST", "/v1/tickets/none/close", {}),
        ("POST", "/v1/tickets/t1/close", {}),
        ("PUT", "/v1/faqs/a/b", {}),
        ("POST", "/v1/feedback", {}),
        ("POST", "/v1/feedback", {"faq_id": "faq-1"}),
    ):
        ask(app, method, path, headers=headers, json=body)
    eventually(lambda: len(log.changes()) == 4)
    rows = ask(app, "GET", "/v1/audit", headers=headers).json()["rows"]
    closed, edited, corrected = (row for row in rows if row["what"] != "keys.changed")
    assert (closed["who"], closed["what"], closed["about"]) == ("office", "ticket.closed", "t1")
    assert (edited["what"], edited["about"]) == ("knowledge.edited", "one, two")
    assert (corrected["what"], corrected["about"]) == ("knowledge.corrected", "faq-1")
    assert closed["source"] == "127.0.0.1"
    assert "b.example" not in closed["after"] and "4111" not in closed["after"]
    assert (edited["before"], edited["after"]) == ("change 1", "change 2")
    assert key not in str(rows)
    found = ask(app, "GET", "/v1/audit?what=ticket&limit=5", headers=headers).json()["rows"]
    assert [row["what"] for row in found] == ["ticket.closed"]
    later = ask(app, "GET", "/v1/audit?since=2999-01-01T00:00:00Z", headers=headers)
    assert later.json() == {"rows": []}
    for number in ("1700000000", "-1.5", "2.2e-308", "inf"):
        told = ask(app, "GET", f"/v1/audit?since={number}", headers=headers)
        assert told.status_code == 422, number
    assert ask(app, "GET", "/v1/audit?what=a%00", headers=headers).status_code == 422


def test_a_change_of_the_keys_is_written_once_however_many_see_it(
    app: FastAPI,
    ask: Ask,
    log: AuditLog,
    keys: Path,
    new_app: Callable[..., FastAPI],
    eventually: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("common.serving.keys.live.LOOK_SECONDS", 0.0)
    other = new_app(api_keys=ApiKeys.load(keys), audit=log, needs=NEEDS)
    office = add_key(keys, "office", ["admin"])
    for one in (app, other, app):
        assert ask(one, "GET", "/metrics", headers={"X-API-Key": office}).status_code == 200
    eventually(lambda: bool(log.changes()))
    [added] = log.changes()
    assert (added.what, added.about, added.before) == ("keys.changed", "office", "")
    assert added.after == "office (admin)"
    remove_key(keys, "first")
    ask(app, "GET", "/metrics", headers={"X-API-Key": office})
    eventually(lambda: len(log.changes()) == 2)
    assert [one.before for one in log.changes()] == ["", "first (ask)"]


def test_who_may_not_read_it_does_not(
    app: FastAPI, ask: Ask, keys: Path, log: AuditLog, new_app: Callable[..., FastAPI]
) -> None:
    key = add_key(keys, "editor", ["ask", "edit", "learn"])
    assert ask(app, "GET", "/v1/audit", headers={"X-API-Key": key}).status_code == 403
    open_app = new_app(audit=log, needs=NEEDS)
    assert ask(open_app, "GET", "/v1/audit").status_code == 200
    elsewhere = {"X-Forwarded-For": "10.0.0.9"}
    assert ask(open_app, "GET", "/v1/audit", headers=elsewhere).status_code == 403


def test_where_it_cannot_be_written_the_change_stands_and_the_log_tells_of_it(
    app: FastAPI,
    ask: Ask,
    keys: Path,
    log: AuditLog,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def down(_change: Change) -> None:
        raise OperationalError("", None, Exception("no disk"))

    headers = {"X-API-Key": add_key(keys, "office", ["edit"])}
    monkeypatch.setattr(log, "add", down)
    with caplog.at_level(logging.ERROR):
        assert ask(app, "PUT", "/v1/faqs/a", headers=headers, json={}).status_code == 200
    told = [record.fields["what"] for record in caplog.records if hasattr(record, "fields")]
    assert "knowledge.edited" in told
