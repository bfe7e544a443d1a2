"""A second process that waits, and goes on where the first was when it died."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from monitor_serving import copy_release
from news import quiet_then_surge
from processes import Process, run, wait_for
from receiving import receiving

from apps.finance_monitor.state.backend import DeposedError
from apps.finance_monitor.state.sqlite_file import LOCK
from apps.finance_monitor.watch import running, service
from apps.finance_monitor.watch.running import Options, open_watch
from apps.finance_monitor.watch.service import MonitorService
from common.files import exclusive_lock
from common.releases.registry import Registry

PATIENCE = 60
WAITS = "Standing by"


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "feed.jsonl"
    lines = [one.model_dump_json(exclude_none=True) for one in quiet_then_surge()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _watching(feed: Path, store: Path, *more: str) -> list[str]:
    verb = ["-m", "apps.finance_monitor", "watch", str(feed), "--scored", "--once"]
    return [*verb, "--store", str(store), "--notify", f"jsonl:{store}/told.jsonl", *more]


def _kept(store: Path) -> list[object]:
    """Stories, windows, alerts, what was sent and what was told, each as often as it is there."""
    asked = (
        "SELECT sequence, id FROM stories ORDER BY 1",
        "SELECT * FROM windows ORDER BY start, key",
        "SELECT alert_id, status, content FROM alerts ORDER BY 1",
        "SELECT idempotency_key, body FROM outbox ORDER BY 1",
    )
    database = sqlite3.connect(store / "finance_monitor" / "monitor.sqlite")
    told = (store / "told.jsonl").read_text(encoding="utf-8").splitlines()
    return [*(database.execute(one).fetchall() for one in asked), list(map(json.loads, told))]


def test_killed_one_after_the_other_they_lose_nothing_and_tell_at_most_once_more_a_kill(
    feed: Path, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with receiving() as quiet, receiving() as receiver:
        done = run(*_watching(feed, whole, "--notify", quiet.url))
        assert done.returncode == 0, done.stderr
        kills = _watch_and_kill(feed, killed, receiver.url)
        once, told = (
            Counter(headers["idempotency-key"] for headers, _ in one.got)
            for one in (quiet, receiver)
        )
    assert kills
    assert _kept(killed) == _kept(whole)
    assert set(once.values()) == {1}
    assert told.keys() == once.keys()
    assert told.total() <= once.total() + kills


def _watch_and_kill(feed: Path, killed: Path, url: str) -> int:
    """Returns how many were killed while they watched."""
    command = _watching(feed, killed, "--standby", "--notify", url)
    rng = random.Random(5)
    database = killed / "finance_monitor" / "monitor.sqlite"
    active = Process(*command)
    kills = 0
    # The first at once: on a fast machine, all is read within a second.
    for seconds in (0.0, *(rng.uniform(0, 0.8) for _ in range(3))):
        wait_for(lambda: active.poll() is not None or database.exists())  # noqa: B023
        following = Process(*command)
        time.sleep(seconds)
        kills += active.poll() is None
        active.send_signal(signal.SIGKILL)
        active.wait()
        active = following
    assert active.wait(PATIENCE) == 0
    return kills


def test_it_reads_nothing_while_another_watches(feed: Path, tmp_path: Path) -> None:
    store = tmp_path / "var"
    said = tmp_path / "said"
    with said.open("w") as file:
        with exclusive_lock(store / "finance_monitor" / LOCK):
            refused = run(*_watching(feed, store))
            assert refused.returncode == 2
            assert "another process" in refused.stderr
            waiting = Process(*_watching(feed, store, "--standby"), stderr=file)
            wait_for(lambda: WAITS in said.read_text())
            assert waiting.poll() is None
            assert not list(store.rglob("*.sqlite"))
        assert waiting.wait(PATIENCE) == 0
    assert _kept(store)[0]


def test_a_server_that_stands_by_listens_when_it_begins(
    release: Path, feed: Path, tmp_path: Path
) -> None:
    store = copy_release(release, tmp_path / "var")
    said = tmp_path / "said"
    command = ("-m", "apps.finance_monitor", "serve", "--scored", "--feed", feed, "--standby")
    with said.open("w") as file:
        with exclusive_lock(store / "finance_monitor" / LOCK):
            server = Process(*command, "--port", "0", "--store", store, stderr=file)
            wait_for(lambda: WAITS in said.read_text())
            assert server.poll() is None
        wait_for(lambda: "Ready: " in said.read_text())
    address = said.read_text().partition("Ready: ")[2].split()[0]
    # Nothing was promised before.
    assert said.read_text().index(WAITS) < said.read_text().index("Ready: ")

    def records() -> int:
        with urllib.request.urlopen(f"{address}/v1/status", timeout=30) as reply:
            return int(json.load(reply)["tally"].get("records", 0))

    wait_for(lambda: records() == len(quiet_then_surge()))
    server.terminate()
    assert server.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["-"], "nobody can go on reading stdin"),
        (["feed", "--score-only", "redis://h/s"], "need none"),
    ],
)
def test_where_it_makes_no_sense_it_is_refused(tmp_path: Path, more: list[str], told: str) -> None:
    verb = ("-m", "apps.finance_monitor", "watch", *more, "--standby")
    done: subprocess.CompletedProcess[str] = run(*verb, "--store", tmp_path)
    assert done.returncode == 2
    assert told in done.stderr


@pytest.mark.parametrize(
    "more",
    [[], ["--feed", "redis://h/s", "--stories"]],
)
def test_what_is_sent_to_one_machine_is_no_feed_of_another(tmp_path: Path, more: list[str]) -> None:
    verb = ("-m", "apps.finance_monitor", "serve", *more, "--standby", "--store", tmp_path)
    done: subprocess.CompletedProcess[str] = run(*verb, "--database", "postgresql://h/name")
    assert done.returncode == 2
    assert "kept on this machine" in done.stderr


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--host", "0.0.0.0"], "no API keys"),
        (["--api-key-file", "missing.toml"], "missing.toml"),
    ],
)
def test_what_would_fail_once_it_takes_over_is_refused_at_the_start(
    release: Path, feed: Path, tmp_path: Path, more: list[str], told: str
) -> None:
    store = copy_release(release, tmp_path / "var")
    command = ("-m", "apps.finance_monitor", "serve", "--scored", "--feed", feed, "--standby")
    with exclusive_lock(store / "finance_monitor" / LOCK):
        done = run(*command, "--port", "0", "--store", store, *more)
    assert done.returncode == 2
    assert told in done.stderr
    assert WAITS not in done.stderr


def _stand_by(
    directory: Path, monkeypatch: pytest.MonkeyPatch, begin: Callable[[], None], change: Any
) -> None:
    """Let `change` happen while `begin` waits for another that watches."""
    said: list[str] = []
    monkeypatch.setattr(running, "say", said.append)
    waiting = Thread(target=begin, daemon=True)
    with exclusive_lock(directory / LOCK):
        waiting.start()
        wait_for(lambda: any(WAITS in line for line in said))
        change()
    waiting.join(PATIENCE)
    assert not waiting.is_alive()


@pytest.mark.parametrize(("written", "begins_with"), [("second", "second"), (None, "first")])
def test_it_begins_with_what_is_watched_by_then(
    written: str | None, begins_with: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, found = tmp_path / "watchlists.toml", []

    def write(name: str | None) -> None:
        content = f'[[watchlist]]\nname = "{name}"\ncompanies = ["Alba"]\n' if name else "broken"
        path.write_text(content, encoding="utf-8")

    def begin() -> None:
        options = Options(watchlists=path)
        with open_watch(tmp_path, options, None, [], standby=True) as watch:
            found.extend(one.name for one in watch.monitor.rules.watchlists)

    write("first")
    _stand_by(tmp_path, monkeypatch, begin, lambda: write(written))
    assert found == [begins_with]


def test_a_server_begins_with_the_release_that_serves_by_then(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(copy_release(release, tmp_path / "var"), "finance_monitor")
    first = registry.current_id()
    assert first
    releases = registry.root / "releases"
    manifest = releases / "later" / "manifest.json"
    services: list[MonitorService] = []

    def promote() -> None:
        shutil.copytree(releases / first, manifest.parent)
        told = json.loads(manifest.read_text(encoding="utf-8"))
        manifest.write_text(json.dumps(told | {"release_id": "later"}), encoding="utf-8")
        registry.promote("later")

    _stand_by(
        registry.root,
        monkeypatch,
        lambda: services.append(MonitorService(registry, Options(), standby=True)),
        promote,
    )
    assert services[0].live.release_id == "later"
    assert services[0].watch._classifier is services[0].live.current
    services[0]._resources.close()


@pytest.mark.parametrize(
    ("error", "standby", "ends"),
    [
        (RuntimeError("broken"), True, True),
        (RuntimeError("broken"), False, False),
        (DeposedError("broken"), False, True),
    ],
)
def test_a_watch_that_cannot_go_on_makes_room_for_who_stands_by(
    error: Exception,
    standby: bool,
    ends: bool,
    release: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(service, "follow", fail)
    monkeypatch.setattr(os, "kill", lambda *told: sent.append(told))
    registry = Registry(copy_release(release, tmp_path / "var"), "finance_monitor")
    watching = MonitorService(registry, Options(), standby=standby)
    watching.start()
    wait_for(lambda: watching.is_over)
    watching.stop()
    assert watching.failed == "the watch has ended: broken"
    assert watching.makes_room == ends
    assert sent == ([(os.getpid(), signal.SIGTERM)] if ends else [])
