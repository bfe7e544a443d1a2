"""The line of releases over HTTP, and on its page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from browser import browser, needs_browser, seeing
from fastapi import FastAPI

from apps.recommender.server import WEB
from common.learning.watching.drift import Watched
from common.learning.watching.probation import Count
from common.releases.registry import Registry
from common.releases.release import write_release
from common.serving.app import create_app
from common.serving.learning import releases as routes
from common.serving.learning.drift import DriftMetrics, DriftMonitor
from common.serving.learning.releases import add_releases
from common.serving.speakers import Speakers
from common.serving.telemetry import Telemetry
from common.storage.audit_log import AuditLog
from common.storage.database import Database

GOLDEN = {"before": 0.5, "after": 0.55, "low": 0.01, "high": 0.09, "records": 240}
LEARNED = {
    "taken": 12,
    "rows": 14,
    "left_out": {"rejected by a person": 2},
    "golden": GOLDEN,
    "new": None,
    "groups": {},
    "verdict": "No worse",
}


@asynccontextmanager
async def _nothing(_: FastAPI) -> AsyncIterator[None]:
    yield


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = Registry(tmp_path, "test")

    def write(content: str, **manifest: object) -> str:
        def fill(directory: Path) -> None:
            (directory / "weights").write_text(content, encoding="utf-8")

        return write_release(made.releases, fill, {"base_model": "minilm", **manifest}).release_id

    first = write("1", after={"right": 0.5, "other": 1.0})
    second = write("2", after={"right": 0.55}, parent=first, learned=LEARNED)
    made.promote(first)
    made.promote(second)
    return made


def _app(
    registry: Registry,
    speakers: Speakers | None = None,
    drift: DriftMonitor[Any] | None = None,
) -> FastAPI:
    telemetry = Telemetry()
    if drift:
        telemetry.registry.register(DriftMetrics(drift))
    app = create_app(
        title="t",
        version="1",
        description="d",
        is_ready=lambda: (True, {}),
        lifespan=_nothing,
        telemetry=telemetry,
        max_body_bytes=4096,
        web=WEB,
    )
    trusted = speakers or Speakers(registry.root)
    add_releases(app, registry, trusted, ("right", "answered"), drift)
    return app


def test_they_are_listed_promoted_and_rolled_back(
    registry: Registry, served: Callable[..., Any]
) -> None:
    first, second = str(registry.previous_id()), str(registry.current_id())
    with served(_app(registry)) as address, httpx.Client(base_url=address) as client:
        found = client.get("/v1/releases").json()
        assert (found["current"], found["previous"]) == (second, first)
        assert found["figures"] == ["right", "answered"]
        rows = {row["release_id"]: row for row in found["releases"]}
        old, new = rows[first], rows[second]
        assert (old["figures"], old["learned"]) == ({"right": 0.5}, None)
        assert (new["parent"], new["learned"]["taken"]) == (first, 12)
        assert new["learned"]["golden"] == GOLDEN

        assert client.post("/v1/releases/rollbacks", json={}).json() == {"release_id": first}
        assert registry.current_id() == first
        reply = client.post("/v1/releases/rollbacks", json={})
        assert (reply.status_code, registry.current_id()) == (422, first)
        assert "no earlier release" in reply.json()["detail"]
        client.post("/v1/releases/promotions", json={"release_id": second})
        assert registry.current_id() == second
        reply = client.post("/v1/releases/promotions", json={"release_id": "../etc"})
        assert reply.status_code == 422
        registry.withdraw(second, "said to be bad: 10.0% → 60.0%")
        rows = client.get("/v1/releases").json()["releases"]
        withdrawn = {row["release_id"]: row["withdrawn"] for row in rows}
        assert withdrawn == {first: None, second: "said to be bad: 10.0% → 60.0%"}


def test_only_who_is_trusted_may(registry: Registry, served: Callable[..., Any]) -> None:
    speakers = Speakers(registry.root, has_keys=True)
    with served(_app(registry, speakers)) as address, httpx.Client(base_url=address) as client:
        assert client.get("/v1/releases").status_code == 403
        body, current = {"release_id": registry.previous_id()}, registry.current_id()
        assert client.post("/v1/releases/promotions", json=body).status_code == 403
        assert client.post("/v1/releases/rollbacks", json={}).status_code == 403
        assert registry.current_id() == current


@needs_browser
def test_the_page_shows_the_line_and_one_click_changes_what_serves(
    registry: Registry, served: Callable[..., Any], tmp_path: Path
) -> None:
    first, second = str(registry.previous_id()), str(registry.current_id())
    with served(_app(registry)) as address, browser(tmp_path / "profile") as driver:
        see = seeing(driver, 20)
        driver.get(f"{address}/web/shared/releases.html")
        assert "serves" in see("#rows li", second).text
        assert "learned from 12 · 2 left out" in see("#rows li", second).text
        assert "50.0% → 55.0% on 240 records (+1.0% to +9.0%)" in see("#rows li", second).text
        assert len(driver.find_elements("css selector", "#line circle")) == 2
        see("#rollback", first).click()
        see("#rows li[aria-current='true']", first)
        assert registry.current_id() == first
        see("#rows li:not([aria-current='true']) button", "Let it serve").click()
        see("#rows li[aria-current='true']", second)
        assert registry.current_id() == second
        registry.withdraw(second, "said to be bad: 10.0% → 60.0%")
        see("#rows .withdrawn", "Withdrawn: said to be bad")
        see("#language").click()
        assert "已撤下" in see("#rows .withdrawn").text
        assert driver.title == "版本"
        severe = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        assert not severe


def _drifting(registry: Registry, users: int) -> DriftMonitor[Any]:
    """Of users who are all new, where half of them were."""
    usual = {"new users": [0.0, 1.0] * 100, "behaviour": [1.0] * 200}
    rows = iter([(str(n), {"new users": 1.0, "behaviour": 1.0}) for n in range(users)])
    live: Any = SimpleNamespace(release_id=registry.current_id(), current=None)
    return DriftMonitor(
        live, lambda *_: Watched(usual, lambda: rows), lambda: None, of="users", root=registry.root
    )


@needs_browser
def test_drift_is_told_in_the_words_of_the_application(
    registry: Registry, served: Callable[..., Any], tmp_path: Path
) -> None:
    drift = _drifting(registry, 300)
    with served(_app(registry, drift=drift)) as address, browser(tmp_path / "profile") as driver:
        drift.read()
        metrics = httpx.get(f"{address}/metrics").text
        assert 'bizlm_drift_evidence{figure="new users"}' in metrics
        see = seeing(driver, 20)
        driver.get(f"{address}/web/shared/releases.html")
        see("#drift[data-state='drifted']", "300 users, each once a day")
        assert "when it was measured: share of new users." in see("#drift").text
        see("#language").click()
        see("#drift", "300 人次")
        see("#drift", "新用户占比")


def test_a_withdrawal_is_in_the_audit_log(
    registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    first, second = str(registry.previous_id()), str(registry.current_id())
    counts = {first: {"wrong": Count(20, 200)}, second: {"wrong": Count(60, 100)}}
    monkeypatch.setattr(routes, "PROBATION_SECONDS", 0.01)
    log = AuditLog(Database(tmp_path / "log.sqlite"), "shop")
    watching = routes.watch_probation(registry, lambda _: counts, log)
    watching.start()
    eventually(lambda: bool(log.changes()))
    watching.stop()
    [found] = log.changes()
    assert (found.what, found.before, found.after) == ("release.withdrawn", second, first)
