"""A customer-service server in 8 bits beside one in full precision: answers, speed, memory.

python -m benchmarks.int8_serving [--store DIR] [--questions 200]

Both run at once and are asked the same question one after the other, so that a machine that is busy
with something else slows both alike. Without --store, the sample data is learned with e5-small.
"""

from __future__ import annotations

import argparse
import csv
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.customer_service.demo.samples import SAMPLES
from benchmarks.harness import report

PATIENCE_SECONDS = 600
TRAINING = ["--set", "strategy=head", "--set", "epochs=2", "--backbone", "e5-small"]
WARMING = 20


@dataclass(frozen=True)
class Server:
    """One that answers, and the seconds from its start to that."""

    process: subprocess.Popen[bytes]
    port: int
    seconds: float

    def ask(self, question: str) -> tuple[dict[str, Any], float]:
        """The answer, and how many milliseconds it took."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v1/answers",
            json.dumps({"question": question}).encode(),
            {"Content-Type": "application/json"},
        )
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=60) as reply:
            answer: dict[str, Any] = json.load(reply)
        return answer, 1000 * (time.perf_counter() - began)

    @property
    def megabytes(self) -> float:
        """Resident in memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    """Ask both servers, and compare."""
    arguments = argparse.ArgumentParser(description="8 bits beside full precision")
    arguments.add_argument("--store", type=Path, default=None, help="a store with a release")
    arguments.add_argument("--questions", type=int, default=200)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = chosen.store or _train(Path(folder) / "var")
        with _server(store, "int8") as first:
            making = first.seconds
        with _server(store, "fp32") as whole, _server(store, "int8") as small:
            figures = _compare(whole, small, _questions(chosen.questions))
    report("int8_serving", figures | {"seconds to ready, int8, the first time": making})


def _compare(
    whole: Server, small: Server, asked: Sequence[tuple[str, str]]
) -> dict[str, float | int]:
    for question, _ in asked[:WARMING]:
        for server in (whole, small):
            server.ask(question)
    spent: dict[str, list[float]] = {"fp32": [], "int8": []}
    right = {"fp32": 0, "int8": 0}
    same = 0
    for question, faq_id in asked:
        given = {}
        for name, server in (("fp32", whole), ("int8", small)):
            given[name], milliseconds = server.ask(question)
            spent[name].append(milliseconds)
            right[name] += _first(given[name]) == faq_id
        decisions = {(one["decision"], _first(one)) for one in given.values()}
        same += len(decisions) == 1
    figures: dict[str, float | int] = {"questions": len(asked), "same answer": same / len(asked)}
    for name, server in (("fp32", whole), ("int8", small)):
        figures |= {
            f"right first, {name}": right[name] / len(asked),
            f"p50 ms, {name}": float(np.percentile(spent[name], 50)),
            f"p95 ms, {name}": float(np.percentile(spent[name], 95)),
            f"MB, {name}": server.megabytes,
            f"seconds to ready, {name}": server.seconds,
        }
    for what in ("p50 ms", "p95 ms", "MB", "seconds to ready"):
        figures[f"{what}, fp32 / int8"] = figures[f"{what}, fp32"] / figures[f"{what}, int8"]
    return figures


def _first(answer: dict[str, Any]) -> str | None:
    citations = answer["citations"]
    return citations[0]["faq_id"] if citations else None


def _questions(count: int) -> list[tuple[str, str]]:
    """Held-out questions of the sample data, from everywhere in it, with the FAQ of each."""
    found = []
    for path in sorted(SAMPLES.glob("test.*")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            found += [(row["question"], row["faq_id"]) for row in rows if row["faq_id"]]
    every = max(1, len(found) // count)
    return found[::every][:count]


def _train(store: Path) -> Path:
    command = [sys.executable, "-m", "apps.customer_service", "train", "--store", str(store)]
    for name in ("faqs", "questions", "test"):
        for path in sorted(SAMPLES.glob(f"{name}.*")):
            command += [f"--{name}", str(path)]
    subprocess.run([*command, *TRAINING], check=True)
    return store


@contextmanager
def _server(store: Path, precision: str) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "apps.customer_service", "serve", "--store", str(store)]
    began = time.perf_counter()
    with subprocess.Popen([*command, "--precision", precision, "--port", str(port)]) as process:
        try:
            while not _is_ready(port):
                if process.poll() is not None or time.perf_counter() - began > PATIENCE_SECONDS:
                    raise SystemExit("the server did not start")
                time.sleep(0.02)
            yield Server(process, port, time.perf_counter() - began)
        finally:
            process.send_signal(signal.SIGTERM)


def _is_ready(port: int) -> bool:
    # The port is taken before anything is loaded: it is ready when it answers.
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    main()
