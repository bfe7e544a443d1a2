"""A second process that waits, and goes on where the first was when it died."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from monitor_serving import copy_release
from news import quiet_then_surge
from processes import Process, run

from apps.finance_monitor.watch.running import LOCK
from common.files import exclusive_lock

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


def _wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_killed_one_after_the_other_they_lose_nothing_and_tell_nothing_twice(
    feed: Path, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = run(*_watching(feed, whole))
    assert done.returncode == 0, done.stderr
    rng = random.Random(5)
    database = killed / "finance_monitor" / "monitor.sqlite"
    active = Process(*_watching(feed, killed, "--standby"))
    kills = 0
    for _ in range(4):
        _wait(lambda: active.poll() is not None or database.exists())  # noqa: B023
        following = Process(*_watching(feed, killed, "--standby"))
        time.sleep(rng.uniform(0, 0.8))
        kills += active.poll() is None
        active.send_signal(signal.SIGKILL)
        active.wait()
        active = following
    assert active.wait(PATIENCE) == 0
    assert kills
    assert _kept(killed) == _kept(whole)


def test_it_reads_nothing_while_another_watches(feed: Path, tmp_path: Path) -> None:
    store = tmp_path / "var"
    said = tmp_path / "said"
    with said.open("w") as file:
        with exclusive_lock(store / "finance_monitor" / LOCK):
            refused = run(*_watching(feed, store))
            assert refused.returncode == 2
            assert "another process" in refused.stderr
            waiting = Process(*_watching(feed, store, "--standby"), stderr=file)
            _wait(lambda: WAITS in said.read_text())
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
            _wait(lambda: WAITS in said.read_text())
            assert server.poll() is None
        _wait(lambda: "Ready: " in said.read_text())
    address = said.read_text().partition("Ready: ")[2].split()[0]
    # Nothing was promised before.
    assert said.read_text().index(WAITS) < said.read_text().index("Ready: ")

    def records() -> int:
        with urllib.request.urlopen(f"{address}/v1/status", timeout=30) as reply:
            return int(json.load(reply)["tally"].get("records", 0))

    _wait(lambda: records() == len(quiet_then_surge()))
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
