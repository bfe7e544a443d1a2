"""Kill -9 the real `score` at random moments, start it again, compare the directories byte by byte.

The items are encoded anew in each run, so that a kill may strike there too.

python -m benchmarks.recommender_recovery [--store var] [--workers 2]

Needs a release in the store: `python -m apps.recommender demo` makes one.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import parser, report
from common.files import directory_hashes
from common.releases.registry import Registry

SAMPLES = Path(__file__).parents[1] / "data_samples" / "recommender"
KILLS = 10


def command(place: Path, store: Path, workers: int) -> list[str]:
    """What a user types, on the sample data; `place` gets a store that knows only the release."""
    registry = Registry(store, "recommender")
    own = Registry(place, "recommender")
    own.root.mkdir(parents=True, exist_ok=True)
    if not own.releases.exists():
        own.releases.symlink_to(registry.releases.resolve())
    return [
        sys.executable, "-m", "apps.recommender", "score",
        "--interactions", str(SAMPLES / "interactions.csv"),
        "--items", str(SAMPLES / "items.jsonl"),
        "--users", str(SAMPLES / "users.csv"),
        "--store", str(place), "--release", str(registry.current_id()),
        "--out", str(place / "out"), "--k", "50",
        "--workers", str(workers), "--shard-size", "20",
    ]  # fmt: skip


def content_hash(out: Path) -> str:
    """One SHA-256 over the names and bytes of all files."""
    return hashlib.sha256(json.dumps(directory_hashes(out)).encode()).hexdigest()


def run_whole(arguments: list[str]) -> float:
    """Run to the end; seconds."""
    began = time.monotonic()
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def kill(arguments: list[str], out: Path, *, seconds: float, shards: int) -> None:
    """Start it, wait for so many shards and then so many seconds, and kill it.

    Its workers have to notice for themselves.
    """
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while finished_shards(out) < shards and process.poll() is None:
        time.sleep(0.001)
    time.sleep(seconds)
    process.kill()
    process.wait()


def finished_shards(out: Path) -> int:
    """Shards that have their final name."""
    return len(list(out.glob("shard=*/part-0.parquet")))


def recovery(store: Path, workers: int, seed: int) -> dict[str, Any]:
    """Kill each run once, anywhere in its length or among its shards, and finish it."""
    rng = random.Random(seed)
    same, reached = 0, []
    with tempfile.TemporaryDirectory() as folder:
        whole, timed = Path(folder) / "whole", Path(folder) / "timed"
        run_whole(command(whole, store, workers=1))
        expected, shards = content_hash(whole / "out"), finished_shards(whole / "out")
        seconds = run_whole(command(timed, store, workers))
        for number in range(KILLS):
            place = Path(folder) / str(number)
            # Loading and encoding take most of so short a run: half of the kills wait for shards.
            moment: dict[str, Any] = (
                {"seconds": rng.uniform(0, seconds), "shards": 0}
                if number % 2
                else {"seconds": rng.uniform(0, 0.3), "shards": rng.randrange(1, shards)}
            )
            kill(command(place, store, workers), place / "out", **moment)
            reached.append(finished_shards(place / "out"))
            run_whole(command(place, store, workers))
            same += content_hash(place / "out") == expected
            print(f"killed at {reached[-1]} of {shards}: {same} of {number + 1} same", flush=True)
    return {
        "shards": shards,
        "workers": workers,
        "seconds of an undisturbed run": seconds,
        "shards there when killed": ", ".join(map(str, reached)),
        "identical": f"{same} of {KILLS}",
    }


def main() -> None:
    """Measure, print, keep."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--store", type=Path, default=Path("var"))
    arguments.add_argument("--workers", type=int, default=2)
    chosen = arguments.parse_args()
    report("recommender_recovery", recovery(chosen.store, chosen.workers, chosen.seed))


if __name__ == "__main__":
    main()
