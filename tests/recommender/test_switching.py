"""A running server goes over to the release that was promoted, and no request fails for it."""

from __future__ import annotations

import gc
import json
import logging
import shutil
import subprocess
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from processes import Process
from shop import Shelf, Shop, serving
from trained_shop import succeed

from apps.recommender.experiments.assignment import EXPERIMENT, Arms, begin_experiment
from apps.recommender.interactions.user_ids import UserIds
from apps.recommender.server import Recommender, build_app
from common.errors import UserError
from common.serving.switching import live as watch
from common.serving.switching.live import LiveRelease

Wait = Callable[[Callable[[], bool]], None]


class Street:
    """A server over a shelf of shops; without `may_open` and `may_answer` they wait."""

    def __init__(self) -> None:
        self.shelf = Shelf("first")
        self.may_open, self.may_answer = threading.Event(), threading.Event()
        self.may_open.set()
        self.may_answer.set()
        self.being_answered = threading.Event()
        self.opened: list[weakref.ref[Recommender]] = []
        self.client = httpx.Client()

    def open(self, release: SimpleNamespace) -> Recommender:
        assert self.may_open.wait(30)
        match release.release_id:
            case "with other columns":
                raise UserError("the release was trained with other columns of users: age")
            case "with half a file":
                raise KeyError("choices")
        shop = _OnStreet(release.release_id, self)
        if release.release_id == "second":
            shop.users = UserIds([*shop.users, "joined-later"])
        self.opened.append(weakref.ref(shop))
        return shop

    def ask(self) -> str:
        reply = self.client.get("/v1/recommendations/reader-1").raise_for_status()
        return reply.json()["model_id"]

    def reasons(self) -> dict[str, str]:
        return self.client.get("/readyz").raise_for_status().json()["reasons"]


class _OnStreet(Shop):
    def __init__(self, model_id: str, street: Street) -> None:
        super().__init__(model_id)
        self._street = street

    def recommend(self, user_id: str, k: int, **wanted: Any) -> list[Any]:
        self._street.being_answered.set()
        assert self._street.may_answer.wait(30)
        return super().recommend(user_id, k, **wanted)


@pytest.fixture
def street(monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.01)
    made = Street()
    app = build_app(LiveRelease(made.shelf, made.open))
    with serving(app) as address, httpx.Client(base_url=address, timeout=30) as made.client:
        yield made
        made.may_open.set()
        made.may_answer.set()


def test_the_old_release_answers_while_the_new_one_is_opened(
    street: Street, eventually: Wait
) -> None:
    street.may_open.clear()
    street.shelf.current = "second"
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: street.ask(), range(40))) == {"first"}
        street.may_open.set()
        seen: list[str] = []

        def is_over() -> bool:
            seen.extend(pool.map(lambda _: street.ask(), range(4)))
            return seen[-1] == "second"

        eventually(is_over)
    assert set(seen) <= {"first", "second"}
    assert street.reasons() == {"model_id": "second"}
    street.shelf.current = "first"
    eventually(lambda: street.ask() == "first")


def test_a_request_under_way_ends_with_the_release_it_began_with(
    street: Street, eventually: Wait
) -> None:
    street.may_answer.clear()
    with ThreadPoolExecutor(2) as pool:
        under_way = pool.submit(street.ask)
        assert street.being_answered.wait(30)
        street.shelf.current = "second"
        eventually(lambda: street.reasons()["model_id"] == "second")
        later = pool.submit(street.ask)
        street.may_answer.set()
        assert under_way.result() == "first"
        assert later.result() == "second"


def test_the_users_are_those_of_the_new_release(street: Street, eventually: Wait) -> None:
    newcomer = "/v1/users/joined-later/history"
    assert street.client.get(newcomer).status_code == 404
    total = street.client.get("/v1/users").json()["total"]
    street.shelf.current = "second"
    eventually(lambda: street.client.get(newcomer).status_code == 200)
    assert street.client.get("/v1/users", params={"query": "joined"}).json() == {
        "total": total + 1,
        "users": ["joined-later"],
    }


@pytest.mark.parametrize("bad", ["with other columns", "with half a file"])
def test_a_release_that_cannot_be_opened_leaves_the_old_one_serving(
    bad: str, street: Street, eventually: Wait, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        street.shelf.current = bad
        eventually(lambda: street.reasons() == {"model_id": "first", "refused_release": bad})
    assert street.ask() == "first"
    assert f"release {bad} is refused" in caplog.text
    street.shelf.current = "second"
    eventually(lambda: street.ask() == "second")
    assert street.reasons() == {"model_id": "second"}


def test_the_old_release_is_let_go(street: Street, eventually: Wait) -> None:
    street.ask()
    gc.disable()
    try:
        for name in ("second", "third"):
            before = street.opened[-1]
            street.shelf.current = name
            eventually(lambda name=name: street.ask() == name)
            eventually(lambda before=before: before() is None)
    finally:
        gc.enable()


def test_a_release_that_was_chosen_serves_whatever_is_promoted(
    monkeypatch: pytest.MonkeyPatch, eventually: Wait
) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.01)
    shelf = Shelf("first")
    chosen = LiveRelease(shelf, lambda release: release.release_id, release_id="second")
    follows = LiveRelease(shelf, lambda release: release.release_id)
    for one in (chosen, follows):
        one.start()
    shelf.current = "third"
    eventually(lambda: follows.current == "third")
    assert chosen.current == "second"
    for one in (chosen, follows):
        one.stop()


def test_an_experiment_that_cannot_be_read_does_not_end_the_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Wait
) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.01)
    shelf, read = Shelf("first"), list[str]()
    live = LiveRelease(shelf, lambda release: release.release_id)
    other = LiveRelease(shelf, lambda release: read.append(live.release_id), release_id="other")
    experiment = begin_experiment(tmp_path, "other", 0.5, "first")
    Arms[Any](live, experiment, other, tmp_path)
    live.start()
    for name, damaged in (("second", "{half"), ("third", "{}")):
        (tmp_path / EXPERIMENT).write_text(damaged, encoding="utf-8")
        shelf.current = name
        eventually(lambda name=name: live.current == name)
    shelf.current = "fourth"
    eventually(lambda: live.current == "fourth")
    live.stop()
    assert read[:2] == ["first", "second"], "the other one is opened with the data as it is then"


@contextmanager
def _served(*arguments: object) -> Iterator[tuple[str, list[str]]]:
    """The real server: its address, and its log as it comes."""
    command = ("-m", "apps.recommender", "serve", "--port", 0, *arguments)
    process = Process(*command, stderr=subprocess.PIPE)
    assert process.stderr
    address = next(line.split()[1] for line in process.stderr if line.startswith("Ready:"))
    log: list[str] = []
    threading.Thread(target=log.extend, args=(process.stderr,), daemon=True).start()
    yield address, log
    process.terminate()
    assert process.wait(60) == 0


def _copied(store: Path, release_id: str) -> None:
    """The release that serves once more, under another name."""
    current = (store / "recommender" / "current").resolve()
    copy = shutil.copytree(current, current.with_name(release_id))
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    manifest["release_id"] = release_id
    (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_a_real_server_reads_its_files_anew_and_fails_no_request(
    data: tuple[object, ...], store: Path, tmp_path: Path, eventually: Wait
) -> None:
    mine = shutil.copytree(store, tmp_path / "var", symlinks=True)
    first = (mine / "recommender" / "current").resolve().name
    _copied(mine, "second")
    interactions, users = tmp_path / "interactions.csv", tmp_path / "users.csv"
    shutil.copy(str(data[1]), interactions)
    shutil.copy(str(data[-1]), users)
    whole = users.read_text(encoding="utf-8")
    files = ("--interactions", interactions, "--items", data[5], "--users", users)
    with (
        _served(*files, "--store", mine) as (address, log),
        httpx.Client(base_url=address, timeout=60) as client,
        ThreadPoolExecutor(4) as pool,
    ):

        def reasons() -> dict[str, str]:
            return client.get("/readyz").json()["reasons"]

        def ask(_: int) -> tuple[int, str]:
            reply = client.get("/v1/recommendations/user-042")
            return reply.status_code, reply.json()["model_id"]

        users.write_text("user_id,shoe_size\n,43\n", encoding="utf-8")
        succeed("releases", "promote", "second", "--store", mine)
        eventually(lambda: reasons() == {"model_id": first, "refused_release": "second"})
        eventually(lambda: any("second is refused" in line and "bad" in line for line in list(log)))
        assert ask(0) == (200, first)

        succeed("releases", "rollback", "--store", mine)
        eventually(lambda: reasons() == {"model_id": first})
        users.write_text(whole, encoding="utf-8")
        with interactions.open("a", encoding="utf-8") as file:
            file.write(_another_readers(interactions))
        newcomer = "/v1/users/joined-later/history"
        assert client.get(newcomer).status_code == 404
        succeed("releases", "promote", "second", "--store", mine)
        seen: list[tuple[int, str]] = []

        def is_over() -> bool:
            seen.extend(pool.map(ask, range(4)))
            return seen[-1][1] == "second"

        eventually(is_over)
        assert {status for status, _ in seen} == {200}
        assert {model for _, model in seen} <= {first, "second"}
        assert client.get(newcomer).json()["total"] == 1


def _another_readers(interactions: Path) -> str:
    """The last line of a file, as that of somebody new."""
    last = interactions.read_text(encoding="utf-8").splitlines()[-1]
    return f"joined-later,{last.partition(',')[2]}\n"
