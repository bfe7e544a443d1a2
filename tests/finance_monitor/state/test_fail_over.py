"""Processes that share no disk, but a database: one dies, or sleeps for long; another goes on."""

from __future__ import annotations

import json
import random
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import databases
import psycopg
import pytest
from monitor_serving import copy_release
from news import quiet_then_surge
from processes import Process, run, wait_for
from receiving import receiving

from apps.finance_monitor.state.opening import Place, store_path
from apps.finance_monitor.store import Store

PATIENCE = 90
# With the patience of a test.
MAIN = """
from apps.finance_monitor.state import postgresql
postgresql.SILENT_SECONDS = 2.0
from apps.finance_monitor.cli import main
main()
"""


@pytest.fixture
def url() -> Iterator[str]:
    with databases.postgresql() as made:
        yield made


def _lines() -> list[str]:
    return [one.model_dump_json(exclude_none=True) + "\n" for one in quiet_then_surge()]


def _watching(feed: Path, store: Path, *more: object) -> list[object]:
    return ["-c", MAIN, "watch", feed, "--scored", "--store", store, *more]


def _kept(place: Place) -> list[object]:
    """Stories, windows, alerts and what was sent."""
    asked = (
        "SELECT sequence, id FROM stories ORDER BY 1",
        "SELECT * FROM windows ORDER BY start, key",
        "SELECT alert_id, status, content FROM alerts ORDER BY 1",
        "SELECT idempotency_key, body FROM outbox ORDER BY 1",
    )
    store = Store(place)
    try:
        rows = [[tuple(dict(row).values()) for row in store.rows(one)] for one in asked]
        # Collations differ.
        return [sorted(some) for some in rows]
    finally:
        store.close()


def _stories(url: str) -> int:
    with psycopg.connect(url) as database:
        try:
            (found,) = database.execute("SELECT count(*) FROM finance_monitor.stories").fetchone()
        except psycopg.errors.UndefinedTable:
            return 0
    return int(found)


def test_killed_one_after_the_other_on_machines_of_their_own_they_lose_nothing(
    url: str, tmp_path: Path
) -> None:
    feed = tmp_path / "feed.jsonl"
    feed.write_text("".join(_lines()), encoding="utf-8")
    whole = tmp_path / "whole"
    with receiving() as quiet, receiving() as receiver:
        done = run(*_watching(feed, whole, "--once", "--notify", quiet.url))
        assert done.returncode == 0, done.stderr
        kills = _watch_and_kill(feed, tmp_path, url, receiver.url)
        once, told = (
            Counter(headers["idempotency-key"] for headers, _ in one.got)
            for one in (quiet, receiver)
        )
    assert kills
    assert _kept(url) == _kept(store_path(whole / "finance_monitor"))
    assert told.keys() == once.keys()
    assert told.total() <= once.total() + kills


def _watch_and_kill(feed: Path, folder: Path, url: str, receiver: str) -> int:
    """Returns how many were killed while they watched."""
    rng = random.Random(5)
    machines = iter(range(99))

    def start() -> Process:
        more = ("--once", "--standby", "--database", url, "--notify", receiver)
        return Process(*_watching(feed, folder / f"machine-{next(machines)}", *more))

    active = start()
    kills = 0
    # The first at once: on a fast machine, all is read within a second.
    for seconds in (0.0, *(rng.uniform(0, 0.8) for _ in range(2))):
        wait_for(lambda: active.poll() is not None or _stories(url))  # noqa: B023
        following = start()
        time.sleep(seconds)
        kills += active.poll() is None
        active.send_signal(signal.SIGKILL)
        active.wait()
        active = following
    assert active.wait(PATIENCE) == 0
    return kills


def test_a_server_on_another_machine_goes_on(release: Path, url: str, tmp_path: Path) -> None:
    feed = tmp_path / "feed.jsonl"
    feed.write_text("".join(_lines()), encoding="utf-8")

    def serve(name: str) -> tuple[Process, Path]:
        said = tmp_path / name
        store = copy_release(release, tmp_path / f"{name}-var")
        options = ("--scored", "--standby", "--port", "0", "--store", store, "--database", url)
        with said.open("w") as file:
            verb = ("-m", "apps.finance_monitor", "serve", "--feed", feed)
            return Process(*verb, *options, stderr=file), said

    def ask(said: Path, path: str) -> Any:
        address = said.read_text(encoding="utf-8").partition("Ready: ")[2].split()[0]
        with urllib.request.urlopen(f"{address}{path}", timeout=30) as reply:
            return json.load(reply)

    first, said_first = serve("first")
    wait_for(lambda: "Ready: " in said_first.read_text(encoding="utf-8"))
    wait_for(lambda: _stories(url) == len(_lines()))
    second, said_second = serve("second")
    wait_for(lambda: "Standing by" in said_second.read_text(encoding="utf-8"))
    assert ask(said_first, "/v1/alerts")["alerts"]
    first.kill()
    wait_for(lambda: "Ready: " in said_second.read_text(encoding="utf-8"))
    assert ask(said_second, "/v1/status")["tally"]["records"] == len(_lines())
    assert [one["id"] for one in ask(said_second, "/v1/stories?q=s7-11")] == ["s7-11"]
    assert ask(said_second, "/v1/alerts")["alerts"]
    assert ask(said_second, "/v1/trends?hours=1440")["keys"]
    second.terminate()
    assert second.wait(PATIENCE) == 0


def test_one_that_was_stopped_and_wakes_up_ends_and_changes_nothing(
    url: str, tmp_path: Path
) -> None:
    feed, lines = tmp_path / "feed.jsonl", _lines()
    cut = len(lines) // 2
    feed.write_text("".join(lines[:cut]), encoding="utf-8")
    said = tmp_path / "said"
    with said.open("w") as file:
        first = Process(*_watching(feed, tmp_path / "a", "--json", "--database", url), stderr=file)
        wait_for(lambda: _stories(url) == cut)
        first.send_signal(signal.SIGSTOP)
        try:
            with feed.open("a", encoding="utf-8") as more:
                more.write("".join(lines[cut:]))
            done = run(*_watching(feed, tmp_path / "b", "--once", "--standby", "--database", url))
            assert done.returncode == 0, done.stderr
            assert "No other process watches" in done.stderr
            kept = _kept(url)
        finally:
            first.send_signal(signal.SIGCONT)
        assert first.wait(PATIENCE) == 3
    assert "another process watches by now" in said.read_text(encoding="utf-8")
    assert "Traceback" not in said.read_text(encoding="utf-8")
    assert _stories(url) == len(lines)
    assert _kept(url) == kept
