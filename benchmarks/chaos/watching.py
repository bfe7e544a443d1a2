"""The monitor's `watch`, from a file and through Redis: it tells what a quiet run tells."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

from apps.finance_monitor.state.opening import store_path
from benchmarks.chaos.disk import slow, small_disk
from benchmarks.chaos.proxy import Proxy
from benchmarks.chaos.rounds import BrokenError, LeftOutError, Play, Scene
from benchmarks.chaos.running import Running, check_told_once, wait_for
from benchmarks.watch_machines import redis_server
from tests.finance_monitor.news import quiet_then_surge, record

ROUNDS = 3
FULL, STOPPED = 0, 2
SCORED = 200


def watch(feed: object, store: Path) -> Running:
    """Follow scored stories to their end."""
    told = ("--notify", f"jsonl:{store}/told.jsonl", "--store", store)
    return Running("apps.finance_monitor", "watch", feed, "--scored", "--once", *told)


def outcome(store: Path) -> tuple[list[Any], list[Any], list[Any]]:
    """What receivers were told, in their order; the alerts; the stories."""
    lines = (store / "told.jsonl").read_text(encoding="utf-8").splitlines()
    path = store_path(store / "finance_monitor")
    with closing(sqlite3.connect(path)) as database:
        alerts = database.execute("SELECT content, muted_by FROM alerts ORDER BY alert_id")
        stories = database.execute("SELECT sequence, id FROM stories ORDER BY sequence")
        return [json.loads(line) for line in lines], alerts.fetchall(), stories.fetchall()


def finish(feed: object, store: Path) -> Running:
    """Run to the end.

    Raises:
        BrokenError: it ends otherwise than well.
    """
    running = watch(feed, store)
    if code := running.wait():
        raise BrokenError(f"exit code {code}: {running.last_words()}")
    return running


def began(running: Running, store: Path) -> None:
    """Wait until it has written something, or has ended."""
    path = store_path(store / "finance_monitor")
    wait_for(lambda: path.exists() or running.is_over, "it never began")


def quiet(scene: Scene) -> tuple[Path, tuple[list[Any], list[Any], list[Any]]]:
    """The feed, and what comes of it where nothing fails."""
    place = scene.place("quiet")
    feed = place / "feed.jsonl"
    lines = [one.model_dump_json(exclude_none=True) + "\n" for one in quiet_then_surge()]
    feed.write_text("".join(lines), encoding="utf-8")
    finish(feed, place / "var")
    found = outcome(place / "var")
    if not found[0]:
        raise BrokenError("a surge was not told")
    return feed, found


def compare(store: Path, expected: tuple[list[Any], list[Any], list[Any]]) -> None:
    """See that it came out as in the quiet run.

    Raises:
        BrokenError: it did not.
    """
    for name, found, wanted in zip(
        ("notifications", "alerts", "stories"), outcome(store), expected, strict=True
    ):
        if found != wanted:
            raise BrokenError(f"{name}: {len(found)} instead of {len(wanted)}, or others")


def _kill(scene: Scene, rng: random.Random) -> Iterator[dict[str, Any]]:
    feed, expected = quiet(scene)
    for _ in range(ROUNDS):
        store = scene.place("watch") / "var"
        kills = 0
        for _ in range(2):
            running = watch(feed, store)
            began(running, store)
            time.sleep(rng.uniform(0, 0.6))
            kills += not running.is_over
            running.kill()
        told = check_told_once(finish(feed, store).log)
        compare(store, expected)
        yield {"kills": kills, "lines told": told}


def _full_disk(scene: Scene, rng: random.Random) -> Iterator[dict[str, Any]]:
    feed, expected = quiet(scene)
    for number in range(ROUNDS):
        store = scene.place("watch")
        with small_disk(store) as disk:
            running = watch(feed, store)
            began(running, store)
            time.sleep(rng.uniform(0, 0.4))
            with disk.full():
                time.sleep(rng.uniform(0.2, 1.5))
                if is_stopped := number % 2 == 1:
                    running.terminate()
                    code = running.wait()
            if is_stopped:
                if code not in {FULL, STOPPED}:
                    raise BrokenError(f"exit code {code}: {running.last_words()}")
                again = finish(feed, store)
                check_told_once(again.log)
            elif code := running.wait():
                # It could not even begin: then it says so, and is started again.
                if code != STOPPED:
                    raise BrokenError(f"exit code {code}: {running.last_words()}")
                finish(feed, store)
            told = check_told_once(running.log)
            compare(store, expected)
        yield {"stopped meanwhile": is_stopped, "exit code": code, "lines told": told}


def _slow_disk(scene: Scene, rng: random.Random) -> Iterator[dict[str, Any]]:
    feed, expected = quiet(scene)
    for _ in range(ROUNDS):
        store = scene.place("watch") / "var"
        running = watch(feed, store)
        began(running, store)
        if not running.is_over:
            with slow(running.pid):
                time.sleep(rng.uniform(1, 3))
        if code := running.wait():
            raise BrokenError(f"exit code {code}: {running.last_words()}")
        compare(store, expected)
        yield {"lines told": check_told_once(running.log)}


def _partition(scene: Scene, rng: random.Random) -> Iterator[dict[str, Any]]:
    _, expected = quiet(scene)
    with ExitStack() as stack:
        client, address = _redis(scene, stack)
        for one in quiet_then_surge():
            client.xadd("scored", {"record": one.model_dump_json(exclude_none=True)})
        for number in range(ROUNDS):
            store = scene.place("watch") / "var"
            with Proxy(int(address.rpartition(":")[2])) as proxy:
                group = f"?group=g{number}&consumer=detector"
                running = watch(f"{proxy.address}/scored{group}", store)
                began(running, store)
                how = rng.choice((proxy.hold, proxy.cut, proxy.lose_answers))
                time.sleep(rng.uniform(0, 0.5))
                how()
                time.sleep(rng.uniform(0.2, 2))
                proxy.restore()
                if code := running.wait():
                    raise BrokenError(f"exit code {code}: {running.last_words()}")
            compare(store, expected)
            yield {"line": how.__name__, "lines told": check_told_once(running.log)}


def _partitioned_worker(scene: Scene, rng: random.Random) -> Iterator[dict[str, Any]]:
    expected = sorted(f"r{number}" for number in range(SCORED))
    with ExitStack() as stack:
        client, address = _redis(scene, stack)
        with Proxy(int(address.rpartition(":")[2])) as proxy:
            source = f"{proxy.address}/news?group=g&consumer=worker"
            store = ("--store", scene.releases, "--score-only", f"{proxy.address}/scored")
            running = Running("apps.finance_monitor", "watch", source, *store)
            stack.callback(running.kill)
            for _ in range(ROUNDS):
                client.delete("scored")
                for identity in expected:
                    one = record(identity, 1, f"{identity} warns of heavy losses")
                    client.xadd("news", {"record": one.model_dump_json(exclude_none=True)})
                wait_for(lambda: client.xlen("scored") or running.is_over, "it never began")
                how = rng.choice((proxy.hold, proxy.cut, proxy.lose_answers))
                how()
                time.sleep(rng.uniform(0.2, 2))
                proxy.restore()
                wait_for(partial(_is_done, client, running), "it does not go on")
                found = [json.loads(row[b"record"])["id"] for _, row in client.xrange("scored")]
                if sorted(found) != expected:
                    raise BrokenError(f"{len(found)} scored, {len({*found})} of {SCORED} stories")
                yield {"line": how.__name__, "lines told": check_told_once(running.log)}


def _is_done(client: Any, running: Running) -> bool:
    if running.is_over:
        raise BrokenError(f"the worker ended: {running.last_words()}")
    return not client.xinfo_groups("news")[0]["lag"] and not client.xpending("news", "g")["pending"]


def _redis(scene: Scene, stack: ExitStack) -> tuple[Any, str]:
    try:
        return stack.enter_context(redis_server(scene.place("redis")))
    except SystemExit as error:
        raise LeftOutError(str(error)) from None


def plays() -> Iterator[tuple[str, str, Play]]:
    """Fault, target, and how it is played."""
    yield "kill", "finance_monitor watch", _kill
    yield "full disk", "finance_monitor watch", _full_disk
    yield "slow disk", "finance_monitor watch", _slow_disk
    yield "partitioned Redis", "finance_monitor watch", _partition
    yield "partitioned Redis", "finance_monitor watch --score-only", _partitioned_worker
