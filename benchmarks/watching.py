"""What `watch` costs beside the bare model, what it keeps in memory, and what kill -9 does to it.

python -m benchmarks.watching throughput|memory|recovery [--store var]

Throughput needs the public data; all need a release in the store: `finance_monitor demo` makes one.
"""

from __future__ import annotations

import csv
import itertools
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

from apps.finance_monitor.feeds.feed import Batch, Position
from apps.finance_monitor.feeds.file_feed import FileFeed
from apps.finance_monitor.release import load_release
from apps.finance_monitor.schema import FeedRecord, ScoredRecord, SentimentScore, TopicScore
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.text import prepare
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.monitor import Rules
from benchmarks.harness import parser, report, start
from common.errors import UserError
from common.releases.registry import Registry

RULES = Rules(parse_budget("1 per 30d"))
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
SAMPLES = Path(__file__).parents[1] / "data_samples" / "finance_monitor"
TEXTS, ROUNDS = 1500, 3
RECORDS, KEYS, SAMPLED_EVERY = 1_000_000, 500, 100_000
KILLS = 20


def main() -> None:
    """Measure one of the three."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("part", choices=["throughput", "memory", "recovery"])
    arguments.add_argument("--store", type=Path, default=Path("var"))
    chosen = arguments.parse_args()
    parts = {"throughput": throughput, "memory": memory, "recovery": recovery}
    if chosen.part == "throughput":
        start(chosen)
    report(f"watch_{chosen.part}", parts[chosen.part](chosen.store, chosen.data))


def _load(store: Path) -> Classifier:
    try:
        return load_release(Registry(store, "finance_monitor").open())
    except UserError as error:
        raise SystemExit(str(error)) from None


def throughput(store: Path, data: Path) -> dict[str, Any]:
    """Texts a second, the watch beside the bare model, best of three of each in turns."""
    with (data / "twitter_financial_news" / "train.csv").open(encoding="utf-8") as file:
        texts = [row["text"] for row in itertools.islice(csv.DictReader(file), TEXTS)]
    classifier = _load(store)
    classifier.read(texts[:64])
    bare, watched = [], []
    with tempfile.TemporaryDirectory() as folder:
        feed = Path(folder) / "feed.jsonl"
        with feed.open("w", encoding="utf-8") as file:
            for number, text in enumerate(texts):
                when = BEGIN + timedelta(minutes=number)
                record = FeedRecord(id=str(number), published_at=when, text=text)
                file.write(record.model_dump_json(exclude_none=True) + "\n")
        for number in range(ROUNDS):
            began = time.perf_counter()
            classifier.read([prepare(text) for text in texts])
            bare.append(len(texts) / (time.perf_counter() - began))
            watch = Watch(Store(Path(folder) / f"{number}.sqlite"), RULES, classifier)
            began = time.perf_counter()
            watch.follow(FileFeed(feed, once=True), Event())
            watched.append(len(texts) / (time.perf_counter() - began))
            copies = watch.monitor.tally["duplicates"]
    return {
        "texts": len(texts),
        "copies among them": copies,
        "bare model, texts per second": max(bare),
        "watch, texts per second": max(watched),
        "ratio": max(watched) / max(bare),
    }


class Generated:
    """A feed of scored stories on many keys, made as they are read."""

    def __init__(self) -> None:
        self._stories = self._make()

    def _make(self) -> Iterator[ScoredRecord]:
        rng = random.Random(0)
        labels = ("negative", "neutral", "neutral", "positive")
        for number in range(RECORDS):
            label = rng.choice(labels)
            yield ScoredRecord(
                id=f"r{number}",
                published_at=BEGIN + timedelta(days=180) * (number / RECORDS),
                text=f"{rng.getrandbits(160):x} {rng.getrandbits(160):x}",
                sentiment=SentimentScore(label=label, probabilities={label: 0.9}),
                topics=[TopicScore(name=f"topic {rng.randrange(9)}", probability=0.9)],
                entities=[f"company {rng.randrange(KEYS - 10)}"],
                release_id="none",
            )

    def read_batch(self, max_records: int, timeout: float = 1.0) -> Batch:
        """The next stories."""
        records: list[FeedRecord] = list(itertools.islice(self._stories, 512))
        return Batch(records, [], None, ended=not records)

    def acknowledge(self, position: Position) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def memory(store: Path, data: Path) -> dict[str, Any]:
    """Resident memory while a million records on 500 keys pass, the model loaded."""
    classifier = _load(store)
    classifier.read(["warm"])
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(Store(Path(folder) / "monitor.sqlite"), RULES, None)
        next_sample = 0

        def sample(_: object) -> None:
            nonlocal next_sample
            if watch.pace.records >= next_sample:
                figures[f"MiB after {watch.pace.records:,}"] = round(_resident(), 1)
                print(figures, flush=True)
                next_sample += SAMPLED_EVERY

        watch.follow(Generated(), Event(), sample)
        figures["records"] = watch.pace.records
        figures["keys"] = len(watch.monitor.keys)
        figures["MiB on disk"] = (Path(folder) / "monitor.sqlite").stat().st_size >> 20
    figures["peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return figures


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def recovery(store: Path, data: Path) -> dict[str, Any]:
    """Kill `watch` over the sample feed at a random moment, start it again, compare."""
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        began = time.monotonic()
        _watch(store, whole).wait()
        seconds = time.monotonic() - began
        expected = _outcome(whole)
        same = 0
        for number in range(KILLS):
            place = Path(folder) / str(number)
            process = _watch(store, place)
            database = place / "finance_monitor" / "monitor.sqlite"
            while not database.exists():
                time.sleep(0.01)
            # The rest of its life, of which loading the model is about a third.
            time.sleep(rng.uniform(0, 0.6 * seconds))
            process.send_signal(signal.SIGKILL)
            process.wait()
            reached = _stories(database)
            _watch(store, place).wait()
            same += _outcome(place) == expected
            print(f"killed after {reached} stories: {same} of {number + 1} the same", flush=True)
    return {"alerts": len(expected[0]), "identical": f"{same} of {KILLS}"}


def _watch(store: Path, place: Path) -> subprocess.Popen[bytes]:
    registry = Registry(store, "finance_monitor")
    (place / "finance_monitor").mkdir(parents=True, exist_ok=True)
    releases = place / "finance_monitor" / "releases"
    if not releases.exists():
        releases.symlink_to(registry.releases.resolve())
    return subprocess.Popen(
        [
            sys.executable, "-m", "apps.finance_monitor", "watch", str(SAMPLES / "feed.jsonl"),
            "--entities", str(SAMPLES / "entities.csv"), "--once", "--store", str(place),
            "--release", str(registry.current_id()), "--notify", f"jsonl:{place}/told.jsonl",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _stories(database: Path) -> int:
    try:
        return int(sqlite3.connect(database).execute("SELECT count(*) FROM stories").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def _outcome(place: Path) -> tuple[list[Any], list[Any]]:
    lines = (place / "told.jsonl").read_text(encoding="utf-8").splitlines()
    database = sqlite3.connect(place / "finance_monitor" / "monitor.sqlite")
    alerts = database.execute("SELECT content, muted_by FROM alerts ORDER BY alert_id").fetchall()
    return [json.loads(line) for line in lines], alerts


if __name__ == "__main__":
    main()
