"""Releases, databases, spools and feeds that were damaged: told clearly, and nothing else lost."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from apps.finance_monitor.state.opening import store_path
from benchmarks.chaos.applications import APPLICATIONS, Application, name_of
from benchmarks.chaos.flipping import flip
from benchmarks.chaos.rounds import BrokenError, Play, Scene
from benchmarks.chaos.running import Running, check_told_once, wait_for
from benchmarks.chaos.stores import furnish
from benchmarks.chaos.watching import finish
from common.errors import Exit
from common.learning.schema import Feedback
from common.learning.spool import SPOOL, Spool
from common.learning.store import FeedbackStore
from common.storage.database import DATABASE
from tests.finance_monitor.news import quiet_then_surge

ROUNDS = 3
PAGE = 4096


def _serve(application: Application, scene: Scene, store: Path) -> Running:
    options = application.options(scene)
    return Running(f"apps.{application.name}", "serve", "--store", store, "--port", 0, *options)


def _refused(running: Running, about: str) -> int:
    """See that it does not begin, and says why.

    Raises:
        BrokenError: it begins, or says nothing of the file.
    """
    code = running.wait()
    if code != Exit.BAD_INPUT:
        raise BrokenError(f"exit code {code} instead of 2: {running.last_words()}")
    if not any(about in line for line in running.log):
        raise BrokenError(f"nothing is said of {about}: {running.last_words()}")
    return check_told_once(running.log)


def _release(
    application: Application, scene: Scene, rng: random.Random
) -> Iterator[dict[str, Any]]:
    for _ in range(ROUNDS):
        store = furnish(scene, scene.place("corrupt") / "var", application.name, copied=True)
        [release] = (store / application.name / "releases").glob("[!.]*")
        files = [path for path in release.rglob("*") if path.is_file() and path.stat().st_size]
        damaged = rng.choice([path for path in sorted(files) if path.name != "manifest.json"])
        places = flip(damaged, rng)
        told = _refused(_serve(application, scene, store), damaged.name)
        yield {"file": damaged.name, "bytes": places, "lines told": told}


def _database(
    application: Application, scene: Scene, rng: random.Random
) -> Iterator[dict[str, Any]]:
    """Its first page: without it the file is none of SQLite's."""
    for _ in range(ROUNDS):
        store = furnish(scene, scene.place("corrupt") / "var", application.name)
        running = _serve(application, scene, store)
        running.address()
        running.terminate()
        running.wait()
        path = (
            store / DATABASE if application.has_database else store_path(store / application.name)
        )
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        head = rng.randbytes(PAGE)
        with path.open("rb+") as file:
            file.write(head)
        told = _refused(_serve(application, scene, store), path.name)
        if path.read_bytes()[:PAGE] != head:
            raise BrokenError("the damaged file was written to")
        yield {"file": path.name, "lines told": told}


def _spool(scene: Scene, rng: random.Random) -> Iterator[dict[str, Any]]:
    application = APPLICATIONS["customer_service"]
    for _ in range(ROUNDS):
        store = furnish(scene, scene.place("corrupt") / "var", application.name)
        path = store / application.name / SPOOL
        rows = [
            Feedback(at=time.time(), source="x", kind="bad", text=name_of(number), id=str(number))
            for number in range(30)
        ]
        Spool(path, FeedbackStore.kinds).append(rows)
        flip(path, rng, times=5)
        readable = len(_readable(path))
        running = _serve(application, scene, store)
        running.address()
        wait_for(lambda path=path: not path.exists(), "the spool is never read")
        running.terminate()
        running.wait()
        kept = application.stored(store, None).total()
        aside = path.with_name(f"{path.name}.unreadable")
        if kept != readable or (readable < len(rows)) != aside.exists():
            raise BrokenError(f"{readable} of {len(rows)} rows could be read, {kept} are kept")
        yield {"rows": len(rows), "kept": kept, "lines told": check_told_once(running.log)}


def _readable(spool: Path) -> set[str]:
    found = set()
    for line in spool.read_bytes().split(b"\n"):
        try:
            kind, values = json.loads(line)
            assert kind == "feedback"
            found.add(Feedback.model_validate(values).id)
        except (ValueError, AssertionError, TypeError):
            continue
    return found


def _feed(scene: Scene, rng: random.Random) -> Iterator[dict[str, Any]]:
    lines = [one.model_dump_json(exclude_none=True) + "\n" for one in quiet_then_surge(days=2)]
    for _ in range(ROUNDS):
        place = scene.place("corrupt")
        feed, store = place / "feed.jsonl", place / "var"
        feed.write_text("".join(lines), encoding="utf-8")
        flip(feed, rng, times=20)
        running = finish(feed, store)
        wanted = sum(bool(line.strip()) for line in feed.read_bytes().split(b"\n"))
        rejected = store / "finance_monitor" / "rejected.jsonl"
        refused = len(rejected.read_bytes().splitlines()) if rejected.exists() else 0
        with closing(sqlite3.connect(store_path(store / "finance_monitor"))) as database:
            stories = database.execute("SELECT count(*) FROM stories").fetchone()[0]
        repeated = int(running.last_words().partition("late,")[2].split()[0])
        if stories + refused + repeated != wanted:
            raise BrokenError(f"{wanted} lines: {stories} stories, {refused} rejected")
        told = check_told_once(running.log)
        yield {"lines": wanted, "rejected": refused, "lines told": told}


def plays() -> Iterator[tuple[str, str, Play]]:
    """Fault, target, and how it is played."""
    for name, application in APPLICATIONS.items():
        yield "corrupt files", f"release of {name}", partial(_release, application)
        yield "corrupt files", f"database of {name}", partial(_database, application)
    yield "corrupt files", "spool of customer_service", _spool
    yield "corrupt files", "feed of finance_monitor", _feed
