"""The monitor over several machines: what its workers score, and what its one detector takes in.

python -m benchmarks.watch_machines [--store var]

Starts a redis-server of its own. `--store` holds a release of the finance monitor. All of them
share this one machine, so two workers on two cores leave little for Redis.
"""

from __future__ import annotations

import csv
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

from apps.finance_monitor.feeds.redis_feed import RedisFeed
from apps.finance_monitor.schema import FeedRecord, ScoredRecord
from apps.finance_monitor.store import Store
from apps.finance_monitor.watch.follow import Watch
from benchmarks.harness import parser, report, start
from benchmarks.watching import BEGIN, RULES, Generated

TEXTS, SCORED = 1000, 30_000
WORKERS = (1, 2)


def main() -> None:
    """Measure workers and detector."""
    arguments = parser(str(__doc__))
    arguments.add_argument("--store", type=Path, default=Path("var"))
    chosen = arguments.parse_args()
    start(chosen)
    figures: dict[str, Any] = {"texts": TEXTS}
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as (client, address):
        texts = _texts(chosen.data)
        for workers in WORKERS:
            client.flushall()
            figures[f"{workers} workers, texts per second"] = _score(
                client, address, texts, workers, chosen.store
            )
        client.flushall()
        figures["scored records"] = SCORED
        figures["detector, records per second"] = _detect(client, address, Path(folder))
    alone = figures["1 workers, texts per second"]
    figures["workers that one detector keeps up with"] = round(
        figures["detector, records per second"] / alone
    )
    report("watch_machines", figures)


@contextmanager
def redis_server(folder: Path) -> Iterator[tuple[Any, str]]:
    """A client and the address of a server that keeps its streams in memory."""
    import redis

    server = shutil.which("redis-server")
    if server is None:
        raise SystemExit("redis-server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [server, "--port", str(port), "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            client = redis.Redis(port=port)
            while True:
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    time.sleep(0.05)
            yield client, f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()


def _texts(data: Path) -> list[str]:
    with (data / "twitter_financial_news" / "train.csv").open(encoding="utf-8") as file:
        return [row["text"] for row in itertools.islice(csv.DictReader(file), TEXTS)]


def _score(client: Any, address: str, texts: list[str], workers: int, store: Path) -> float:
    """Texts a second by so many workers of one thread each, after the first of each came."""
    for number, text in enumerate(texts):
        when = BEGIN + timedelta(minutes=number)
        record = FeedRecord(id=str(number), published_at=when, text=text)
        client.xadd("news", {"record": record.model_dump_json(exclude_none=True)})
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    processes = [
        subprocess.Popen(
            [
                sys.executable, "-m", "apps.finance_monitor", "watch",
                f"{address}/news?group=workers&consumer=w{number}",
                "--score-only", f"{address}/scored", "--store", str(store),
            ],
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        for number in range(workers)
    ]  # fmt: skip
    while len(client.xinfo_consumers("news", "workers") if client.xlen("scored") else ()) < workers:
        time.sleep(0.01)
    began, before = time.perf_counter(), client.xlen("scored")
    while client.xlen("scored") < len(texts):
        time.sleep(0.01)
    seconds = time.perf_counter() - began
    for process in processes:
        process.send_signal(signal.SIGTERM)
        process.wait()
    return (len(texts) - before) / seconds


def _detect(client: Any, address: str, folder: Path) -> float:
    """Scored records a second, through Redis into SQLite."""
    stories = Generated()
    while client.xlen("scored") < SCORED:
        with client.pipeline() as pipeline:
            for story in stories.read_batch(512).records:
                assert isinstance(story, ScoredRecord)
                pipeline.xadd("scored", {"record": story.model_dump_json(exclude_none=True)})
            pipeline.execute()
    watch = Watch(Store(folder / "monitor.sqlite"), RULES, None)
    feed = RedisFeed(f"{address}/scored?group=detector", once=True, record=ScoredRecord)
    began = time.perf_counter()
    watch.follow(feed, Event())
    return watch.pace.records / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
