"""`learn --promote` of customer service, killed: no correction lost, none learned twice."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

from apps.customer_service.learning.lessons import load_lessons
from benchmarks.chaos.applications import name_of
from benchmarks.chaos.rounds import BrokenError, Play, Scene
from benchmarks.chaos.running import Running, check_told_once
from benchmarks.chaos.stores import furnish
from common.errors import Exit
from common.learning.schema import Feedback
from common.learning.store import FeedbackStore
from common.records.personal import prepare
from common.releases.registry import Registry
from common.storage.database import DATABASE, Database

ROUNDS = 2
CORRECTIONS, KILLS = 12, 2
APPLICATION = "customer_service"


def _kill(scene: Scene, rng: random.Random) -> Iterator[dict[str, Any]]:
    for _ in range(ROUNDS):
        store = furnish(scene, scene.place("learn") / "var", APPLICATION, copied=True)
        lines = (scene.files / "faqs.jsonl").read_text(encoding="utf-8").splitlines()
        faqs = islice(cycle(json.loads(line)["id"] for line in lines), CORRECTIONS)
        rows = [_correction(number, faq) for number, faq in enumerate(faqs)]
        database = Database(store / DATABASE)
        feedback = FeedbackStore(database, APPLICATION)
        feedback.add(rows)
        command = ("learn", "--promote", "--store", store, "--json")
        kills, seconds = 0, 6.0
        for _ in range(KILLS):
            running = Running(f"apps.{APPLICATION}", *command)
            time.sleep(rng.uniform(0, seconds))
            kills += not running.is_over
            running.kill()
        began = time.monotonic()
        last = Running(f"apps.{APPLICATION}", *command)
        code = last.wait()
        if code not in {Exit.DONE, Exit.REFUSED}:
            raise BrokenError(f"exit code {code}: {last.last_words()}")
        kept = feedback.feedback()
        database.close()
        if {row.id for row in kept} != {row.id for row in rows}:
            raise BrokenError(f"{len(kept)} of {len(rows)} corrections are kept")
        learned = sum(row.status == "learned" for row in kept)
        registry = Registry(store, APPLICATION)
        _check_release(registry, rows, learned)
        yield {
            "kills": kills,
            "exit code": code,
            "learned": learned,
            "releases": len(registry.all()),
            "seconds of the last": round(time.monotonic() - began, 1),
            "lines told": check_told_once(last.log),
        }


def _correction(number: int, faq_id: str) -> Feedback:
    return Feedback(
        id=str(number),
        at=time.time(),
        source="x",
        trusted=True,
        kind="correction",
        text=name_of(number),
        wanted={"faq_id": faq_id},
    )


def _check_release(registry: Registry, rows: list[Feedback], learned: int) -> None:
    release = registry.open()
    if not learned:
        return
    taught = Counter(example.text for example in load_lessons(release)[0].train)
    once = sum(taught[prepare(row.text)] == 1 for row in rows)
    if once != learned:
        raise BrokenError(f"{learned} are said to be learned, {once} are in the release once")


def plays() -> Iterator[tuple[str, str, Play]]:
    """Fault, target, and how it is played."""
    yield "kill", f"{APPLICATION} learn", _kill
