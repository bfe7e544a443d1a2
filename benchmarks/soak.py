"""An hour of mixed load against the customer-service server: does anything grow?

python -m benchmarks.soak [--minutes 60] [--clients 4] [--store DIR] [--name soak]

Questions, conversations, feedback, searches and scrapes, from several clients. Every ten seconds:
resident memory and open files of the server, with all its processes, and the 95th percentile of an
answer. Of each the slope over the run behind its first tenth, which warms up: Theil-Sen (Sen 1968,
10.1080/01621459.1968.10480934) with its 95 % interval. Samples of memory follow from each other, so
its interval is on the narrow side. Without `--store`, over a tiny release that is trained first.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.chaos.running import Running
from benchmarks.chaos.stores import furnish, make_scene
from benchmarks.harness import parser, report
from benchmarks.loop_recovery import SAMPLES

APPLICATION = "customer_service"
EVERY_SECONDS = 10.0
SHOWN = 10


@dataclass(frozen=True)
class Sample:
    """One look at the server; `hours` since it was ready."""

    hours: float
    megabytes: float
    files: int
    p95: float
    answers: int


class Load:
    """Clients that ask at once, each in its turn of kinds."""

    def __init__(self, address: str, clients: int, seed: int) -> None:
        self.failed: Counter[str] = Counter()
        self._latencies: list[float] = []
        self._address = address
        self._lock = threading.Lock()
        self._over = threading.Event()
        lines = (SAMPLES / "test.en.csv").read_text(encoding="utf-8").splitlines()[1:]
        self._questions = [line.partition(",")[0].strip('"')[:200] for line in lines]
        self._threads = [
            threading.Thread(target=self._ask, args=(random.Random(seed + number),), daemon=True)
            for number in range(clients)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def take(self) -> list[float]:
        """Milliseconds of the answers since it was last asked."""
        with self._lock:
            taken, self._latencies = self._latencies, []
        return taken

    def _ask(self, rng: random.Random) -> None:
        conversation = None
        with httpx.Client(base_url=self._address, timeout=60) as client:
            while not self._over.is_set():
                question = rng.choice(self._questions)
                body: dict[str, Any] = {"question": question}
                if conversation and rng.random() < 0.7:
                    body["conversation_id"] = conversation
                began = time.monotonic()
                answer = self._send(client, "/v1/answers", body)
                with self._lock:
                    self._latencies.append(1000 * (time.monotonic() - began))
                conversation = answer and answer["conversation_id"]
                if answer and rng.random() < 0.2:
                    said = {"answer_id": answer["id"], "verdict": rng.choice(("good", "bad"))}
                    self._send(client, "/v1/feedback", said)
                if rng.random() < 0.1:
                    self._send(client, "/v1/retrieve", {"question": question})
                if rng.random() < 0.02:
                    self.failed["/metrics"] += client.get("/metrics").is_error

    def _send(self, client: httpx.Client, route: str, body: dict[str, Any]) -> Any:
        reply = client.post(route, json=body)
        if reply.is_error:
            self.failed[f"{route} {reply.status_code}"] += 1
            return None
        return reply.json()


def watch(running: Running, load: Load, minutes: float) -> list[Sample]:
    """Look every ten seconds, and say so every minute."""
    import psutil

    samples: list[Sample] = []
    began = time.monotonic()
    while time.monotonic() < began + 60 * minutes:
        time.sleep(EVERY_SECONDS)
        root = psutil.Process(running.pid)
        processes = [root, *root.children(recursive=True)]
        latencies = load.take()
        one = Sample(
            (time.monotonic() - began) / 3600,
            sum(process.memory_info().rss for process in processes) / 2**20,
            sum(process.num_fds() for process in processes),
            float(np.percentile(latencies, 95)) if latencies else float("nan"),
            len(latencies),
        )
        samples.append(one)
        if len(samples) % 6 == 1:
            print(_row(one), file=sys.stderr, flush=True)
    return samples


def slope(samples: list[Sample], name: str) -> str:
    """By how much it grows in an hour, and the 95 % interval of that."""
    from scipy.stats import theilslopes

    warm = samples[len(samples) // 10 :]
    values = np.array([getattr(one, name) for one in warm])
    hours = np.array([one.hours for one in warm])
    kept = np.isfinite(values)
    middle, _, low, high = theilslopes(values[kept], hours[kept], 0.95)
    usual = np.median(values[kept])
    return f"{middle:+.1f} an hour ({low:+.1f} to {high:+.1f}), median {usual:.1f}"


def _row(one: Sample) -> str:
    return (
        f"{60 * one.hours:6.1f} min {one.megabytes:8.0f} MiB {one.files:5} files"
        f" {one.p95:8.1f} ms p95 {one.answers:6} answers"
    )


def main() -> None:
    """Load, look, report."""
    arguments = parser("an hour of mixed load")
    arguments.add_argument("--minutes", type=float, default=60.0)
    arguments.add_argument("--clients", type=int, default=4)
    arguments.add_argument("--store", type=Path, default=None, help="with a release")
    arguments.add_argument("--name", default="soak", help="of the file in benchmarks/results")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="bizlm-soak-") as folder:
        store = chosen.store or furnish(
            make_scene(Path(folder) / "scene", [APPLICATION]), Path(folder) / "var", APPLICATION
        )
        running = Running(f"apps.{APPLICATION}", "serve", "--store", store, "--port", 0)
        try:
            with Load(running.address(), chosen.clients, chosen.seed) as load:
                samples = watch(running, load, chosen.minutes)
        finally:
            running.terminate()
            running.wait()
    for one in samples[:: max(1, len(samples) // SHOWN)]:
        print(_row(one))
    figures = {
        "minutes": chosen.minutes,
        "clients": chosen.clients,
        "release": "tiny" if chosen.store is None else "of --store",
        "answers": sum(one.answers for one in samples),
        "failed": dict(load.failed),
        "memory, MiB": slope(samples, "megabytes"),
        "open files": slope(samples, "files"),
        "95th percentile of an answer, ms": slope(samples, "p95"),
    }
    report(chosen.name, figures)


if __name__ == "__main__":
    main()
