"""The recommender's `score`: the same bytes, whatever stopped it in between."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.chaos.disk import small_disk
from benchmarks.chaos.flipping import flip
from benchmarks.chaos.rounds import BrokenError, Play, Scene
from benchmarks.chaos.running import Running, check_told_once, wait_for
from benchmarks.chaos.stores import furnish, shop
from benchmarks.recommender_recovery import content_hash, finished_shards
from common.errors import Exit

ROUNDS = 3
SHARDS = 6


def score(scene: Scene, store: Path) -> Running:
    """Rank for all readers, ten to a shard, into `out` beside the application's folder."""
    shards = ("--workers", 1, "--shard-size", 10, "--k", 20)
    return Running(
        *("apps.recommender", "score", *shop(scene.files), *shards),
        *("--store", store, "--out", store / "out", "--device", "cpu"),
    )


def finish(scene: Scene, store: Path) -> Running:
    """Run to the end.

    Raises:
        BrokenError: it ends otherwise than well.
    """
    running = score(scene, store)
    if code := running.wait():
        raise BrokenError(f"exit code {code}: {running.last_words()}")
    return running


def quiet(scene: Scene) -> str:
    """What the whole directory comes to where nothing fails."""
    store = furnish(scene, scene.place("quiet") / "var", "recommender")
    finish(scene, store)
    return content_hash(store / "out")


def _reach(running: Running, store: Path, shards: int) -> None:
    out = store / "out"
    wait_for(lambda: finished_shards(out) >= shards or running.is_over, "it never began")


def _compare(store: Path, expected: str) -> None:
    if content_hash(store / "out") != expected:
        raise BrokenError("other bytes than in a quiet run")


def _kill(scene: Scene, rng: random.Random) -> Iterator[dict[str, Any]]:
    expected = quiet(scene)
    for _ in range(ROUNDS):
        store = furnish(scene, scene.place("score") / "var", "recommender")
        running = score(scene, store)
        _reach(running, store, rng.randrange(SHARDS))
        time.sleep(rng.uniform(0, 0.2))
        running.kill()
        reached = finished_shards(store / "out")
        told = check_told_once(finish(scene, store).log)
        _compare(store, expected)
        yield {"shards there when killed": reached, "lines told": told}


def _full_disk(scene: Scene, rng: random.Random) -> Iterator[dict[str, Any]]:
    expected = quiet(scene)
    for _ in range(ROUNDS):
        place = scene.place("score")
        with small_disk(place) as disk:
            store = furnish(scene, place / "var", "recommender")
            running = score(scene, store)
            _reach(running, store, rng.randrange(SHARDS))
            with disk.full():
                code = running.wait()
            if code not in {Exit.DONE, Exit.REFUSED, Exit.BAD_INPUT}:
                raise BrokenError(f"exit code {code}: {running.last_words()}")
            told = check_told_once(running.log)
            finish(scene, store)
            _compare(store, expected)
        yield {"exit code": code, "lines told": told}


def _corrupt(scene: Scene, rng: random.Random) -> Iterator[dict[str, Any]]:
    expected = quiet(scene)
    for _ in range(ROUNDS):
        store = furnish(scene, scene.place("score") / "var", "recommender")
        running = score(scene, store)
        _reach(running, store, 2)
        running.kill()
        journal = store / "out" / "_journal.jsonl"
        shards = sorted((store / "out").glob("shard=*/*"))
        damaged = rng.choice([journal, *shards])
        # Past the first line of the journal: what run it is of cannot be told without it.
        flips = flip(damaged, rng, past=journal.read_bytes().find(b"\n") * (damaged == journal))
        told = check_told_once(finish(scene, store).log)
        _compare(store, expected)
        yield {"file": damaged.name, "bytes": flips, "lines told": told}


def plays() -> Iterator[tuple[str, str, Play]]:
    """Fault, target, and how it is played."""
    yield "kill", "recommender score", _kill
    yield "full disk", "recommender score", _full_disk
    yield "corrupt files", "recommender score", _corrupt
