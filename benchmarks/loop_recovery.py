"""`learn --promote` killed at random points while customers ask: what is lost, doubled or refused.

python -m benchmarks.loop_recovery [--store DIR] [--kills 20]   # a store with a release

A server answers the sample questions all the while. Corrections are reported over HTTP, a few for
each kill; `learn --promote` is started and killed (SIGKILL) after a random share of its usual time.
At the end it runs once undisturbed.
"""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from apps.customer_service.demo.samples import SAMPLES
from apps.customer_service.learning.lessons import load_lessons
from benchmarks.harness import parser, report, start
from common.learning.store import FeedbackStore
from common.records.personal import prepare
from common.releases.registry import Registry
from common.storage.database import DATABASE, Database

APPLICATION = "customer_service"
QUIET_SECONDS = 20.0


def main() -> None:
    """Kill, count, report."""
    arguments = parser("learn --promote, killed under traffic")
    arguments.add_argument("--store", type=Path, default=Path("var"))
    arguments.add_argument("--kills", type=int, default=20)
    chosen = arguments.parse_args()
    start(chosen)
    lines = (SAMPLES / "corrections.jsonl").read_text(encoding="utf-8").splitlines()
    written = [json.loads(line) for line in lines]
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "var"
        ignored = shutil.ignore_patterns("*.sqlite*", "*.spool")
        shutil.copytree(chosen.store, store, symlinks=True, ignore=ignored)
        with _server(store) as address:
            report("loop_recovery", _run(store, address, written, chosen.kills, chosen.seed))


def _run(
    store: Path, address: str, written: list[dict[str, str]], kills: int, seed: int
) -> dict[str, Any]:
    randomly = random.Random(seed)
    traffic = _Traffic(address)
    traffic.start()
    time.sleep(QUIET_SECONDS)
    quiet = traffic.latencies(0.0)
    began = time.monotonic()
    said = [_correct(address, one) for one in written[:2]]
    usual = _learn(store)
    learned_in = time.monotonic() - began
    killed = 0
    rest = written[2:]
    for number in range(kills):
        some = rest[number * len(rest) // kills : (number + 1) * len(rest) // kills]
        said += [_correct(address, one) for one in some]
        killed += _learn(store, kill_after=randomly.uniform(0, 1.1 * learned_in)) == -9
    last = _learn(store)
    busy = traffic.latencies(began)
    traffic.stop()
    database = Database(store / DATABASE)
    rows = FeedbackStore(database, APPLICATION).feedback(kind="correction")
    database.close()
    release = Registry(store, APPLICATION).open()
    taught = Counter(example.text for example in load_lessons(release)[0].train)
    texts = [prepare(one["text"]) for one in written]
    return {
        "kills that hit": f"{killed} of {kills}",
        "exit codes, first and last": [usual, last],
        "seconds of an undisturbed learn": learned_in,
        "answers": len(traffic.found),
        "answers that failed": traffic.failed,
        "corrections reported": len(said),
        "corrections kept": len({row.id for row in rows}),
        "kept, but not learned in the end": sum(row.status != "learned" for row in rows),
        "in the last release, once": sum(taught[text] == 1 for text in texts),
        "in the last release, twice": sum(taught[text] > 1 for text in texts),
        "p95 of an answer, quiet, ms": float(np.percentile(quiet, 95)),
        "p95 of an answer, while it learns, ms": float(np.percentile(busy, 95)),
        "ratio": float(np.percentile(busy, 95) / np.percentile(quiet, 95)),
    }


class _Traffic:
    """Asks the sample questions one after the other."""

    def __init__(self, address: str) -> None:
        self.found: list[tuple[float, float]] = []
        self.failed = 0
        self._address = address
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def latencies(self, since: float) -> list[float]:
        """Milliseconds of each answer that was asked for later."""
        return [seconds * 1000 for at, seconds in self.found if at >= since]

    def _ask(self) -> None:
        questions = (SAMPLES / "test.en.csv").read_text(encoding="utf-8").splitlines()[1:]
        with httpx.Client(base_url=self._address, timeout=60) as client:
            while not self._over.is_set():
                for question in questions:
                    at = time.monotonic()
                    reply = client.post("/v1/answers", json={"question": question[:200]})
                    self.failed += reply.status_code != 200
                    self.found.append((at, time.monotonic() - at))
                    if self._over.wait(0.05):
                        return


def _correct(address: str, one: dict[str, str]) -> str:
    body = {"answer_id": "none", "question": one["text"]}
    body |= {name: text for name, text in one.items() if name in {"faq_id", "answer"}}
    reply = httpx.post(f"{address}/v1/feedback", json=body, timeout=60)
    reply.raise_for_status()
    identity: str = reply.json()["id"]
    return identity


def _learn(store: Path, *, kill_after: float | None = None) -> int:
    """The exit code."""
    command = [sys.executable, "-m", "apps.customer_service", "learn", "--promote"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        ["nice", "-n", "19", *command, "--store", str(store), "--json"],
        stdout=quiet,
        stderr=quiet,
        env=None,
    )
    try:
        return process.wait(kill_after)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@contextmanager
def _server(store: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "apps.customer_service", "serve", "--store", str(store)]
    process = subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.PIPE, text=True)
    assert process.stderr
    next(line for line in process.stderr if line.startswith("Ready:"))
    threading.Thread(target=process.stderr.read, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    main()
